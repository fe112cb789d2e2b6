"""When a callback is made, and whether it was kept: CB-1, CB-2, CB-5 as tables."""

from dataclasses import replace
from datetime import date

import pytest

from campaigns.core.after import Closed, after
from campaigns.core.calling_hours import Asked, judge
from campaigns.core.calling_hours import Open as IsOpen
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Attempt, Contact, Step
from campaigns.core.decide import Dial, decide
from campaigns.core.promises import Kept, Promise, PromiseRules, look_at_ms, outcome_of, promised
from campaigns.core.reasons import Channel, Disposition, FallbackKind, State, Why
from campaigns.core.waiting import WaitUntil
from tests.campaigns.cases import FIRST, MINUTE, at, campaign, contact, dialled, never_dialled, tried, world
from tests.campaigns.shipped import URUMQI, asked, hours, rules, text

RULES = PromiseRules()


def made(due: str, now: str = "03-04 08:00", **more: object) -> Promise:
    found = promised(hours(), asked("callback", **more), RULES, at(due), at(now))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("due", "now", "call_at", "keep_by", "moved"),
    [
        ("03-04 12:20", "03-04 08:00", "2026-03-04 12:20:00", "2026-03-04 12:21:00", False),
        ("03-04 12:29:19.999", "03-04 08:00", "2026-03-04 12:29:19.999", "2026-03-04 12:30:19.999", False),
        # From here on ring-out and set-up do not fit: the last allowed moment is 12:29:19.999, a minute ahead of it.
        ("03-04 12:29:20", "03-04 08:00", "2026-03-04 12:28:20", "2026-03-04 12:29:20", True),
        ("03-04 12:31", "03-04 08:00", "2026-03-04 12:28:20", "2026-03-04 12:31:00", True),
        ("03-04 13:59:59.999", "03-04 08:00", "2026-03-04 12:28:20", "2026-03-04 13:59:59.999", True),
        ("03-04 14:00", "03-04 08:00", "2026-03-04 14:00:00", "2026-03-04 14:01:00", False),
        ("03-04 20:59", "03-04 08:00", "2026-03-04 20:59:00", "2026-03-04 21:00:00", False),
        ("03-04 21:00", "03-04 08:00", "2026-03-04 20:58:20", "2026-03-04 21:00:00", True),
        ("03-05 07:29", "03-04 20:00", "2026-03-04 20:58:20", "2026-03-05 07:29:00", True),
        # Nothing is allowed between now and then: the first moment after.
        ("03-05 07:29", "03-04 21:30", "2026-03-05 07:30:00", "2026-03-05 07:31:00", True),
        ("03-04 12:31", "03-04 12:29:30", "2026-03-04 14:00:00", "2026-03-04 14:01:00", True),
        # What is left before is short: at once.
        ("03-04 12:31", "03-04 12:28:50", "2026-03-04 12:28:50", "2026-03-04 12:31:00", True),
        ("03-04 07:00", "03-04 09:00", "2026-03-04 09:00:00", "2026-03-04 09:01:00", False),
    ],
)
def test_a_callback_that_is_due_in_closed_hours_is_moved(
    due: str, now: str, call_at: str, keep_by: str, moved: bool
) -> None:
    found = made(due, now)
    assert (text(found.call_at_ms), text(found.keep_by_ms), found.moved) == (
        call_at.removesuffix(".000"), keep_by, moved,
    )  # fmt: skip


def test_every_candidate_zone_counts() -> None:
    """By the clock of Urumqi it is 05:31 to 19:00 there; a callee who may be in either is called where both allow."""
    of_both = asked("callback", "resident", "Asia/Shanghai", URUMQI)
    found = promised(hours(), of_both, RULES, at("03-04 08:00"), at("03-04 06:00"))
    assert found is not None
    assert text(found.call_at_ms) == "2026-03-04 09:30:00"


def test_whatever_is_due_the_call_is_made_in_open_hours_and_not_after() -> None:
    for minute in range(0, 24 * 60, 7):
        due_ms = at("03-05 00:00") + minute * MINUTE
        found = promised(hours(), asked("callback"), RULES, due_ms, at("03-04 09:00"))
        assert found is not None
        assert isinstance(judge(hours(), asked("callback"), found.call_at_ms), IsOpen)
        assert found.call_at_ms <= due_ms


