"""Calls of several lines, times that are worked out, and the other keys of a mapping."""

import json
from typing import Any

import pytest

from cti.replay.events import Reading, read_events
from cti.replay.mapping import Mapping
from cti.replay.mapping_file import MappingRefused, parse
from cti.replay.reasons import Rejection
from cti.replay.table import read_table

LOG = """name = "log"
switch = "log"
time_zone = "UTC"
time_format = ["%s", "%Y-%m-%d %H:%M:%S"]
delimiter = "|"
quote = ""
columns = ["time", "call", "agent", "event", "ring"]
cells_min = 4
skip_prefix = ["#", "--"]
key = ["call"]
rounding_s = 1
[times]
at = { column = "time" }
rang = { start = "at", minus_s = "ring", none = "" }
[[event]]
kind = "offered"
at = "at"
when = { event = "ENTER" }
[[event]]
kind = "queued"
at = "at"
when = { event = "ENTER" }
[[event]]
kind = "delivered"
at = "rang"
when = { event = "CONNECT" }
data = { connection = "{agent}", agent = "{agent}" }
[[event]]
kind = "established"
at = "at"
when = { event = "CONNECT" }
data = { connection = "{agent}", agent = "{agent}" }
[[event]]
kind = "callCleared"
at = "at"
unless = { event = ["ENTER", "CONNECT", "NOTE"] }
"""
START_S = 1_000_000_000
CALL = ["1000000100|c1|NONE|ENTER", "1000000130|c1|SIP/2|CONNECT|5", "1000000200|c1|SIP/2|COMPLETE"]


def mapping(*changes: tuple[str, str], text: str = LOG) -> Mapping:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse(text.encode(), "log.toml").mapping


def reading(*lines: str, by: Mapping | None = None, now_ms: int | None = None) -> Reading:
    """What is read of lines; their times count from START."""
    by = by or mapping()
    return read_events(read_table("\n".join(lines).encode(), by.layout()).rows, by, now_ms)


def facts(found: Reading) -> list[tuple[str, int]]:
    return [(json.loads(event.body)["id"], event.at_ms // 1000 - START_S) for event in found.events]


def rejected(found: Reading) -> list[tuple[int, Rejection]]:
    return [(line.line, line.reason) for line in found.rejected]


def test_lines_of_one_key_become_one_call_whatever_stands_between() -> None:
    found = reading(
        CALL[0],
        "1000000110|c2|NONE|ENTER",
        "# a remark",
        CALL[1],
        "1000000120|c1|NONE|NOTE",
        "1000000140|c2|NONE|GONE",
        CALL[2],
    )
    assert (found.lines_in, found.accepted, found.rejected) == (6, 6, [])
    assert facts(found) == [
        ("c1/offered", 100),
        ("c1/queued", 100),
        ("c1/delivered", 125),
        ("c1/established", 130),
        ("c1/callCleared", 200),
        ("c2/offered", 110),
        ("c2/queued", 110),
        ("c2/callCleared", 140),
    ]


def test_events_of_one_name_are_numbered_and_a_longer_file_keeps_the_numbers() -> None:
    again = [CALL[0], CALL[1], "1000000150|c1|SIP/3|CONNECT|", CALL[2]]
    first = facts(reading(*again))
    assert [name for name, _ in first if "established" in name] == ["c1/established", "c1/established/2"]
    assert facts(reading(*again, "1000000300|c9|NONE|ENTER", "1000000310|c9|NONE|GONE"))[: len(first)] == first


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (CALL[:2], [(1, Rejection.NO_CLOSING), (2, Rejection.NO_CLOSING)]),
        (CALL[1:], [(1, Rejection.NO_OPENING), (2, Rejection.NO_OPENING)]),
        ([*CALL, CALL[2]], [(line, Rejection.NO_CLOSING) for line in range(1, 5)]),
        (["1000000120|c1|NONE|NOTE"], [(1, Rejection.NO_OPENING)]),
        (
            [CALL[0], "soon|c1|SIP/2|CONNECT|5", CALL[2]],
            [(1, Rejection.CALL_DAMAGED), (2, Rejection.BAD_TIME), (3, Rejection.CALL_DAMAGED)],
        ),
        ([CALL[0], "1000000130|c1", CALL[2]], [(2, Rejection.UNREADABLE)]),
        ([CALL[0], "1000000130||SIP/2|CONNECT|5", CALL[2]], [(2, Rejection.NO_KEY)]),
        ([CALL[0], "1000000130|c1|SIP/2|CONNECT|32", CALL[2]], [(line, Rejection.OUT_OF_ORDER) for line in (1, 2, 3)]),
    ],
)
def test_a_call_is_accepted_whole_or_not_at_all(lines: list[str], expected: list[tuple[int, Rejection]]) -> None:
    found = reading(*lines, "1000000500|other|NONE|ENTER", "1000000510|other|NONE|GONE")
    assert rejected(found) == expected
    assert found.accepted + len(found.rejected) == found.lines_in


