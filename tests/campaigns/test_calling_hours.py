"""Calling hours, edge by edge: a millisecond before, at, and after each."""

from dataclasses import replace

import pytest

from campaigns.core.calling_hours import (
    DAY_MS,
    LOOKAHEAD_MS,
    Asked,
    Closed,
    Open,
    OwnHours,
    Window,
    judge,
    margin_ms,
    zone_is_open,
)
from campaigns.core.zones import LATEST_MS
from campaigns.profile import clock_ms
from tests.campaigns.shipped import MARGIN_MS, MINUTE_MS, NEW_YORK, SHANGHAI, URUMQI, asked, hours, ms, text, window

WEDNESDAY = "2026-03-04"
QUIET = ("quiet_hours", "CB-1")
OPEN_IN_SHANGHAI = [("07:30", "12:30"), ("14:00", "21:00")]


def opening(question: Asked, at: str | int) -> str | None:
    """Of a closed answer: until when."""
    answer = judge(hours(), question, ms(at) if isinstance(at, str) else at)
    assert isinstance(answer, Closed)
    return text(answer.until_ms)


def reason(question: Asked, at: str) -> tuple[str, str]:
    answer = judge(hours(), question, ms(at))
    assert isinstance(answer, Closed)
    return answer.why, answer.rule


def is_open(question: Asked, at_ms: int) -> bool:
    return isinstance(judge(hours(), question, at_ms), Open)


@pytest.mark.parametrize("ring_ms", [0, 30_000, 45_000, 120_000])
@pytest.mark.parametrize(("opens", "closes"), OPEN_IN_SHANGHAI)
def test_every_edge_to_the_millisecond(opens: str, closes: str, ring_ms: int) -> None:
    question = asked(ring_timeout_ms=ring_ms)
    first, end = ms(f"{WEDNESDAY} {opens}"), ms(f"{WEDNESDAY} {closes}")
    last = end - ring_ms - 10_000
    assert judge(hours(), question, first - 1) == Closed(first, *QUIET)
    for at in (first, first + 1, last - 1):
        assert judge(hours(), question, at) == Open(last, end)
    for at in (last, last + 1, end - 1, end, end + 1):
        assert not is_open(question, at)


@pytest.mark.parametrize(("closes", "then"), [("12:30", f"{WEDNESDAY} 14:00:00"), ("21:00", "2026-03-05 07:30:00")])
def test_until_is_the_next_opening(closes: str, then: str) -> None:
    end = ms(f"{WEDNESDAY} {closes}")
    for at in (end - MARGIN_MS, end - 1, end, end + 1):
        assert opening(asked(), at) == then


def test_a_message_has_no_margin() -> None:
    question, end = asked(channel="sms"), ms(f"{WEDNESDAY} 12:30")
    assert judge(hours(), question, end - 1) == Open(end, end)
    assert judge(hours(), question, end) == Closed(ms(f"{WEDNESDAY} 14:00"), *QUIET)


@pytest.mark.parametrize("channel", ["auto", "agent", "fax"])
def test_what_rings_has_one(channel: str) -> None:
    assert margin_ms(hours(), asked(channel=channel)) == MARGIN_MS


def test_messages_in_quiet_hours_are_the_operators_choice() -> None:
    allowed = replace(hours(), sms_in_quiet_hours=True)
    at = ms(f"{WEDNESDAY} 03:00")
    assert judge(allowed, asked(channel="sms"), at) == Open(at + LOOKAHEAD_MS, at + LOOKAHEAD_MS)
    assert judge(allowed, asked(), at) == Closed(ms(f"{WEDNESDAY} 07:30"), *QUIET)
    assert judge(allowed, asked("arrears", channel="sms"), at) == Closed(
        ms(f"{WEDNESDAY} 08:00"), "quiet_hours", "ARR-1"
    )


# -- zones -------------------------------------------------------------------------------------------------------------


