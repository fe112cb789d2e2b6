"""The small forms of the HTTP layer: query parameters, cursors, Accept, CSV, masks, times, buckets."""

import re
from datetime import datetime

import pytest

from cti.web.accept import wanted
from cti.web.bucket import TokenBucket
from cti.web.csv_text import cell, csv_heading, csv_of, csv_rows
from cti.web.cursors import ID, NUMBER, cursor_of, cursor_pattern, cursor_reader
from cti.web.instants import ms_of, rfc3339
from cti.web.masking import masked, masked_identifier, masked_in, masked_keys
from cti.web.query import Parameter, choice, instant, read_headers, read_query, seconds, text, whole
from cti.web.recent import Recent
from cti.web.refusal import Refusal

KNOWN = {
    each.name: each
    for each in (
        text("queue", ""),
        choice("state", "", ("live", "ended")),
        whole("limit", "", 1, 1000),
        seconds("wait_s", "", 60),
        instant("from", ""),
        Parameter("zone", "", {"type": "array", "maxItems": 2}, str, many=True),
    )
}


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(raw: str) -> tuple[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        read_query(raw, KNOWN)
    return caught.value.code, [f"{each['pointer']} {each['rule']}" for each in caught.value.errors or []]


def test_a_parameter_is_repeated_as_often_as_its_schema_says() -> None:
    assert read_query("zone=a&zone=b", KNOWN) == {"zone": ["a", "b"]}
    assert refused("zone=a&zone=b&zone=c&zone=d") == ("bad_parameter", ["zone value"])


def test_a_header_is_sent_once_and_as_it_must_be() -> None:
    known = (Parameter("Idempotency-Key", "", {"type": "string"}, int),)

    def read(*values: str) -> dict[str, int]:
        return read_headers([("idempotency-key", value) for value in values], known)

    assert (read(), read("1")) == ({}, {"Idempotency-Key": 1})
    for values, rule in (("1", "1"), "repeated"), (("x",), "value"):
        with pytest.raises(Refusal) as caught:
            read(*values)
        faults = [(each["pointer"], each["rule"]) for each in caught.value.errors or []]
        assert (caught.value.code, faults) == ("bad_header", [("Idempotency-Key", rule)])


def test_query_values_are_read_by_their_form() -> None:
    raw = "queue=%E7%94%B5&state=live&limit=7&wait_s=2.5&from=2026-03-02T09:00:12.5%2B08:00"
    assert read_query(raw, KNOWN) == {
        "queue": "电",
        "state": "live",
        "limit": 7,
        "wait_s": 2.5,
        "from": 1772413212500,
    }


@pytest.mark.parametrize(
    ("raw", "code", "faults"),
    [
        ("quue=a", "unknown_parameter", ["quue unknown"]),
        ("limit=0", "bad_parameter", ["limit value"]),
        ("limit=1001", "bad_parameter", ["limit value"]),
        ("limit=%D9%A1", "bad_parameter", ["limit value"]),
        ("limit=5&limit=6", "bad_parameter", ["limit repeated"]),
        ("queue=a%00b", "bad_parameter", ["queue value"]),
        ("queue=%FF", "bad_parameter", ["? encoding"]),
        ("queue=", "bad_parameter", ["queue value"]),
        ("wait_s=nan", "bad_parameter", ["wait_s value"]),
        ("wait_s=60.001", "bad_parameter", ["wait_s value"]),
        ("from=2026-02-30T00:00:00Z", "bad_parameter", ["from value"]),
        ("from=2026-02-03", "bad_parameter", ["from value"]),
        ("state=dead&nothing=1", "bad_parameter", ["state value", "nothing unknown"]),
    ],
)
def test_query_faults_are_named(raw: str, code: str, faults: list[str]) -> None:
    assert refused(raw) == (code, faults)


def test_the_edges_of_time_overflow_nowhere() -> None:
    first, last = (
        datetime.fromisoformat(f"{each}") for each in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")
    )
    assert rfc3339(ms_of(first)) == "0001-01-01T00:00:00.000Z"
    assert rfc3339(ms_of(last)) == "9999-12-31T23:59:59.999Z"
    assert rfc3339(ms_of(datetime.fromisoformat("0280-05-11T15:41:50.86-06:10"))) == "0280-05-11T21:51:50.860Z"
    assert rfc3339(1772413212500.9) == "2026-03-02T01:00:12.500Z"


def test_cursors_come_back_as_they_went() -> None:
    read = cursor_reader((NUMBER, ID, NUMBER))
    for key in ((1772413212500, "c-1", 0), (-5, "a.b:c", 12)):
        assert read(cursor_of(*key)) == key
        assert re.search(cursor_pattern((NUMBER, ID, NUMBER)), cursor_of(*key))


@pytest.mark.parametrize("cursor", ["", "!", "1", "a~b", "1~b~c", "1~b\n", "1~", f"{10**17}~b", "١~b", "1~é"])
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="takes the cursor"):
        cursor_reader((NUMBER, ID))(cursor)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.2, text/csv;q=0.9", "text/csv"),
        ("text/csv;q=0, */*", "application/json"),
        ("TEXT/CSV", "text/csv"),
    ],
)
def test_the_best_media_type_is_chosen(accept: str | None, chosen: str) -> None:
    assert wanted(accept, ("application/json", "text/csv")) == chosen


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/json;q=x", ";;,,"])
def test_what_cannot_be_given_is_refused(accept: str) -> None:
    with pytest.raises(Refusal, match="not_acceptable"):
        wanted(accept, ("application/json", "text/csv"))


