"""Deadlines and fallbacks, a person's work, the lane, a stop."""

from dataclasses import replace
from typing import Any

import pytest

from campaigns.core.after import Closed, Ended, HandedOver, HeldLong, after
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact
from campaigns.core.decide import Close, Decision, Dial, Fallback, decide
from campaigns.core.reasons import CampaignState, Channel, Disposition, FallbackKind, State, Why
from campaigns.core.waiting import GRACE_MS, WaitUntil, World
from tests.campaigns.cases import (
    FIRST,
    HOUR,
    MINUTE,
    NINE,
    SECOND,
    at,
    campaign,
    contact,
    dialled,
    outage,
    tried,
    world,
)

D = Disposition
PLAN = campaign()
FALLBACK_BY = at("03-09 21:00")
EXPIRES_AT = at("03-19 21:00")
NOON = at("03-04 12:29:20")  # 12:30 less 30 s of ringing and 10 s of set-up


def asked(found: Contact, now_ms: int = NINE, plan: Campaign = PLAN, **known: Any) -> Decision:
    return decide(found, plan, world(now_ms, **known), now_ms)


class TestDeadlines:
    def test_the_fallback_is_due_to_the_millisecond(self) -> None:
        assert asked(contact(), FALLBACK_BY - 1) == WaitUntil(FALLBACK_BY, Why.QUIET_HOURS, "CB-1")
        assert asked(contact(), FALLBACK_BY) == Fallback(Why.DEADLINE_PAST, "TRY-1")
        inside = campaign(fallback_by_ms=NINE)
        assert isinstance(asked(contact(), NINE - 1, inside), Dial)
        assert asked(contact(), NINE, inside) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_a_pause_and_a_freeze_stop_no_deadline(self) -> None:
        paused = campaign(state=CampaignState.PAUSED)
        assert asked(contact(), plan=paused) == WaitUntil(FALLBACK_BY, Why.CAMPAIGN_PAUSED, "")
        assert asked(contact(), FALLBACK_BY, paused) == Fallback(Why.DEADLINE_PAST, "TRY-1")
        assert asked(contact(), frozen=True) == WaitUntil(FALLBACK_BY, Why.FROZEN, "")
        assert asked(contact(), FALLBACK_BY, frozen=True) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_a_spike_says_so(self) -> None:
        spike = campaign(state=CampaignState.PAUSED, paused_why=Why.FAILURE_SPIKE)
        assert asked(contact(), plan=spike) == WaitUntil(FALLBACK_BY, Why.FAILURE_SPIKE, "")

    def test_an_attempt_that_is_open_at_the_deadline_is_waited_for_an_hour_at_the_latest(self) -> None:
        plan = campaign(fallback_by_ms=at("03-04 10:00"))
        under_way = dialled(contact(), plan, at("03-04 09:59"))
        until = at("03-04 10:00") + GRACE_MS
        assert GRACE_MS == HOUR
        assert asked(under_way, at("03-04 10:00"), plan) == WaitUntil(until, Why.DEADLINE_PAST, "TRY-1")
        assert asked(under_way, until - 1, plan) == WaitUntil(until, Why.DEADLINE_PAST, "TRY-1")
        assert asked(under_way, until, plan) == Fallback(Why.DEADLINE_PAST, "TRY-1")
        ended = after(under_way, Ended(1, at("03-04 10:01"), D.NO_ANSWER), plan)
        assert asked(ended, at("03-04 10:01"), plan) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_an_unknown_attempt_is_waited_for_until_it_is_final(self) -> None:
        plan = campaign(fallback_by_ms=at("03-04 10:00"))
        held = tried(contact(), plan, D.UNKNOWN, at("03-04 09:50"))
        waiting = asked(held, at("03-04 10:00"), plan)
        assert isinstance(waiting, WaitUntil)
        counted = after(held, HeldLong(1, NINE), plan)
        assert asked(counted, at("03-04 10:21"), plan) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_what_is_unknown_is_held_until_the_fallback(self) -> None:
        held = after(tried(contact(FIRST, SECOND), PLAN, D.UNKNOWN), HeldLong(1, NINE), PLAN)
        for now_ms in (at("03-04 14:00"), at("03-06 10:00")):
            assert asked(held, now_ms) == WaitUntil(FALLBACK_BY, Why.UNKNOWN_PENDING, "TRY-1")
        assert asked(held, FALLBACK_BY) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_what_is_unknown_and_was_the_last_number_is_held_too(self) -> None:
        plan = campaign(channels=(Channel.AUTO,))
        found = tried(contact(FIRST, SECOND), plan, D.INVALID_NUMBER)
        held = tried(found, plan, D.UNKNOWN, NINE + MINUTE, n=1)
        assert asked(held, at("03-04 09:10"), plan) == WaitUntil(FALLBACK_BY, Why.UNKNOWN_PENDING, "TRY-1")

    def test_a_third_attempt_that_stays_unknown_uses_them_up(self) -> None:
        found = tried(tried(contact(), PLAN, D.BUSY), PLAN, D.BUSY, NINE + HOUR)
        held = tried(found, PLAN, D.UNKNOWN, at("03-04 14:00"))
        assert isinstance(asked(held, at("03-04 14:10")), WaitUntil)
        assert asked(after(held, HeldLong(3, NINE), PLAN), at("03-04 14:40")) == Fallback(None, "TRY-1")

    def test_without_a_fallback_a_contact_expires(self) -> None:
        plan = outage()
        by = at("03-12 08:00")
        failed = tried(contact(), plan, D.FAILED_OTHER, channel=Channel.SMS)
        assert isinstance(asked(failed, by - 1, plan), Dial)
        assert asked(failed, by, plan) == Close(State.EXPIRED, Why.DEADLINE_PAST)
        under_way = dialled(failed, plan, by - 10_000)
        assert asked(under_way, by, plan) == WaitUntil(None, Why.DEADLINE_PAST, "TRY-1")

    def test_the_fallback_comes_before_the_end(self) -> None:
        assert asked(contact(), EXPIRES_AT) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_used_up_attempts_hand_over_at_once_whatever_the_hour(self) -> None:
        found = contact()
        for hour in (9, 11, 15):
            found = tried(found, PLAN, D.NO_ANSWER, at(f"03-04 {hour:02d}:00"))
        assert asked(found, at("03-04 23:00"), campaign(state=CampaignState.PAUSED)) == Fallback(None, "TRY-1")
        twice = campaign(attempts_max=2)
        found = tried(tried(contact(), twice, D.BUSY), twice, D.BUSY, NINE + HOUR)
        assert asked(found, NINE + HOUR + 1000, twice) == Fallback(None, "TRY-1")


