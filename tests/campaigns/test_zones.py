"""Time zones as arithmetic, at the hours in which clocks change."""

from dataclasses import replace

import pytest

from campaigns.core.calling_hours import Asked, Closed, Open, judge
from campaigns.core.zones import LATEST_MS, instant, local_day, local_time, spans, zone_named, zone_names
from tests.campaigns.shipped import DAY_MS, HOUR_MS, MARGIN_MS, MINUTE_MS, hours, ms, text, window

BERLIN = "Europe/Berlin"
LORD_HOWE = "Australia/Lord_Howe"
GAP = ms("2026-03-29 01:00", "UTC")  # 02:00 becomes 03:00
OVERLAP = ms("2026-10-25 01:00", "UTC")  # 03:00 becomes 02:00


@pytest.mark.parametrize(
    ("day", "time", "expected_ms"),
    [
        ("2026-03-29", "01:59", GAP - MINUTE_MS),
        ("2026-03-29", "02:00", GAP),
        ("2026-03-29", "02:30", GAP),
        ("2026-03-29", "03:00", GAP),
        ("2026-03-29", "03:01", GAP + MINUTE_MS),
        ("2026-10-25", "01:59", OVERLAP - HOUR_MS - MINUTE_MS),
        ("2026-10-25", "02:00", OVERLAP - HOUR_MS),
        ("2026-10-25", "02:59", OVERLAP - MINUTE_MS),
        ("2026-10-25", "03:00", OVERLAP + HOUR_MS),
        ("2026-10-25", "21:00", OVERLAP + 19 * HOUR_MS),
    ],
)
def test_the_first_instant_of_a_local_time(day: str, time: str, expected_ms: int) -> None:
    midnight = ms(f"{day} 00:00", "UTC")
    time_ms = ms(f"{day} {time}", "UTC") - midnight
    assert instant(local_day(midnight + 12 * HOUR_MS, BERLIN), time_ms, BERLIN) == expected_ms


def test_every_offset_has_its_span() -> None:
    found = [(span.start_ms, span.offset_ms) for span in spans(BERLIN, GAP - DAY_MS, OVERLAP + DAY_MS)]
    assert (GAP, 2 * HOUR_MS) in found
    assert (OVERLAP, HOUR_MS) in found
    assert {offset for start, offset in found if GAP <= start < OVERLAP} == {2 * HOUR_MS}


def test_an_hour_of_change_that_is_not_whole_is_found() -> None:
    """Lord Howe Island turns its clocks by half an hour."""
    found = spans(LORD_HOWE, ms("2026-01-01 00:00", "UTC"), ms("2026-12-31 00:00", "UTC"))
    assert {span.offset_ms for span in found} == {11 * HOUR_MS, 10 * HOUR_MS + 30 * MINUTE_MS}


def test_spans_cover_what_was_asked_and_no_more() -> None:
    for from_ms, to_ms in ((GAP, GAP + 1), (GAP - 1, GAP), (GAP - 1, GAP + 1), (0, 1), (-1, 1)):
        found = list(spans(BERLIN, from_ms, to_ms))
        assert found[0].start_ms <= from_ms < found[0].end_ms
        assert found[-1].start_ms < to_ms <= found[-1].end_ms
    assert [span.offset_ms for span in spans(BERLIN, GAP - 1, GAP)] == [HOUR_MS]
    assert [span.offset_ms for span in spans(BERLIN, GAP, GAP + 1)] == [2 * HOUR_MS]
    assert list(spans(BERLIN, GAP, GAP)) == []


def test_a_clock_that_changes_where_one_look_up_ends_leaves_no_empty_span() -> None:
    """In Moldova clocks went back at midnight UTC, 145 times 128 days after the epoch."""
    change = ms("2020-10-25 00:00", "UTC")
    assert change % (128 * DAY_MS) == 0
    found = list(spans("Europe/Chisinau", change - 1, change + 1))
    assert [(span.end_ms, span.offset_ms) for span in found if span.start_ms < change] == [(change, 3 * HOUR_MS)]
    assert [(span.start_ms, span.offset_ms) for span in found if span.end_ms > change] == [(change, 2 * HOUR_MS)]
    assert len(found) == 2


def test_instants_up_to_the_year_9000_are_known() -> None:
    assert text(LATEST_MS, "UTC") == "9000-01-01 00:00:00"


def test_local_time_keeps_its_milliseconds() -> None:
    assert local_time(GAP - 1, BERLIN).isoformat() == "2026-03-29T01:59:59.999000+01:00"
    assert local_time(GAP + 1, BERLIN).isoformat() == "2026-03-29T03:00:00.001000+02:00"


@pytest.mark.parametrize("name", ["Mars/Olympus", "Asia", "", "/etc/localtime", "../UTC", "Asia/Shanghai\0"])
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    assert zone_named(name) is None


@pytest.mark.parametrize("name", ["localtime", "posixrules", "right/UTC", "posix/Asia/Shanghai"])
def test_what_only_stands_beside_the_database_is_no_zone(name: str) -> None:
    assert zone_named(name) is None
    assert name not in zone_names()
    assert "Asia/Shanghai" in zone_names()


@pytest.mark.parametrize(
    ("day", "length_h"),
    [("2026-03-28", 5), ("2026-03-29", 4), ("2026-10-25", 6)],  # 01:00-06:00, with a gap, with an overlap
)
def test_a_night_window_is_as_long_as_the_night(day: str, length_h: int) -> None:
    rules = replace(hours(), rest=(window("01:00-06:00"),))
    question = Asked("billing", "resident", (BERLIN,), 30_000, zone=BERLIN)
    start = ms(f"{day} 01:00", BERLIN)
    end = start + length_h * HOUR_MS
    assert text(end, BERLIN) == f"{day} 06:00:00"
    assert judge(rules, question, start - 1) == Closed(start, "quiet_hours", "CB-1")
    assert judge(rules, question, start) == Open(end - MARGIN_MS, end)


def test_a_window_inside_the_repeated_hour_opens_twice() -> None:
    rules = replace(hours(), rest=(window("02:15-02:45"),))
    question = Asked("billing", "resident", (BERLIN,), 30_000, zone=BERLIN)
    first = ms("2026-10-25 02:15", BERLIN)
    second = ms("2026-10-25 02:15", BERLIN, fold=1)
    assert second == first + HOUR_MS
    for start in (first, second):
        end = start + 30 * MINUTE_MS
        assert judge(rules, question, start) == Open(end - MARGIN_MS, end)
        assert isinstance(judge(rules, question, start - 1), Closed)
        assert isinstance(judge(rules, question, end), Closed)
    assert judge(rules, question, first + 30 * MINUTE_MS) == Closed(second, "quiet_hours", "CB-1")


def test_a_window_inside_the_gap_does_not_open_on_that_day() -> None:
    rules = replace(hours(), rest=(window("02:15-02:45"),))
    question = Asked("billing", "resident", (BERLIN,), 30_000, zone=BERLIN)
    assert judge(rules, question, GAP - HOUR_MS) == Closed(ms("2026-03-30 02:15", BERLIN), "quiet_hours", "CB-1")