def test_without_a_time_it_is_made_as_soon_as_the_hours_allow_and_bounded() -> None:
    now = promised(hours(), asked("callback"), RULES, None, at("03-04 09:00"))
    night = promised(hours(), asked("callback"), RULES, None, at("03-04 22:00"))
    assert now == Promise(at("03-04 09:00"), at("03-04 10:00"), moved=False)
    assert night == Promise(at("03-05 07:30"), at("03-05 08:30"), moved=True)


def test_an_agreed_time_is_not_moved() -> None:
    agreed = asked("callback", agreed_at_ms="2026-03-04 22:10")
    found = promised(hours(), agreed, RULES, at("03-04 22:10"), at("03-04 09:00"))
    assert found == Promise(at("03-04 22:10"), at("03-04 22:25"))


def test_where_the_hours_never_open_nothing_is_promised() -> None:
    nowhere = Asked("callback", "resident", (), 30_000, zone="Asia/Shanghai")
    assert promised(hours(), nowhere, RULES, at("03-04 12:00"), at("03-04 09:00")) is None


# -- the dialler's decision --------------------------------------------------------------------------------------------


def callbacks(**other: object) -> Campaign:
    settings: dict[str, object] = {
        "kind": "callback", "fallback": FallbackKind.PERSON, "fallback_by_ms": None, "expires_at_ms": None,
        "redials_cut": True,
    }  # fmt: skip
    return campaign(**settings | other)


def owed(call_at: str = "03-04 15:00", keep_by: str = "03-04 15:01", **other: object) -> Contact:
    return contact(call_at_ms=at(call_at), keep_by_ms=at(keep_by), **other)


def test_it_is_called_at_its_time_and_not_before() -> None:
    before, then = at("03-04 14:59:59.999"), at("03-04 15:00")
    waits = decide(owed(), callbacks(), world(before), before)
    assert waits == WaitUntil(then, Why.AGREED_TIME, "TRY-1")
    assert isinstance(decide(owed(), callbacks(), world(then), then), Dial)


def test_an_agreed_time_opens_the_rest_hours_for_one_attempt() -> None:
    asked_for = owed("03-04 22:10", "03-04 22:25", agreed_at_ms=at("03-04 22:10"))
    for moment, dials in (("22:09:59", False), ("22:10", True), ("22:24", True), ("22:25", False)):
        now = at(f"03-04 {moment}")
        assert isinstance(decide(asked_for, callbacks(), world(now), now), Dial) is dials, moment
    once = tried(asked_for, callbacks(), Disposition.BUSY, at("03-04 22:10"))
    now = at("03-04 22:12")
    waits = decide(once, callbacks(), world(now), now)
    assert isinstance(waits, WaitUntil)
    assert text(waits.at_ms) == "2026-03-05 07:30:00"


def test_for_arrears_an_agreed_time_never_opens_the_night() -> None:
    asked_for = owed("03-04 22:10", "03-04 22:25", agreed_at_ms=at("03-04 22:10"))
    now = at("03-04 22:10")
    assert isinstance(decide(asked_for, campaign(fallback_by_ms=None), world(now), now), WaitUntil)


def test_what_rang_nowhere_leaves_the_agreed_time_standing() -> None:
    asked_for = owed("03-04 22:10", "03-04 22:25", agreed_at_ms=at("03-04 22:10"))
    again = never_dialled(asked_for, callbacks(), at("03-04 22:10"))
    now = at("03-04 22:11")
    assert isinstance(decide(again, callbacks(), world(now), now), Dial)


def test_a_call_that_the_network_cut_is_made_again_at_once() -> None:
    cut = tried(owed(), callbacks(), Disposition.ANSWERED_INCOMPLETE, at("03-04 15:00"), cut=True)
    now = at("03-04 15:00:02")
    assert isinstance(decide(cut, callbacks(), world(now), now), Dial)
    others = decide(cut, callbacks(redials_cut=False), world(now), now)
    assert isinstance(others, WaitUntil)
    assert text(others.at_ms) == "2026-03-04 15:15:01"


def test_a_call_that_was_cut_is_made_again_only_within_hours_and_caps() -> None:
    cut = tried(owed("03-04 20:59"), callbacks(), Disposition.ANSWERED_INCOMPLETE, at("03-04 20:59"), cut=True)
    late, soon = at("03-04 20:59:30"), at("03-04 20:59:02")
    waits = decide(cut, callbacks(), world(late), late)
    assert isinstance(waits, WaitUntil)
    assert text(waits.at_ms) == "2026-03-05 07:30:00"
    capped = decide(cut, callbacks(), world(soon, calls_today=3), soon)
    assert isinstance(capped, WaitUntil)
    assert capped.why is Why.PERSON_CAP