class TestPersons:
    stuck = tried(tried(tried(contact(), PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER)

    def test_their_work_waits_for_the_fallback(self) -> None:
        assert asked(self.stuck, NINE + HOUR) == WaitUntil(FALLBACK_BY, None, "TRY-1")
        assert asked(self.stuck, FALLBACK_BY) == Fallback(Why.DEADLINE_PAST, "TRY-1")

    def test_their_work_is_not_taken_from_them_whatever_was_counted(self) -> None:
        found = contact()
        for hour in range(3):
            found = tried(found, PLAN, D.BUSY, NINE + hour * HOUR)
        worked_on = replace(found, state=State.PERSON)
        assert asked(worked_on, NINE + 3 * HOUR) == WaitUntil(FALLBACK_BY, None, "TRY-1")

    def test_after_the_end_nobody_is_called_while_a_message_is_on_its_way(self) -> None:
        plan = outage(fallback_by_ms=at("03-05 09:00"), expires_at_ms=at("03-05 11:00"))
        over = dialled(after(contact(important=True), HandedOver(), plan), plan, at("03-05 10:00"), Channel.SMS)
        assert isinstance(asked(over, at("03-05 10:30"), plan), Dial)
        assert asked(over, at("03-05 11:00"), plan) == WaitUntil(None, Why.DEADLINE_PAST, "TRY-1")

    def test_an_important_contact_is_called_on(self) -> None:
        plan = outage()
        found = contact(important=True)
        for n in range(4):
            found = tried(found, plan, D.NO_ANSWER, NINE + n * HOUR)
        assert found.state is State.PERSON
        decision = asked(found, at("03-04 14:00"), plan)
        assert isinstance(decision, Dial)

    def test_a_fallback_that_is_a_persons_work_is_made_once(self) -> None:
        plan = outage(fallback_by_ms=at("03-05 09:00"))
        found = contact()
        assert asked(found, at("03-05 09:00"), plan) == Fallback(Why.DEADLINE_PAST, "TRY-1")
        over = after(found, HandedOver(), plan)
        assert asked(over, at("03-05 09:00"), plan) == WaitUntil(at("03-12 08:00"), None, "TRY-1")
        assert asked(over, at("03-12 08:00"), plan) == Close(State.EXPIRED, Why.DEADLINE_PAST)

    def test_an_important_contact_is_called_on_after_its_fallback(self) -> None:
        plan = outage(fallback_by_ms=at("03-05 09:00"))
        over = after(contact(important=True), HandedOver(), plan)
        decision = asked(over, at("03-05 10:00"), plan)
        assert isinstance(decision, Dial)
        assert decision.dial_before_ms == at("03-05 12:30")
        held = after(tried(contact(important=True), plan, D.UNKNOWN), HandedOver(), plan)
        unsure = asked(held, at("03-05 10:00"), plan)
        assert unsure == WaitUntil(at("03-12 08:00"), Why.UNKNOWN_PENDING, "TRY-1"), "never redialled on a guess"
        nobody = after(contact(important=True, phones=()), HandedOver(), plan)
        assert asked(nobody, at("03-05 10:00"), plan) == WaitUntil(at("03-12 08:00"), None, "TRY-1")


class TestTheLane:
    def test_a_switch_is_away_after_fifteen_seconds_of_silence(self) -> None:
        assert isinstance(asked(contact(), switch_heard_ms=NINE - 15_000), Dial)
        assert asked(contact(), switch_heard_ms=NINE - 15_001) == WaitUntil(None, Why.SWITCH_AWAY, "")
        assert asked(contact(), stream_live=False) == WaitUntil(None, Why.SWITCH_AWAY, "")
        assert decide(contact(), PLAN, World(), NINE) == WaitUntil(None, Why.SWITCH_AWAY, ""), "in doubt nobody"

    def test_what_the_lane_lacks_later_is_not_foretold(self) -> None:
        night = asked(contact(), at("03-04 23:00"), trunk_free=False)
        assert night == WaitUntil(at("03-05 08:00"), Why.QUIET_HOURS, "CB-1")

    def test_an_amount_that_cannot_be_computed_waits_for_the_deadline(self) -> None:
        assert asked(contact(), amount_known=False) == WaitUntil(FALLBACK_BY, Why.NO_FORMULA, "ARR-1")


class TestAStop:
    @pytest.mark.parametrize("state", [CampaignState.STOPPING, CampaignState.STOPPED])
    def test_it_closes_all_but_who_is_being_called(self, state: CampaignState) -> None:
        plan = campaign(state=state)
        assert asked(contact(), plan=plan) == Close(State.CANCELLED, Why.CAMPAIGN_STOPPED)
        assert asked(contact(), FALLBACK_BY, plan) == Close(State.CANCELLED, Why.CAMPAIGN_STOPPED)
        assert asked(dialled(contact(), PLAN), plan=plan) == WaitUntil(None, Why.CAMPAIGN_STOPPED, "")
        held = tried(contact(), PLAN, D.UNKNOWN)
        assert asked(held, plan=plan) == Close(State.CANCELLED, Why.CAMPAIGN_STOPPED)

    @pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.DONE, CampaignState.EXPIRED])
    def test_who_is_not_running_dials_nobody(self, state: CampaignState) -> None:
        assert asked(contact(), plan=campaign(state=state)) == WaitUntil(FALLBACK_BY, Why.CAMPAIGN_PAUSED, "")


def test_a_contact_in_progress_waits_for_its_call() -> None:
    assert asked(dialled(contact(FIRST, SECOND), PLAN)) == WaitUntil(FALLBACK_BY, Why.NUMBER_BUSY, "")
    last = tried(contact(FIRST, SECOND), PLAN, D.INVALID_NUMBER)
    assert asked(dialled(last, PLAN, n=1)) == WaitUntil(FALLBACK_BY, Why.NUMBER_BUSY, "")


def test_a_fallback_in_writing_ends_a_contact_for_good() -> None:
    for kind in (FallbackKind.NOTICE, FallbackKind.LIST):
        plan = campaign(fallback=kind)
        assert asked(after(contact(), HandedOver(), plan), plan=plan) == Close(State.FALLBACK)
    assert asked(after(contact(), Closed(State.PAID), PLAN)) == Close(State.PAID)