def test_all_candidate_zones_are_open() -> None:
    question = asked("billing", "resident", URUMQI, SHANGHAI)
    end = ms(f"{WEDNESDAY} 12:30")
    assert judge(hours(), question, ms(f"{WEDNESDAY} 09:30")) == Open(end - MARGIN_MS, end)
    assert judge(hours(), question, ms(f"{WEDNESDAY} 09:30") - 1) == Closed(ms(f"{WEDNESDAY} 09:30"), *QUIET)
    assert opening(question, f"{WEDNESDAY} 12:30") == f"{WEDNESDAY} 14:00:00"
    assert judge(hours(), question, ms(f"{WEDNESDAY} 14:29")) == Open(
        ms(f"{WEDNESDAY} 14:30") - MARGIN_MS, ms(f"{WEDNESDAY} 14:30")
    )
    assert opening(question, f"{WEDNESDAY} 14:30") == f"{WEDNESDAY} 16:00:00"


def test_the_order_of_the_zones_is_nothing() -> None:
    one, other = asked("billing", "resident", URUMQI, SHANGHAI), asked("billing", "resident", SHANGHAI, URUMQI)
    for minute in range(0, 24 * 60, 10):
        at = ms(f"{WEDNESDAY} 00:00") + minute * MINUTE_MS
        assert judge(hours(), one, at) == judge(hours(), other, at)


def test_a_zone_is_open_by_its_own_windows_alone() -> None:
    question = asked("billing", "resident", URUMQI, SHANGHAI)
    noon = ms(f"{WEDNESDAY} 12:30")
    assert zone_is_open(hours(), question, SHANGHAI, noon - 1)  # too late for an order, open all the same
    assert not zone_is_open(hours(), question, SHANGHAI, noon)
    assert zone_is_open(hours(), question, URUMQI, noon)
    assert not zone_is_open(hours(), question, "Mars/Olympus", noon)


@pytest.mark.parametrize(("length_ms", "opens"), [(MARGIN_MS - 1, False), (MARGIN_MS, False), (MARGIN_MS + 1, True)])
def test_a_window_that_is_not_longer_than_the_margin_never_opens(length_ms: int, opens: bool) -> None:
    start = ms(f"{WEDNESDAY} 09:00")
    opens_ms = clock_ms("09:00")
    question = replace(asked(), windows=(Window(opens_ms, opens_ms + length_ms),))
    if opens:
        assert judge(hours(), question, start) == Open(start + 1, start + length_ms)
        assert judge(hours(), question, start + 1) == Closed(start + DAY_MS, "campaign_hours", "")
    else:
        assert judge(hours(), question, start) == Closed(None, "campaign_hours", "")
    message = replace(question, channel="sms")
    assert judge(hours(), message, start) == Open(start + length_ms, start + length_ms)


@pytest.mark.parametrize(("closes", "opens"), [("18:00", False), ("18:01", True)])
def test_layers_that_meet_for_too_short_a_time_never_open(closes: str, opens: bool) -> None:
    """Tokyo opens at 18:59:30, 17:59:30 by the campaign's clock; its windows end at 18:00, or a minute later."""
    changed = replace(hours(), rest=(Window(clock_ms("18:59") + 30_000, clock_ms("23:00")),), kinds=own_hours())
    here = replace(asked("billing", "resident", "Asia/Tokyo"), windows=(window(f"10:00-{closes}"),))
    answer = judge(changed, here, ms(f"{WEDNESDAY} 09:00"))
    assert answer == Closed(ms(f"{WEDNESDAY} 17:59:30") if opens else None, *QUIET)


def own_hours() -> dict[str, dict[str, OwnHours | None]]:
    return {"billing": {"resident": None}}


# -- kinds and classes -------------------------------------------------------------------------------------------------


def test_arrears_begin_at_eight() -> None:
    question = asked("arrears")
    eight = ms(f"{WEDNESDAY} 08:00")
    assert judge(hours(), question, eight - 1) == Closed(eight, "quiet_hours", "ARR-1")
    assert is_open(question, eight)
    assert judge(hours(), question, ms(f"{WEDNESDAY} 07:30") - 1) == Closed(eight, *QUIET)


FOLLOW_UPS = {
    ("resident", "2026-10-10"): ["17:30-21:00"],  # a Saturday that makes up for the National Day
    ("resident", "2026-10-11"): ["07:30-12:30", "14:00-21:00"],  # a Sunday
    ("resident", "2026-10-08"): ["17:30-21:00"],
    ("resident", "2026-10-07"): ["07:30-12:30", "14:00-21:00"],  # a Wednesday, still a holiday
    ("organisation", "2026-10-10"): ["08:30-12:00", "14:00-17:30"],
    ("organisation", "2026-10-11"): [],
    ("organisation", "2026-10-08"): ["08:30-12:00", "14:00-17:30"],
    ("organisation", "2026-10-07"): [],
}