# -- kept or missed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disposition", "kept"),
    [
        (Disposition.REACHED, Kept.KEPT),
        (Disposition.NO_ANSWER, Kept.KEPT),  # he was called
        (Disposition.BUSY, Kept.KEPT),
        (Disposition.CONGESTION, None),  # and may be called again until the promise is over
        (Disposition.NO_AGENT, None),
        (Disposition.FAILED_OTHER, None),
    ],
)
def test_a_call_in_time_keeps_the_promise(disposition: Disposition, kept: Kept | None) -> None:
    over = tried(owed(), callbacks(), disposition, at("03-04 15:00"))
    assert outcome_of(over, at("03-04 15:00:30")) is kept
    assert outcome_of(over, at("03-04 15:01:00.001")) is (kept or Kept.MISSED)


def test_a_call_that_came_late_does_not_keep_it() -> None:
    late = tried(owed(), callbacks(), Disposition.REACHED, at("03-04 15:01:00.001"))
    assert outcome_of(late, at("03-04 15:02")) is Kept.MISSED


def test_a_call_that_is_under_way_is_waited_for() -> None:
    under_way = dialled(owed(), callbacks(), at("03-04 15:00"))
    assert outcome_of(under_way, at("03-04 15:05")) is None
    nowhere = never_dialled(owed(), callbacks(), at("03-04 15:00"))
    assert outcome_of(nowhere, at("03-04 15:05")) is Kept.MISSED


@pytest.mark.parametrize("state", [State.CANCELLED, State.SUPPRESSED])
def test_who_wants_no_call_is_owed_none(state: State) -> None:
    gone = after(owed(), Closed(state), callbacks())
    assert outcome_of(gone, at("03-04 16:00")) is None


def test_who_expired_was_not_called() -> None:
    assert outcome_of(after(owed(), Closed(State.EXPIRED), callbacks()), at("03-04 14:00")) is Kept.MISSED


def test_when_it_is_looked_at_whether_it_was_missed() -> None:
    assert look_at_ms(owed(), at("03-04 14:00")) == at("03-04 15:01") + 1
    assert look_at_ms(owed(), at("03-04 15:01:00.001")) is None
    assert look_at_ms(replace(owed(), state=State.CANCELLED), at("03-04 14:00")) is None
    assert look_at_ms(contact(), at("03-04 14:00")) is None


def test_the_last_instant_is_in_time_and_the_next_is_not() -> None:
    end_ms = at("03-04 15:01")
    assert outcome_of(tried(owed(), callbacks(), Disposition.BUSY, end_ms), end_ms + 5_000) is Kept.KEPT
    assert outcome_of(owed(), end_ms) is None
    assert outcome_of(owed(), end_ms + 1) is Kept.MISSED
    assert look_at_ms(owed(), end_ms) == end_ms + 1


def test_of_a_call_that_nobody_knows_the_end_is_waited_for_until_it_counts() -> None:
    attempt = Attempt(1, 1, Channel.AUTO, FIRST, at("03-04 15:00"), Step.HELD, disposition=Disposition.UNKNOWN)
    held = replace(owed(), attempts=(attempt,))
    assert outcome_of(held, at("03-04 15:05")) is None
    counted = replace(held, attempts=(replace(attempt, counted=True),))
    assert outcome_of(counted, at("03-04 15:05")) is Kept.MISSED


@pytest.mark.parametrize(
    ("first", "last", "call_at"),
    [(6, 11, "2026-03-05 20:58:20"), (5, 11, "2026-03-12 07:30:00")],
)
def test_a_week_before_is_looked_back_for_an_allowed_moment(first: int, last: int, call_at: str) -> None:
    closed = frozenset(date(2026, 3, day) for day in range(first, last + 1))
    found = promised(
        hours(), replace(asked("callback"), closed_dates=closed), RULES, at("03-12 07:00"), at("03-04 08:00")
    )
    assert found is not None
    assert text(found.call_at_ms) == call_at


def test_only_a_call_that_was_cut_off_is_made_again_at_once() -> None:
    plan = callbacks()
    over = tried(owed(), plan, Disposition.ANSWERED_INCOMPLETE, at("03-04 15:00"))
    assert not over.attempts[-1].cut
    assert Attempt(1, 1, Channel.AUTO, FIRST, 0).cut is False


def test_the_shipped_profile_has_these_values() -> None:
    assert rules().promises == RULES