def test_csv_is_safe_in_a_spreadsheet() -> None:
    rows = [{"a": "=1+1", "b": None, "c": -1.5}, {"a": 'x,"y"', "b": True, "c": ["RING-1", "HOLD-2"]}]
    assert csv_of(("a", "b", "c"), rows).decode("utf-8-sig").split("\r\n") == [
        "a,b,c",
        "'=1+1,,-1.5",
        '"x,""y""",true,RING-1 HOLD-2',
        "",
    ]
    assert csv_of(("a",), []).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\x07", "\x1f", "\x7f", "\x85"])
def test_a_cell_that_begins_like_a_formula_or_with_a_control_character_is_quoted(first: str) -> None:
    assert cell(f"{first}1") == f"'{first}1"
    assert cell(f"1{first}") == f"1{first}"


def test_a_file_in_pieces_is_the_file_in_one() -> None:
    rows = [{"a": "x", "b": None}, {"b": 7}]
    pieces = csv_heading(("a", "b")) + csv_rows(("a", "b"), rows[:1]) + csv_rows(("a", "b"), rows[1:])
    assert pieces == csv_of(("a", "b"), rows)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+8679112341234", "+86791****1234"),
        ("+8613800131234", "+86138****1234"),
        ("+86 138 0013 1234", "+86138****1234"),
        ("+86-138-0013-1234", "+86138****1234"),
        ("0086 138 0013 1234", "0086138****1234"),
        ("(0791) 8301-234", "(079****1234"),
        ("138.0013.1234", "138****1234"),
        ("１３８００１３１２３４", "138****1234"),
        ("＋８６１３８００１３１２３４", "＋86138****1234"),
        ("一三八零零一三一二三四", "138****1234"),
        ("壹叁捌零零壹叁壹贰叁肆", "138****1234"),
        ("1, 3, 8, 0, 0, 1, 3, 1, 2, 3, 4", "138****1234"),
        ("138，0013，1234", "138****1234"),
        ("138、0013、1234", "138****1234"),
        ("138'0013'1234", "138****1234"),
        ("138      0013      1234", "138****1234"),
        ("tel:+86-138-0013-1234;ext=1", "tel:+86138****1234;ext=1"),
        ("Zhang <13800131234>", "Zhang <138****1234>"),
        ("back on 138 0013 1234, not 10.12.13.14", "back on 138****1234, not 10.12.13.14"),
        ("since 2026-03-02 01:00", "since 2026-03-02 01:00"),
        ("2026-03-02T01:00:12.000Z", "2026-03-02T01:00:12.000Z"),
        ("2026/03/02/13800131234.wav", "2026/03/02/138****1234.wav"),
        *((f"138{between}0013{between}1234", "138****1234") for between in '~～〜*|:;=+•…。\\![]<>{}"`¬‧⁃⁄'),
        ("tel 138****1234, not 0791****1234", "tel 138****1234, not 0791****1234"),
        ("138&nbsp;0013&nbsp;1234", "138****1234"),
        ("①③⑧⓪⓪①③①②③④", "138****1234"),
        ("❶❸❽0013❶❷❸❹", "138****1234"),
        ("㊀㊂㊇0013㊀㊁㊂㊃", "138****1234"),
        ("壹叄捌零零壹叄壹貳叄肆", "138****1234"),
        ("幺三八零零幺三幺两三四", "138****1234"),
        ("from 08:00 to 12:30, 14:00-21:00", "from 08:00 to 12:30, 14:00-21:00"),
        ("at 10:30:45.123", "at 10:30:45.123"),
        ("13907911234", "139****1234"),
        ("sip:13907911234@pbx", "sip:139****1234@pbx"),
        ("8301234", "***1234"),
        ("95598", "95598"),
        ("8001", "8001"),
        ("", ""),
    ],
)
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("１３８００１３１２３４", "138****1234"),
        ("138-0013-1234", "138****1234"),
        ("rec/138 0013 1234.wav", "rec/138****1234.wav"),
        ("3f2a1380-0013-1234-8000-0013800131ab", "3f2a1380-0013-1234-8000-0013800131ab"),
        ("/switches/nanchang-1", "/switches/nanchang-1"),
        ("1772413212.45", "1772413212.45"),
        ("1772413212000", "1772413212000"),
        ("7f13800131234ab", "7f13800131234ab"),
        ("sip:+8613800131234@pbx", "sip:+86138****1234@pbx"),
        ("/switches/13800131234", "/switches/138****1234"),
        ("leg-008613800131234", "leg-0086138****1234"),
    ],
)
def test_in_an_identifier_only_an_unmistakable_number_is_masked(identifier: str, shown: str) -> None:
    assert masked_identifier(identifier) == shown