@pytest.mark.parametrize(("customer_class", "day"), FOLLOW_UPS)
def test_follow_ups_know_working_days_and_classes(customer_class: str, day: str) -> None:
    question = asked("follow-up", customer_class)
    spans = [window(span) for span in FOLLOW_UPS[customer_class, day]]
    midnight = ms(f"{day} 00:00")
    for minute in range(24 * 60):
        at = midnight + minute * MINUTE_MS
        inside = [one for one in spans if one.opens_ms <= at - midnight < one.closes_ms - MARGIN_MS]
        expected = [Open(midnight + one.closes_ms - MARGIN_MS, midnight + one.closes_ms) for one in inside]
        assert [answer for answer in [judge(hours(), question, at)] if isinstance(answer, Open)] == expected
        if inside:
            assert not is_open(question, midnight + inside[0].opens_ms - 1)


def test_the_kinds_without_hours_of_their_own_have_the_rest_hours() -> None:
    for kind in ("billing", "outage", "callback", "reminder"):
        for customer_class in ("resident", "organisation"):
            assert opening(asked(kind, customer_class), f"{WEDNESDAY} 07:00") == f"{WEDNESDAY} 07:30:00"


# -- the campaign's own ------------------------------------------------------------------------------------------------


def test_windows_of_the_campaign_only_take_away() -> None:
    question = asked(windows=["06:00-09:00", "12:00-15:00"])
    assert opening(question, f"{WEDNESDAY} 06:30") == f"{WEDNESDAY} 07:30:00"
    nine, noon = ms(f"{WEDNESDAY} 09:00"), ms(f"{WEDNESDAY} 12:30")
    assert judge(hours(), question, nine - MARGIN_MS - 1) == Open(nine - MARGIN_MS, nine)
    assert judge(hours(), question, nine - MARGIN_MS) == Closed(ms(f"{WEDNESDAY} 12:00"), "campaign_hours", "")
    assert judge(hours(), question, ms(f"{WEDNESDAY} 12:00")) == Open(noon - MARGIN_MS, noon)
    assert judge(hours(), question, noon) == Closed(ms(f"{WEDNESDAY} 14:00"), *QUIET)
    assert opening(question, f"{WEDNESDAY} 15:00") == "2026-03-05 07:30:00"


def test_windows_that_adjoin_or_overlap_are_one() -> None:
    end = ms(f"{WEDNESDAY} 11:00")
    for spans in (["09:00-10:00", "10:00-11:00"], ["10:00-11:00", "09:00-10:30"], ["09:00-11:00", "09:30-10:00"]):
        assert judge(hours(), asked(windows=spans), ms(f"{WEDNESDAY} 09:59:50")) == Open(end - MARGIN_MS, end)


def test_windows_of_the_campaign_are_read_in_its_zone() -> None:
    """09:00 in Shanghai is 07:00 in Urumqi, where nothing opens before 07:30."""
    question = asked("billing", "resident", URUMQI, windows=["09:00-10:00"])
    assert opening(question, f"{WEDNESDAY} 08:59") == f"{WEDNESDAY} 09:30:00"
    assert reason(question, f"{WEDNESDAY} 10:00") == ("campaign_hours", "")


def test_closed_dates_are_days_of_the_campaigns_zone() -> None:
    question = asked(closed_dates=["2026-03-04", "2026-03-05"])
    assert judge(hours(), question, ms("2026-03-03 21:00")) == Closed(ms("2026-03-06 07:30"), *QUIET)
    for at in ("2026-03-04 00:00", "2026-03-04 10:00", "2026-03-05 23:59:59.999"):
        assert judge(hours(), question, ms(at)) == Closed(ms("2026-03-06 07:30"), "closed_date", "")
    assert is_open(question, ms("2026-03-06 07:30"))
    assert is_open(asked(closed_dates=["2026-03-04"]), ms("2026-03-03 20:00"))


