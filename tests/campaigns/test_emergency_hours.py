"""The exception to the quiet hours: what it opens, until when, and what holds all the same."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.calling_hours import Asked, Closed, Emergency, Open, Window, judge
from campaigns.core.explain import explain_hours
from tests.campaigns.shipped import HOUR_MS, SHANGHAI, hours


def ms(text: str, zone: str = SHANGHAI) -> int:
    return round(datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NIGHT = Emergency(ms("02T22:00"), ms("03T01:00"))
ASKED = Asked("outage", "resident", (SHANGHAI,), 30_000, emergency=NIGHT, zone=SHANGHAI)
MARGIN_MS = 40_000


def test_it_opens_the_night_and_ends_by_itself() -> None:
    assert judge(hours(), ASKED, NIGHT.from_ms - 1) == Closed(NIGHT.from_ms, "quiet_hours", "CB-1")
    allowed = Open(NIGHT.until_ms - MARGIN_MS, NIGHT.until_ms, "emergency")
    assert judge(hours(), ASKED, NIGHT.from_ms) == allowed
    assert judge(hours(), ASKED, NIGHT.until_ms - MARGIN_MS - 1) == allowed
    closed = judge(hours(), ASKED, NIGHT.until_ms - MARGIN_MS)
    assert closed == Closed(ms("03T07:30"), "quiet_hours", "CB-1"), "nothing rings beyond its end"


def test_what_the_ordinary_hours_allow_is_no_exception() -> None:
    noon = Emergency(ms("02T12:00"), ms("02T13:30"))
    asked = replace(ASKED, emergency=noon)
    assert judge(hours(), asked, ms("02T12:00")) == Open(ms("02T12:30") - MARGIN_MS, ms("02T12:30"))
    assert judge(hours(), asked, ms("02T12:30") - MARGIN_MS) == Open(
        ms("02T13:30") - MARGIN_MS, ms("02T13:30"), "emergency")  # fmt: skip


@pytest.mark.parametrize("kind", ["billing", "arrears", "callback", "follow-up", "reminder"])
def test_of_other_kinds_it_is_nothing(kind: str) -> None:
    for at_ms in range(NIGHT.from_ms, NIGHT.until_ms, HOUR_MS // 2):
        with_it, without = replace(ASKED, kind=kind), replace(ASKED, kind=kind, emergency=None)
        assert judge(hours(), with_it, at_ms) == judge(hours(), without, at_ms)
        assert isinstance(judge(hours(), with_it, at_ms), Closed)


def test_closed_dates_windows_and_agreed_times_hold_all_the_same() -> None:
    for change in (
        {"closed_dates": frozenset({date(2026, 3, 2)})},
        {"windows": (Window(9 * HOUR_MS, 11 * HOUR_MS),)},
        {"agreed_at_ms": ms("02T15:00")},
    ):
        assert isinstance(judge(hours(), replace(ASKED, **change), NIGHT.from_ms), Closed), change


@given(
    st.integers(ms("02T00:00"), ms("05T00:00")), st.integers(ms("02T00:00"), ms("05T00:00")), st.integers(0, 90),
    st.sampled_from([(SHANGHAI,), (SHANGHAI, "Asia/Tokyo"), ("Asia/Urumqi", "Europe/Berlin")]),
    st.sampled_from(["auto", "sms"]),
)  # fmt: skip
def test_it_takes_nothing_away_and_gives_only_what_it_covers(
    at_ms: int, from_ms: int, minutes: int, zones: tuple[str, ...], channel: str
) -> None:
    ordinary = replace(ASKED, emergency=None, zones=zones, channel=channel)
    asked = replace(ordinary, emergency=Emergency(from_ms, from_ms + minutes * 60_000))
    before, after = judge(hours(), ordinary, at_ms), judge(hours(), asked, at_ms)
    if isinstance(before, Open):
        assert after == before
    elif isinstance(after, Open):
        assert after.rule == "emergency"
        for instant in (at_ms, after.ring_until_ms - 1):
            covered = from_ms <= instant < from_ms + minutes * 60_000
            message = replace(ordinary, channel="sms")
            assert covered or isinstance(judge(hours(), message, instant), Open), "open there without it"


def test_it_is_explained() -> None:
    told = explain_hours(hours(), ASKED, NIGHT.from_ms)
    assert (told["may_dial"], told["rule"], told["dial_before"]) == (True, "emergency", "2026-03-02T16:59:20.000Z")
    assert "by an approved emergency" in told["text"]["en"]
    assert [one["open"] for one in told["local"]] == [False], "it is night there all the same"