def test_a_time_out_by_no_more_than_rounding_is_at_the_call_s_edge() -> None:
    found = reading(CALL[0], "1000000130|c1|SIP/2|CONNECT|31", CALL[2])
    assert dict(facts(found))["c1/delivered"] == 100


LEGS = """name = "legs"
switch = "legs"
time_zone = "UTC"
time_format = "%s"
rows = "leg"
key = ["call"]
key_else = ["from", "line"]
columns_optional = ["trunk"]
[times]
from = { column = "from" }
answered = { column = "answered", none = ["", "0"] }
until = { column = "until" }
[[event]]
kind = "offered"
at = "from"
data = { called = { column = ["first", "second"], none = "-" }, trunk = "{trunk}" }
[[event]]
kind = "established"
at = "answered"
data.connection = "{line}"
data.agent = { column = "line", pattern = '^SIP/(\\d+)' }
[[event]]
kind = "callCleared"
at = "until"
"""


def test_legs_open_with_the_first_and_close_with_the_last() -> None:
    by = mapping(text=LEGS)
    lines = [
        "call,line,from,answered,until,first,second",
        "x,SIP/7-a,1000000115,0,1000000130,-,200",
        "x,SIP/8-b,1000000130,1000000135,1000000190,,",
        "x,other,1000000100,,1000000115,100,",
        ",SIP/7-c,1000000400,1000000401,1000000402,,",
    ]
    found = reading(*lines, by=by)
    assert facts(found) == [
        ("x/established", 135),
        ("x/callCleared", 190),
        ("x/offered", 100),
        ("1000000400-SIP/7-c/offered", 400),
        ("1000000400-SIP/7-c/established", 401),
        ("1000000400-SIP/7-c/callCleared", 402),
    ]
    data: list[dict[str, Any]] = [json.loads(event.body)["data"] for event in found.events]
    assert data[0] == {"connection": "SIP/8-b", "agent": "8"}
    assert data[2] == {"called": "100"}
    assert json.loads(reading(*lines[:2], by=by).events[0].body)["data"] == {"called": "200"}


def test_a_line_is_a_call_where_the_mapping_says_so() -> None:
    found = reading(*CALL, by=mapping(('key = ["call"]', 'key = ["call"]\nrows = "call"')))
    assert [reason for _, reason in rejected(found)] == [
        Rejection.NO_CLOSING,
        Rejection.NO_OPENING,
        Rejection.NO_OPENING,
    ]


PLAIN = """name = "plain"
switch = "plain"
time_zone = "UTC"
time_format = "%s"
key = ["id"]
[times]
came = { column = "came" }
answered = { start = "came", plus_s = "whole", minus_s = ["talk", "more"], plus_ms = "ms" }
ended = { start = "answered", plus_s = "talk" }
[[event]]
kind = "offered"
at = "came"
[[event]]
kind = "established"
at = "answered"
when = { state = "Y" }
data.connection = "a"
[[event]]
kind = "callCleared"
at = "ended"
when = { state = "Y" }
[[event]]
name = "gone"
kind = "callCleared"
at = "came"
unless = { state = "Y" }
"""
HEADER = "id,came,whole,talk,more,ms,state"


def plain(*lines: str) -> Reading:
    return reading(HEADER, *lines, by=mapping(text=PLAIN))


def test_lengths_are_added_and_taken_off() -> None:
    assert facts(plain("a,1000001000,80,60,00:00:05,2000,Y")) == [
        ("a/offered", 1000),
        ("a/established", 1017),
        ("a/callCleared", 1077),
    ]


def test_cells_of_events_that_do_not_happen_may_be_empty_or_anything() -> None:
    found = plain("a,1000001000,,,,,N", "b,1000001000,?,-,,,N")
    assert [name for name, _ in facts(found)] == ["a/offered", "a/gone", "b/offered", "b/gone"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,1000001000,80,,5,0,Y", Rejection.BAD_NUMBER),
        ("a,1000001000,80,-1,5,0,Y", Rejection.NEGATIVE),
        ("a,1000001000,10,60,0,0,Y", Rejection.NEGATIVE),
    ],
)
def test_a_length_that_is_needed_must_be_there(line: str, reason: Rejection) -> None:
    assert rejected(plain(line)) == [(2, reason)]


def test_a_time_may_have_a_format_of_its_own_and_its_own_day() -> None:
    text = PLAIN.replace(
        'time_format = "%s"', 'time_format = "%H:%M:%S"\ndate_column = "day"\ndate_format = "%d.%m.%Y"'
    )
    text = text.replace('came = { column = "came" }', 'came = { column = "came", format = ["%s", "%H:%M"] }')
    by = mapping(text=text)
    lines = [
        "id,day,came,whole,talk,more,ms,state",
        "a,04.03.2024,1709542800,0,0,0,0,N",
        "b,04.03.2024,09:30,0,0,0,0,N",
    ]
    assert [at for name, at in facts(reading(*lines, by=by)) if "offered" in name] == [
        1709542800 - START_S,
        1709544600 - START_S,
    ]


