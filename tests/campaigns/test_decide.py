"""The order of the checks, each reason to wait and until when, which number and channel are next."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from campaigns.core.after import Ended, NeverDialled, NewRound, after
from campaigns.core.calling_hours import Window
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact, Phone
from campaigns.core.decide import Close, Decision, Dial, Fallback, decide
from campaigns.core.reasons import FINAL_STATES, CampaignState, Channel, Disposition, State, Why
from campaigns.core.waiting import WaitUntil, World
from tests.campaigns.cases import (
    DAY,
    FIRST,
    HOUR,
    NINE,
    SECOND,
    THIRD,
    at,
    campaign,
    contact,
    dialled,
    never_dialled,
    outage,
    tried,
    world,
)
from tests.campaigns.shipped import SHANGHAI, hours

D = Disposition
PLAN = campaign()
FALLBACK_BY = at("03-09 21:00")
EXPIRES_AT = at("03-19 21:00")
NOON = at("03-04 12:29:20")  # 12:30 less 30 s of ringing and 10 s of set-up


def asked(found: Contact, now_ms: int = NINE, plan: Campaign = PLAN, **known: Any) -> Decision:
    return decide(found, plan, world(now_ms, **known), now_ms)


def test_a_waiting_contact_is_dialled_until_the_hours_end() -> None:
    assert asked(contact()) == Dial(FIRST, Channel.AUTO, NOON, at("03-04 12:30"))


def test_an_order_never_outlives_the_deadline() -> None:
    plan = campaign(fallback_by_ms=at("03-04 11:00"))
    assert asked(contact(), plan=plan) == Dial(FIRST, Channel.AUTO, at("03-04 11:00"), at("03-04 12:30"))
    plan = campaign(fallback_by_ms=None, expires_at_ms=at("03-04 10:00"))
    assert asked(contact(), plan=plan) == Dial(FIRST, Channel.AUTO, at("03-04 10:00"), at("03-04 12:30"))


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_contact_stays_what_it_is(state: State) -> None:
    assert asked(contact(state=state), settled=True, do_not_call=True, frozen=True) == Close(state)


class TestTheOrderOfTheReasons:
    """Each check hides those after it."""

    closing = (
        ({"settled": True}, Close(State.PAID, Why.SETTLED)),
        ({"do_not_call": True}, Close(State.SUPPRESSED, Why.DO_NOT_CALL)),
    )

    def test_settled_then_do_not_call_then_stopped(self) -> None:
        stopped = campaign(state=CampaignState.STOPPED)
        for skipped in range(len(self.closing)):
            known = dict(pair for facts, _ in self.closing[skipped:] for pair in facts.items())
            assert asked(contact(), plan=stopped, frozen=True, **known) == self.closing[skipped][1]
        assert asked(contact(), plan=stopped, frozen=True) == Close(State.CANCELLED, Why.CAMPAIGN_STOPPED)

    def test_each_reason_comes_before_the_next(self) -> None:
        found = tried(contact(), PLAN, D.NO_ANSWER, at("03-04 13:00"))
        held = tried(contact(), PLAN, D.UNKNOWN, at("03-04 13:00"))
        now = at("03-04 13:05")
        bad = {
            "calls_today": 3,
            "busy_numbers": frozenset({FIRST}),
            "amount_known": False,
            "switch_heard_ms": None,
            "switch_clock_true": False,
            "clock_steady": False,
            "trunk_free": False,
            "queue_free": False,
        }
        paused = campaign(state=CampaignState.PAUSED)
        reasons = [
            self.why(found, now, paused, **bad, frozen=True),
            self.why(found, now, paused, **bad),
            self.why(found, now, PLAN, **bad),
            self.why(held, at("03-04 14:00"), PLAN, **bad),
        ]
        now = at("03-04 14:00")  # two minutes before the retry is due
        found = tried(contact(), PLAN, D.NO_ANSWER, at("03-04 13:02"))
        for known in (None, "calls_today", "busy_numbers"):
            bad.pop(known or "", None)
            reasons.append(self.why(found, now, PLAN, **bad))
        found = contact()
        for known in (None, "amount_known", "switch_heard_ms", "switch_clock_true", "clock_steady", "trunk_free"):
            bad.pop(known or "", None)
            reasons.append(self.why(found, now, PLAN, **bad))
        assert reasons == [
            Why.FROZEN,
            Why.CAMPAIGN_PAUSED,
            Why.QUIET_HOURS,
            Why.UNKNOWN_PENDING,
            Why.PERSON_CAP,
            Why.NUMBER_BUSY,
            Why.RETRY_WAIT,
            Why.NO_FORMULA,
            Why.SWITCH_AWAY,
            Why.SWITCH_CLOCK,
            Why.CLOCK_STEP,
            Why.TRUNK_FULL,
            Why.QUEUE_BUSY,
        ]

    @staticmethod
    def why(found: Contact, now_ms: int, plan: Campaign, **known: Any) -> Why | None:
        decision = asked(found, now_ms, plan, **known)
        assert isinstance(decision, WaitUntil)
        return decision.why


class TestHours:
    def test_the_last_instant_and_the_first_after_noon(self) -> None:
        assert isinstance(asked(contact(), NOON - 1), Dial)
        assert asked(contact(), NOON) == WaitUntil(at("03-04 14:00"), Why.QUIET_HOURS, "CB-1")
        assert isinstance(asked(contact(), at("03-04 14:00")), Dial)

    def test_arrears_wait_for_eight(self) -> None:
        assert asked(contact(), at("03-04 07:59:59.999")) == WaitUntil(at("03-04 08:00"), Why.QUIET_HOURS, "ARR-1")
        assert isinstance(asked(contact(), at("03-04 07:30"), campaign(kind="billing")), Dial)

    def test_the_campaigns_windows_and_closed_dates(self) -> None:
        plan = campaign(windows=(Window(10 * HOUR, 12 * HOUR),))
        assert asked(contact(), plan=plan) == WaitUntil(at("03-04 10:00"), Why.CAMPAIGN_HOURS, "")
        plan = campaign(closed_dates=frozenset({date(2026, 3, 4)}))
        assert asked(contact(), plan=plan) == WaitUntil(at("03-05 08:00"), Why.CLOSED_DATE, "")

    def test_hours_that_never_open_wait_for_the_deadline(self) -> None:
        plan = campaign(windows=(Window(2 * HOUR, 3 * HOUR),))
        assert asked(contact(), plan=plan) == WaitUntil(FALLBACK_BY, Why.CAMPAIGN_HOURS, "")
        plan = replace(plan, fallback_by_ms=None, expires_at_ms=None)
        assert asked(contact(), plan=plan) == WaitUntil(None, Why.CAMPAIGN_HOURS, "")

    def test_all_candidate_zones_of_the_number_that_is_dialled(self) -> None:
        abroad = contact(phones=(Phone(FIRST, ("Asia/Shanghai", "Asia/Urumqi")),))
        assert asked(abroad) == WaitUntil(at("03-04 10:00"), Why.QUIET_HOURS, "CB-1")
        assert asked(abroad, at("03-04 09:45")) == WaitUntil(at("03-04 10:00"), Why.QUIET_HOURS, "ARR-1")

    def test_a_message_has_until_the_window_ends(self) -> None:
        plan = outage()
        sent = asked(contact(), at("03-04 12:29:59.999"), plan)
        assert sent == Dial(FIRST, Channel.SMS, at("03-04 12:30"), at("03-04 12:30"))


class TestRetries:
    def test_the_reason_is_the_first_and_the_time_is_when_all_allow(self) -> None:
        found = tried(contact(), PLAN, D.NO_ANSWER, at("03-04 12:00"))
        assert asked(found, at("03-04 12:10")) == WaitUntil(at("03-04 14:00"), Why.RETRY_WAIT, "TRY-1")
        found = tried(contact(), PLAN, D.POWERED_OFF, at("03-04 12:20"))
        assert asked(found, at("03-04 13:00")) == WaitUntil(at("03-04 14:20:01"), Why.QUIET_HOURS, "CB-1")

    def test_it_is_due_to_the_millisecond(self) -> None:
        found = tried(contact(), PLAN, D.NO_ANSWER)
        due_ms = NINE + 1000 + HOUR
        assert asked(found, due_ms - 1) == WaitUntil(due_ms, Why.RETRY_WAIT, "TRY-1")
        assert isinstance(asked(found, due_ms), Dial)

    def test_the_deadline_comes_before_a_later_retry(self) -> None:
        found = tried(contact(), PLAN, D.NO_ANSWER, at("03-09 20:30"))
        assert asked(found, at("03-09 20:40")) == WaitUntil(FALLBACK_BY, Why.RETRY_WAIT, "TRY-1")

    def test_an_agreed_time(self) -> None:
        under_way = dialled(contact(), PLAN)
        found = after(under_way, Ended(1, NINE + 1000, D.CALLBACK_ASKED, agreed_at_ms=at("03-04 15:20")), PLAN)
        waiting = asked(found, at("03-04 10:00"))
        assert waiting == WaitUntil(at("03-04 15:20"), Why.AGREED_TIME, "CB-1")
        early = asked(found, at("03-04 15:10"))
        assert early == WaitUntil(at("03-04 15:20"), Why.AGREED_TIME, "TRY-1")
        assert asked(found, at("03-04 15:20")) == Dial(FIRST, Channel.AUTO, at("03-04 15:34:20"), at("03-04 15:35"))
        missed = asked(found, at("03-04 15:40"))
        assert missed == WaitUntil(at("03-05 08:00"), Why.AGREED_TIME, "CB-1")
        assert isinstance(asked(found, at("03-05 08:00")), Dial)


class TestThePersonsCap:
    def test_who_was_not_called_today_has_three(self) -> None:
        assert World().calls_today == 0

    def test_three_calls_a_day_are_enough(self) -> None:
        assert isinstance(asked(contact(), calls_today=2), Dial)
        assert asked(contact(), calls_today=3) == WaitUntil(at("03-05 08:00"), Why.PERSON_CAP, "TRY-1")

    def test_the_day_ends_at_midnight(self) -> None:
        day = replace(hours(), rest=(Window(0, DAY),), kinds={"arrears": {"resident": None}})
        capped = asked(contact(), at("03-04 23:59:59.999"), campaign(hours=day), calls_today=3)
        assert capped == WaitUntil(at("03-05 00:00"), Why.PERSON_CAP, "TRY-1")

    def test_the_day_is_the_operators_whatever_zone_the_campaign_is_in(self) -> None:
        day = replace(hours(), rest=(Window(0, DAY),), kinds={"arrears": {"resident": None}})
        elsewhere = campaign(hours=day, zone="Pacific/Pago_Pago", day_zone=SHANGHAI, fallback_by_ms=None)
        capped = asked(contact(), at("03-04 23:59:59.999"), elsewhere, calls_today=3)
        assert capped == WaitUntil(at("03-05 00:00"), Why.PERSON_CAP, "TRY-1")
        assert elsewhere.days_in == SHANGHAI
        assert campaign().days_in == SHANGHAI

    def test_it_is_of_calls_and_not_of_important_contacts(self) -> None:
        plan = outage()
        sent = asked(contact(), plan=plan, calls_today=3)
        assert isinstance(sent, Dial)
        assert sent.channel is Channel.SMS
        found = tried(contact(important=True), plan, D.REACHED, channel=Channel.SMS)
        assert isinstance(asked(found, at("03-04 09:10"), plan, calls_today=9), Dial)
        ordinary = tried(contact(), plan, D.FAILED_OTHER, channel=Channel.SMS)
        assert asked(ordinary, at("03-04 09:10"), plan, calls_today=3) == WaitUntil(
            at("03-05 07:30"), Why.PERSON_CAP, "TRY-1"
        )


class TestNumbers:
    def number(self, found: Contact, now_ms: int = at("03-05 10:00")) -> str | None:
        decision = asked(found, now_ms)
        return decision.number if isinstance(decision, Dial) else None

    def test_the_next_in_order_and_after_the_last_the_first(self) -> None:
        found = contact(FIRST, SECOND)
        assert self.number(found) == FIRST
        found = tried(found, PLAN, D.BUSY)
        assert self.number(found) == SECOND
        assert self.number(tried(found, PLAN, D.BUSY, NINE + HOUR, n=1), at("03-05 15:00")) == FIRST
        assert self.number(contact(FIRST, SECOND, THIRD)) == FIRST

    def test_retired_numbers_are_passed_over(self) -> None:
        found = tried(contact(FIRST, SECOND, THIRD), PLAN, D.INVALID_NUMBER)
        assert self.number(found) == SECOND
        found = tried(tried(found, PLAN, D.BUSY, n=1), PLAN, D.BUSY, n=2)
        assert self.number(found, at("03-05 15:00")) == SECOND

    def test_an_order_that_rang_nowhere_keeps_its_numbers_turn(self) -> None:
        assert self.number(never_dialled(contact(FIRST, SECOND), PLAN)) == FIRST

    def test_a_new_round_begins_with_the_first(self) -> None:
        assert self.number(after(tried(contact(FIRST, SECOND), PLAN, D.BUSY), NewRound(), PLAN)) == FIRST

    def test_the_next_number_at_once(self) -> None:
        found = tried(contact(FIRST, SECOND), PLAN, D.WRONG_PARTY)
        assert self.number(found, NINE + 1000) == SECOND

    def test_busy_is_the_number_that_would_be_dialled(self) -> None:
        assert asked(contact(FIRST, SECOND), busy_numbers=frozenset({FIRST})) == WaitUntil(None, Why.NUMBER_BUSY, "")
        assert isinstance(asked(contact(FIRST, SECOND), busy_numbers=frozenset({SECOND})), Dial)
        assert isinstance(asked(contact(), plan=outage(), busy_numbers=frozenset({FIRST})), Dial), "an SMS may arrive"

    def test_without_one_left_the_fallback_takes_over_at_once(self) -> None:
        assert asked(tried(contact(), PLAN, D.INVALID_NUMBER), NINE + 1000) == Fallback(Why.NO_NUMBER, "TRY-1")
        at_night = at("03-04 23:00")
        assert asked(tried(contact(), PLAN, D.SUSPENDED), at_night) == Fallback(Why.NO_NUMBER, "TRY-1")

    def test_of_an_outage_without_a_number_from_the_start(self) -> None:
        plan = outage()
        assert asked(contact(phones=()), plan=plan) == Close(State.EXPIRED, Why.NO_NUMBER)
        assert asked(contact(phones=(), important=True), plan=plan) == Fallback(Why.NO_NUMBER, "TRY-1")
        assert asked(contact(phones=())) == Fallback(Why.NO_NUMBER, "TRY-1")


class TestChannels:
    plan = outage()

    def test_a_message_first_then_a_call_at_once(self) -> None:
        failed = tried(contact(), self.plan, D.FAILED_OTHER, channel=Channel.SMS)
        decision = asked(failed, NINE + 1000, self.plan)
        assert isinstance(decision, Dial)
        assert (decision.channel, decision.number) == (Channel.AUTO, FIRST)

    def test_a_message_that_never_left_is_sent_again(self) -> None:
        under_way = dialled(contact(), self.plan, channel=Channel.SMS)
        again = after(under_way, NeverDialled(1, NINE + 1000), self.plan)
        decision = asked(again, NINE + 1000, self.plan)
        assert isinstance(decision, Dial)
        assert decision.channel is Channel.SMS

    @pytest.mark.parametrize(
        ("numbers", "channel", "number"),
        [
            (("+862788888888", FIRST), Channel.SMS, FIRST),
            (("+862788888888",), Channel.AUTO, "+862788888888"),
            (("+8612800000001",), Channel.AUTO, "+8612800000001"),
            (("+14155550100",), Channel.SMS, "+14155550100"),
        ],
    )
    def test_landlines_of_the_mainland_take_no_message(
        self, numbers: tuple[str, ...], channel: Channel, number: str
    ) -> None:
        decision = asked(contact(*numbers), plan=self.plan)
        assert isinstance(decision, Dial)
        assert (decision.channel, decision.number) == (channel, number)

    @pytest.mark.parametrize(
        ("numbers", "channel", "number"),
        [
            ((FIRST, "+862862345678"), Channel.FAX, "+862862345678"),
            ((FIRST,), Channel.AUTO, FIRST),
            (("+14155550100",), Channel.FAX, "+14155550100"),
        ],
    )
    def test_mobiles_of_the_mainland_take_no_fax(self, numbers: tuple[str, ...], channel: Channel, number: str) -> None:
        plan = replace(self.plan, channels=(Channel.FAX, Channel.AUTO))
        decision = asked(contact(*numbers), plan=plan)
        assert isinstance(decision, Dial)
        assert (decision.channel, decision.number) == (channel, number)

    def test_each_channel_has_a_gateway_of_its_own(self) -> None:
        only_fax = frozenset({Channel.FAX})
        away = WaitUntil(None, Why.MESSAGE_GATEWAY_AWAY, "")
        assert asked(contact(), plan=self.plan, live_messages=only_fax) == away

    def test_the_gateway_of_messages_has_its_own_reasons(self) -> None:
        assert asked(contact(), plan=self.plan, live_messages=frozenset()) == WaitUntil(
            None, Why.MESSAGE_GATEWAY_AWAY, ""
        )
        assert asked(contact(), plan=self.plan, clock_steady=False) == WaitUntil(None, Why.CLOCK_STEP, "")
        assert isinstance(asked(contact(), plan=self.plan, switch_heard_ms=None, trunk_free=False), Dial)
        assert isinstance(asked(contact(), live_messages=frozenset()), Dial)

    def test_an_important_contact_is_called_while_the_message_is_on_its_way(self) -> None:
        sent = dialled(contact(important=True), self.plan, channel=Channel.SMS)
        decision = asked(sent, plan=self.plan)
        assert isinstance(decision, Dial)
        assert decision.channel is Channel.AUTO
        waiting = asked(dialled(contact(), self.plan, channel=Channel.SMS), plan=self.plan)
        assert isinstance(waiting, WaitUntil)
        assert waiting.why is Why.NUMBER_BUSY

    def test_messages_alone(self) -> None:
        plan = campaign(channels=(Channel.SMS,))
        failed = tried(contact(), plan, D.FAILED_OTHER, channel=Channel.SMS)
        assert asked(failed, plan=plan) == Fallback(Why.NO_NUMBER, "TRY-1")