def test_every_text_is_masked_however_deep() -> None:
    call = {
        "calling": "13907911234",
        "talk_s": 12345678,
        "call": "13907911234",
        "digits": "139079",
        "agent": "1001",
        "timeline": [
            {
                "id": "e-8301234",
                "position": "0:12345678",
                "data": {
                    "to": "8301234",
                    "digits": "1",
                    "private": {"ani": 13907911234, "+8613907911234": ["tel 8301234", True, 12.5]},
                },
            }
        ],
        "offers": [{"device": "830 1234", "agent": "8301234", "result": None}],
    }
    assert masked_in(call) == {
        "calling": "139****1234",
        "talk_s": 12345678,
        "call": "13907911234",
        "digits": "******",
        "agent": "1001",
        "timeline": [
            {
                "id": "e-8301234",
                "position": "0:12345678",
                "data": {
                    "to": "***1234",
                    "digits": "*",
                    "private": {"ani": "139****1234", "+86139****1234": ["tel ***1234", True, 12.5]},
                },
            }
        ],
        "offers": [{"device": "***1234", "agent": "***1234", "result": None}],
    }


def test_a_menu_key_is_no_number() -> None:
    assert [masked_keys(keys) for keys in ("1", "1#", "0012", "13907911234#")] == ["1", "1#", "0012", "*" * 12]


def test_a_problem_shows_no_number_and_keeps_its_limits() -> None:
    errors = [{"pointer": "/private/+8613907911234", "rule": "x", "detail": "sip:13907911234 of 4194304 bytes"}]
    body = Refusal("invalid_event", "A body may have 4194304 bytes, +86 139 0791 1234", errors).body()
    assert body["detail"] == "A body may have 4194304 bytes, +86139****1234"
    assert body["errors"] == [
        {"pointer": "/private/+86139****1234", "rule": "x", "detail": "sip:139****1234 of 4194304 bytes"}
    ]


def test_a_bucket_empties_and_fills() -> None:
    clock = Seconds()
    bucket = TokenBucket(2.0, 3.0, clock)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 1]
    clock.now += 0.5
    assert [bucket.take(), bucket.take()] == [0, 1]
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 1]


def test_what_was_looked_up_is_forgotten_in_time_and_number() -> None:
    clock = Seconds()
    recent: Recent[str, int] = Recent(2, 3.0, clock)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c"), len(recent)) == (None, 2, 3, 2)
    clock.now += 3.0
    assert (recent.get("b"), len(recent)) == (None, 1)