def test_a_closed_date_cuts_what_would_run_into_it() -> None:
    around_the_clock = replace(hours(), rest=(window("00:00-24:00"),))
    question, midnight = asked(closed_dates=["2026-03-05"]), ms("2026-03-05 00:00")
    assert judge(around_the_clock, question, midnight - MARGIN_MS - 1) == Open(midnight - MARGIN_MS, midnight)
    assert judge(around_the_clock, question, midnight - MARGIN_MS) == Closed(midnight + DAY_MS, "closed_date", "")


def test_hours_around_the_clock_know_no_midnight() -> None:
    around_the_clock = replace(hours(), rest=(window("00:00-24:00"),))
    for at in ("2026-03-04 23:59:30", "2026-03-05 00:00"):
        end = ms(at) + LOOKAHEAD_MS
        assert judge(around_the_clock, asked(), ms(at)) == Open(end - MARGIN_MS, end)


def test_the_first_reason_that_a_person_reads() -> None:
    closed = asked("arrears", windows=["10:00-11:00"], closed_dates=["2026-03-05"])
    assert reason(closed, "2026-03-05 03:00") == ("closed_date", "")
    assert reason(closed, f"{WEDNESDAY} 03:00") == QUIET
    assert reason(closed, f"{WEDNESDAY} 07:45") == ("quiet_hours", "ARR-1")
    assert reason(closed, f"{WEDNESDAY} 08:00") == ("campaign_hours", "")


# -- a time that was agreed on -----------------------------------------------------------------------------------------

AGREED = f"{WEDNESDAY} 22:00"


def test_an_agreed_time_of_a_callback_prevails_for_a_quarter_of_an_hour_around_it() -> None:
    question = asked("callback", agreed_at_ms=AGREED)
    first, end = ms(f"{WEDNESDAY} 21:45"), ms(f"{WEDNESDAY} 22:15")
    for at in (first - 1, ms(f"{WEDNESDAY} 10:00")):
        assert judge(hours(), question, at) == Closed(first, "agreed_time", "CB-1")
    for at in (first, first + 1, end - MARGIN_MS - 1):
        assert judge(hours(), question, at) == Open(end - MARGIN_MS, end)
    for at in (end - MARGIN_MS, end - 1, end):
        assert judge(hours(), question, at) == Closed(ms("2026-03-05 07:30"), *QUIET)


def test_missed_it_is_called_on_the_next_day_by_the_ordinary_hours() -> None:
    question = asked("callback", agreed_at_ms=f"{WEDNESDAY} 15:00")
    end, tomorrow = ms(f"{WEDNESDAY} 15:15"), ms("2026-03-05 07:30")
    for at in (end - MARGIN_MS, end, ms(f"{WEDNESDAY} 20:00")):
        assert judge(hours(), question, at) == Closed(tomorrow, "agreed_time", "CB-1")
    assert judge(hours(), question, tomorrow - 1) == Closed(tomorrow, *QUIET)
    assert is_open(question, tomorrow)
    assert is_open(question, ms("2026-04-01 10:00"))


def test_an_agreed_time_around_midnight_is_one_span() -> None:
    question = asked("callback", agreed_at_ms="2026-03-05 00:00")
    end = ms("2026-03-05 00:15")
    for at in (ms(f"{WEDNESDAY} 23:45"), ms("2026-03-05 00:00"), end - MARGIN_MS - 1):
        assert judge(hours(), question, at) == Open(end - MARGIN_MS, end)
    assert judge(hours(), question, end) == Closed(ms("2026-03-06 07:30"), *QUIET)


def test_an_agreed_time_around_midnight_is_missed_only_when_it_is_over() -> None:
    around_the_clock = replace(hours(), rest=(window("00:00-24:00"),))
    question, end = asked("callback", agreed_at_ms="2026-03-05 00:00"), ms("2026-03-05 00:15")
    late = asked("callback", agreed_at_ms=f"{WEDNESDAY} 23:59:59")
    assert judge(around_the_clock, question, end) == Closed(ms("2026-03-06 00:00"), "agreed_time", "CB-1")
    for at in (end - 1000 - MARGIN_MS, end - 1001):
        assert judge(around_the_clock, late, at) == Closed(end - 1000, "agreed_time", "CB-1")
    assert isinstance(judge(around_the_clock, late, end - 1000), Open)