def test_only_a_column_that_is_used_must_be_unique() -> None:
    found = reading(f"{HEADER},note,note", "a,1000001000,80,60,0,0,Y,x,y", by=mapping(text=PLAIN))
    assert found.accepted == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'time_format = ["%s", "%Y-%m-%d %H:%M:%S"]',
            'time_format = ["%s", "%Q"]',
            "log.toml:4: time_format: '%Q' can",
        ),
        ('at = { column = "time" }', 'at = { column = "time", format = "%T" }', "times.at: '%T' can never be read"),
        (
            '"agent", "event", "ring"',
            '"agent", "event", "time"',
            "log.toml:7: columns: a column that is used is there tw",
        ),
        ('"agent", "event", "ring"', '"agent", "event"', "log.toml:14: times.rang: no column 'ring'"),
        ("cells_min = 4", "cells_min = 6", "log.toml:8: cells_min: more than the 5 columns"),
        ('quote = ""', 'encoding = "latin-2000"', "log.toml:6: encoding: no such text encoding: latin-2000"),
        ("rounding_s = 1", "rounding_s = 60", "log.toml:11: rounding_s: "),
        ('minus_s = "ring", ', "", "log.toml:14: times.rang: start and plus_s, minus_s, plus_ms or minus_ms belong"),
        (
            'unless = { event = ["ENTER", "CONNECT", "NOTE"] }',
            'data.cause = { column = "event", pattern = "(" }',
            "no reg",
        ),
        ('key = ["call"]', 'key = ["call"]\nrows = "many"', "log.toml:11: rows: "),
        ("rounding_s = 1", 'exclude = [{ name = "x" }]', "exclude[0]: needs when or unless"),
    ],
)
def test_a_mistake_in_the_new_keys_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        mapping((old, new))
    assert said in str(refused.value)


@pytest.mark.parametrize("came", ["0001-01-01T00:00:00+0800", "9999-12-31T23:59:59-0800", "9999-12-31T23:59:59Z"])
def test_the_ends_of_the_calendar_are_bad_times(came: str) -> None:
    text = PLAIN.replace('time_format = "%s"', 'time_format = "%Y-%m-%dT%H:%M:%S%z"')
    assert rejected(reading(HEADER, f"a,{came},900000000,0,0,0,Y", by=mapping(text=text))) == [(2, Rejection.BAD_TIME)]


@pytest.mark.parametrize(
    ("form", "day"),
    [("unix_s", "1709483400"), ("%Y-%m-%d %H:%M%z", "2024-03-03 16:30+0000"), ("iso8601", "2024-03-03T16:30:00Z")],
)
def test_a_day_that_an_instant_says_is_the_one_where_the_calls_are(form: str, day: str) -> None:
    text = PLAIN.replace('"%s"', f'"%H:%M"\ndate_column = "day"\ndate_format = "{form}"')
    text = text.replace('time_zone = "UTC"', 'time_zone = "Asia/Shanghai"')
    lines = ["id,day,came,whole,talk,more,ms,state", f"a,{day},00:30,0,0,0,0,N"]
    assert facts(reading(*lines, by=mapping(text=text)))[0] == ("a/offered", 1709483400 - START_S)


def test_a_day_outside_the_calendar_where_the_calls_are_is_a_bad_time() -> None:
    text = PLAIN.replace('"%s"', '"%H:%M"\ndate_column = "day"\ndate_format = "iso8601"')
    lines = ["id,day,came,whole,talk,more,ms,state", "a,0001-01-01T00:00:00+14:00,00:30,0,0,0,0,N"]
    assert rejected(reading(*lines, by=mapping(text=text))) == [(2, Rejection.BAD_TIME)]


def test_a_day_that_would_be_before_the_calendar_is_a_bad_time() -> None:
    text = PLAIN.replace('"%s"', '"%H:%M"\ndate_column = "day"\ndate_format = "%Y-%m-%d"')
    text = text.replace("came = {", 'start = { column = "start" }\ncame = { after = "start", duration_s = "whole",')
    lines = ["id,day,start,came,whole,talk,more,ms,state", "a,0001-01-01,00:00,01:00,-7,0,0,0,N"]
    assert rejected(reading(*lines, by=mapping(text=text))) == [(2, Rejection.BAD_TIME)]


@pytest.mark.parametrize(
    ("came_s", "accepted"), [(315_532_799, 0), (315_532_800, 1), (2_000_082_800, 1), (2_000_082_801, 0)]
)
def test_a_time_before_1980_or_in_the_future_is_none(came_s: int, accepted: int) -> None:
    found = reading(HEADER, f"a,{came_s},,,,,N", by=mapping(text=PLAIN), now_ms=2_000_000_000_000)
    assert found.accepted == accepted
    assert rejected(found) == [(2, Rejection.BAD_TIME)] * (1 - accepted)
