"""From one line to its events, by the mapping that ships and by small ones of our own."""

import json
from typing import Any

import pytest

from cti.replay.arrivals import REPEAT_DELAY_MAX_MS, Disturbance, in_order_of_arrival
from cti.replay.events import Reading, read_events
from cti.replay.facts import TimedEvent
from cti.replay.mapping_file import load, parse
from cti.replay.reasons import Rejection
from cti.replay.table import read_table

HEADER = (
    "vru_line,call_id,customer_id,priority,type,date,vru_entry,vru_exit,vru_time,"
    "q_start,q_exit,q_time,outcome,ser_start,ser_exit,ser_time,server"
)
SERVED = "AA0101,1,0,2,PS,990104,7:00:00,7:00:10,10,7:00:10,7:00:40,30,AGENT,7:00:39,7:03:39,180,DALIA"
BANK = load("bank-1999").mapping


def reading(*lines: str) -> Reading:
    return read_events(read_table("\n".join([HEADER, *lines]).encode(), BANK.layout()).rows, BANK)


def facts(*lines: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, time, data) of every event."""
    found = []
    for event in reading(*lines).events:
        item = json.loads(event.body)
        found.append((item["type"].split(".")[2], item["time"], item["data"]))
    return found


def changed(line: str = SERVED, **cells: str) -> str:
    named = dict(zip(HEADER.split(","), line.split(","), strict=True)) | cells
    return ",".join(named.values())


def test_a_served_call_from_the_queue() -> None:
    assert facts(SERVED) == [
        (
            "offered",
            "1999-01-04T05:00:00.000Z",
            {"direction": "inbound", "connection": "AA0101/1", "called": "PS", "trunk": "AA0101", "vip": True},
        ),
        ("queued", "1999-01-04T05:00:10.000Z", {"connection": "AA0101/1", "queue": "PS", "priority": 2}),
        ("established", "1999-01-04T05:00:40.000Z", {"connection": "AA0101/1/agent", "agent": "DALIA"}),
        ("callCleared", "1999-01-04T05:03:40.000Z", {}),
    ]


def test_the_envelope_names_call_and_fact() -> None:
    items = [json.loads(event.body) for event in reading(SERVED).events]
    assert {item["subject"] for item in items} == {"990104-AA0101-1-7:00:00"}
    assert {item["source"] for item in items} == {"/switches/bank-1999"}
    assert [item["id"] for item in items] == [
        f"990104-AA0101-1-7:00:00/{word}" for word in ("offered", "queued", "established", "served")
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (  # never queued: established as the voice unit lets go
            changed(q_start="0:00:00", q_exit="0:00:00", q_time="0"),
            [("offered", "05:00:00"), ("established", "05:00:10"), ("callCleared", "05:03:10")],
        ),
        (  # gave up in the queue; the service time such lines sometimes carry means nothing
            changed(outcome="HANG"),
            [("offered", "05:00:00"), ("queued", "05:00:10"), ("callCleared", "05:00:40")],
        ),
        (  # gave up in the voice unit
            changed(outcome="HANG", q_start="0:00:00", q_exit="0:00:00", q_time="0"),
            [("offered", "05:00:00"), ("callCleared", "05:00:10")],
        ),
        (  # left the voice unit before it came: the call was there by the earlier
            changed(vru_entry="7:00:30", vru_time="-20"),
            [("offered", "05:00:10"), ("queued", "05:00:10"), ("established", "05:00:40"), ("callCleared", "05:03:40")],
        ),
        (  # past midnight, as the duration says
            changed(vru_entry="23:59:50", vru_exit="0:00:00", q_start="0:00:05", q_exit="0:00:35"),
            [("offered", "21:59:50"), ("queued", "22:00:05"), ("established", "22:00:35"), ("callCleared", "22:03:35")],
        ),
        (  # the wait ends at midnight sharp, which is no sign of never having queued
            changed(vru_entry="23:59:20", vru_exit="23:59:30", q_start="23:59:30", q_exit="0:00:00"),
            [("offered", "21:59:20"), ("queued", "21:59:30"), ("established", "22:00:00"), ("callCleared", "22:03:00")],
        ),
    ],
)
def test_times(line: str, expected: list[tuple[str, str]]) -> None:
    assert [(kind, time[11:19]) for kind, time, _ in facts(line)] == expected


def test_after_midnight_it_is_the_next_day() -> None:
    line = changed(vru_entry="23:59:20", vru_exit="23:59:30", q_start="23:59:30", q_exit="0:00:00")
    assert [time[:10] for _, time, _ in facts(line)] == ["1999-01-04"] * 4
    local_days = changed(line, date="990131", vru_entry="1:59:20", vru_exit="2:00:00", vru_time="40", q_start="0:00:00")
    assert facts(local_days)[0][1] == "1999-01-30T23:59:20.000Z"


def test_an_agent_without_a_name_is_no_agent() -> None:
    assert facts(changed(server="NO_SERVER"))[2][2] == {"connection": "AA0101/1/agent"}
    assert facts(changed(server=""))[2][2] == {"connection": "AA0101/1/agent"}


def test_a_phantom_is_excluded_and_counted_however_untidy() -> None:
    found = reading(SERVED, changed(outcome="PHANTOM", date="99-99"))
    assert (found.lines_in, found.accepted, found.excluded, found.rejected) == (2, 1, {"phantom": 1}, [])
    assert reading(SERVED).excluded == {"phantom": 0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (changed(date="991332"), Rejection.BAD_TIME),
        (changed(vru_entry="7:00"), Rejection.BAD_TIME),
        (changed(vru_exit="25:00:00"), Rejection.BAD_TIME),
        (changed(q_exit=""), Rejection.BAD_TIME),
        (changed(q_time="31"), Rejection.DURATION),
        (changed(vru_time="-10"), Rejection.DURATION),
        (changed(q_time="many"), Rejection.BAD_NUMBER),
        (changed(ser_time="NaN"), Rejection.BAD_NUMBER),
        (changed(ser_time="-1"), Rejection.NEGATIVE),
        (changed(q_exit="7:00:05", q_time="-5"), Rejection.OUT_OF_ORDER),
        (changed(vru_line=""), Rejection.NO_KEY),
        (changed(outcome="VANISHED"), Rejection.NO_CLOSING),
        (changed(priority="high"), Rejection.BAD_NUMBER),
        (changed(priority="1.5"), Rejection.BAD_NUMBER),
        (changed(server="X" * 65), Rejection.BAD_FIELD),
        (SERVED.rsplit(",", 1)[0], Rejection.UNREADABLE),
        (SERVED + ",more", Rejection.UNREADABLE),
    ],
)
def test_a_damaged_line_is_set_aside_with_number_and_reason(line: str, reason: Rejection) -> None:
    found = reading(changed(call_id="7"), line, changed(call_id="8"))
    assert [(one.line, one.reason) for one in found.rejected] == [(3, reason)]
    assert found.rejected[0].detail
    assert (found.lines_in, found.accepted, len(found.events)) == (3, 2, 8)


def test_the_same_key_twice_is_one_call() -> None:
    found = reading(SERVED, changed(ser_time="5"))
    assert [(one.line, one.reason) for one in found.rejected] == [(3, Rejection.KEY_TWICE)]
    assert found.accepted == 1


def test_a_line_set_aside_does_not_take_the_key() -> None:
    assert reading(changed(ser_time="-1"), SERVED).accepted == 1


DIALLED = """name = "dialler"
switch = "dialler"
time_zone = "Europe/Berlin"
delimiter = ";"
time_format = "%Y-%m-%d %H:%M:%S"
key = ["id"]
[times]
came = { column = "came" }
went = { column = "went", after = "came", duration_s = "seconds" }
[[event]]
kind = "originated"
at = "came"
data = { direction = "outbound", called = "+49{number}", vip = false, language = { column = "lang", none = ["-"] } }
[[event]]
kind = "announcementEnded"
name = "heard"
at = "went"
when = { heard = ["yes", "partly"] }
data = { message = "terms", completed = { column = "heard", is = "yes" } }
[[event]]
kind = "recordingAvailable"
at = "went"
data = { recording = "{id}.wav", seconds = { column = "seconds", as = "decimal" } }
[[event]]
kind = "callCleared"
at = "went"
"""


def dialled(*lines: str) -> Reading:
    mapping = parse(DIALLED.encode(), "dialler.toml").mapping
    content = "\n".join(["id;came;went;seconds;number;lang;heard", *lines]).encode()
    return read_events(read_table(content, mapping.layout()).rows, mapping)


def test_another_shape_of_record_needs_only_another_mapping() -> None:
    found = dialled("a;2024-07-01 10:00:00;2024-07-01 10:00:12;12;301;-;partly")
    items = [json.loads(event.body) for event in found.events]
    assert [(item["id"], item["time"][11:], item["data"]) for item in items] == [
        ("a/originated", "08:00:00.000Z", {"direction": "outbound", "called": "+49301", "vip": False}),
        ("a/heard", "08:00:12.000Z", {"message": "terms", "completed": False}),
        ("a/recordingAvailable", "08:00:12.000Z", {"recording": "a.wav", "seconds": 12.0}),
        ("a/callCleared", "08:00:12.000Z", {}),
    ]


def test_where_clocks_are_set_back_the_duration_tells_the_hour() -> None:
    night = "2024-10-27 02:50:00;2024-10-27 02:10:00"
    assert [event.body[-400:] for event in dialled(f"a;{night};1200;1;de;no").events]
    found = dialled(f"a;{night};1200;1;de;no", f"b;{night};-2400;1;de;no")
    times = [json.loads(event.body)["time"][11:19] for event in found.events]
    assert times == ["00:50:00", "01:10:00", "01:10:00"]
    assert [one.reason for one in found.rejected] == [Rejection.OUT_OF_ORDER]


EVENTS = [TimedEvent(at_ms=number * 1000, kind="", body=b"%d" % number) for number in range(200)]


def test_undisturbed_events_come_as_they_happened() -> None:
    assert in_order_of_arrival(EVENTS[::-1], Disturbance()) == [event.body for event in EVENTS]


def test_shuffling_moves_an_event_by_no_more_than_it_says() -> None:
    order = in_order_of_arrival(EVENTS, Disturbance(shuffle_ms=5000, seed=7))
    assert sorted(order) == sorted(event.body for event in EVENTS)
    moved = [abs(int(body) - index) for index, body in enumerate(order)]
    assert 0 < max(moved) <= 5
    assert order == in_order_of_arrival(EVENTS, Disturbance(shuffle_ms=5000, seed=7))
    assert order != in_order_of_arrival(EVENTS, Disturbance(shuffle_ms=5000, seed=8))


def test_every_tenth_event_comes_a_second_time_and_later() -> None:
    order = in_order_of_arrival(EVENTS, Disturbance(duplicate_every=10, seed=7))
    twice = [body for body in set(order) if order.count(body) == 2]
    assert sorted(map(int, twice)) == list(range(9, 200, 10))
    assert len(order) == 220
    apart = [len(order) - 1 - order[::-1].index(body) - order.index(body) for body in twice]
    assert 1 < max(apart) <= REPEAT_DELAY_MAX_MS / 1000 + 20