@pytest.mark.parametrize("kind", ["arrears", "billing", "outage", "follow-up", "reminder"])
def test_for_other_kinds_an_agreed_time_only_narrows(kind: str) -> None:
    at_night = asked(kind, agreed_at_ms=AGREED)
    assert not is_open(at_night, ms(AGREED))
    in_the_evening = asked(kind, agreed_at_ms=f"{WEDNESDAY} 19:00")
    assert is_open(in_the_evening, ms(f"{WEDNESDAY} 19:00"))
    assert opening(in_the_evening, f"{WEDNESDAY} 18:00") == f"{WEDNESDAY} 18:45:00"


def test_an_agreed_time_that_lies_at_an_edge_is_cut_for_other_kinds() -> None:
    question = asked("billing", agreed_at_ms=f"{WEDNESDAY} 12:20")
    noon = ms(f"{WEDNESDAY} 12:30")
    assert judge(hours(), question, ms(f"{WEDNESDAY} 12:10")) == Open(noon - MARGIN_MS, noon)
    assert judge(hours(), question, noon) == Closed(ms("2026-03-05 07:30"), *QUIET)


def test_the_campaigns_own_hours_hold_for_an_agreed_time_too() -> None:
    closed = asked("callback", agreed_at_ms=AGREED, closed_dates=[WEDNESDAY])
    assert judge(hours(), closed, ms(AGREED)) == Closed(ms("2026-03-05 07:30"), "closed_date", "")
    narrow = asked("callback", agreed_at_ms=AGREED, windows=["09:00-17:00"])
    assert judge(hours(), narrow, ms(AGREED)) == Closed(ms("2026-03-05 09:00"), *QUIET)


def test_the_day_after_an_agreed_time_is_that_of_the_campaigns_zone() -> None:
    question = asked("callback", "resident", NEW_YORK, agreed_at_ms=f"{WEDNESDAY} 22:00")  # 09:00 in New York
    assert is_open(question, ms(f"{WEDNESDAY} 22:00"))
    assert opening(question, f"{WEDNESDAY} 22:15") == "2026-03-05 00:00:00"  # 11:00 there, and tomorrow here


# -- in doubt closed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        asked("sales"),
        asked("billing", "government"),
        replace(asked(), zones=()),
        asked("billing", "resident", SHANGHAI, "Mars/Olympus"),
        asked("billing", "resident", "Asia"),  # a folder of the database
        asked("billing", "resident", "../etc/passwd"),
        asked("billing", "resident", ""),
        asked(zone="Mars/Olympus"),
        asked("callback", agreed_at_ms=-1),
        asked("callback", agreed_at_ms=LATEST_MS + 1),
    ],
)
def test_what_is_not_known_is_closed(question: Asked) -> None:
    at = ms(f"{WEDNESDAY} 10:00")
    assert judge(hours(), question, at) == Closed(None, *QUIET)
    assert not any(zone_is_open(hours(), question, zone, at) for zone in question.zones)


@pytest.mark.parametrize("at_ms", [-1, -(10**15), LATEST_MS + 1, 10**18])
def test_an_instant_out_of_range_is_closed(at_ms: int) -> None:
    assert judge(hours(), asked(), at_ms) == Closed(None, *QUIET)


@pytest.mark.parametrize("at_ms", [0, LATEST_MS])
def test_the_ends_of_the_range_are_judged(at_ms: int) -> None:
    assert judge(hours(), asked(), at_ms) != Closed(None, *QUIET)
    assert judge(hours(), asked("callback", agreed_at_ms=at_ms), at_ms) != Closed(None, *QUIET)


def test_a_negative_ring_time_widens_nothing() -> None:
    end = ms(f"{WEDNESDAY} 12:30")
    assert judge(hours(), asked(ring_timeout_ms=-60_000), end - 10_001) == Open(end - 10_000, end)


def test_until_is_looked_for_in_a_bounded_time() -> None:
    days = [ms(f"{WEDNESDAY} 12:00") + day * DAY_MS for day in range(61)]
    dates = [(text(day) or "")[:10] for day in days]
    at = ms(f"{WEDNESDAY} 08:00")
    assert opening(asked(closed_dates=dates[:60]), at) == "2026-05-03 07:30:00"  # 59 days and 23.5 hours ahead
    assert opening(asked(closed_dates=dates), at) is None
