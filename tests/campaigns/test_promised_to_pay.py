"""A promise to pay by a day: not final until that day has ended, and calling goes on where it is broken."""

from dataclasses import replace

import pytest

from campaigns.core.after import Ended, HandedOver, Word, after, owes_notice
from campaigns.core.contact import Contact
from campaigns.core.decide import Close, Dial, Fallback, decide
from campaigns.core.reasons import Disposition, FallbackKind, State, Why
from campaigns.core.waiting import WaitUntil
from tests.campaigns.cases import FIRST, MINUTE, NINE, SECOND, at, campaign, contact, tried, world

D = Disposition
PLAN = campaign()
FALLBACK_BY = at("03-09 21:00")
DAY_ENDS = at("03-07 00:00")


def promised(day: str = "2026-03-06", before: Contact | None = None, at_ms: int = NINE) -> Contact:
    return tried(before or contact(), PLAN, D.PROMISED_TO_PAY, at_ms, promise_date=day)


def test_it_waits_for_its_day_and_is_called_when_that_is_over() -> None:
    found = promised()
    assert (found.state, found.counted) == (State.WAITING, 1)
    waits = WaitUntil(at("03-07 08:00"), Why.AGREED_TIME, "TRY-1")
    assert decide(found, PLAN, world(at("03-06 20:00")), at("03-06 20:00")) == waits
    last = decide(found, PLAN, world(DAY_ENDS - 1), DAY_ENDS - 1)
    assert isinstance(last, WaitUntil)
    assert isinstance(decide(found, PLAN, world(at("03-07 08:00")), at("03-07 08:00")), Dial)


def test_the_deadline_waits_for_the_promise() -> None:
    found = promised("2026-03-11")
    assert decide(found, PLAN, world(FALLBACK_BY), FALLBACK_BY) == WaitUntil(at("03-12 00:00"), Why.QUIET_HOURS, "CB-1")
    ten = at("03-10 10:00")
    assert decide(found, PLAN, world(ten), ten) == WaitUntil(at("03-12 00:00"), Why.AGREED_TIME, "TRY-1")
    broken = at("03-12 00:00")
    assert decide(found, PLAN, world(broken), broken) == Fallback(Why.DEADLINE_PAST, "TRY-1")
    assert owes_notice(after(found, HandedOver(), PLAN), PLAN), "he was not told for good"


def test_whose_attempts_are_used_up_is_handed_over_once_it_is_broken() -> None:
    found = tried(tried(contact(), PLAN, D.NO_ANSWER, NINE), PLAN, D.NO_ANSWER, at("03-04 10:00"))
    found = promised(before=found, at_ms=at("03-04 15:00"))
    assert found.counted == 3
    assert isinstance(decide(found, PLAN, world(DAY_ENDS - 1), DAY_ENDS - 1), WaitUntil)
    assert decide(found, PLAN, world(DAY_ENDS), DAY_ENDS) == Fallback(None, "TRY-1")


def test_who_has_no_number_left_is_handed_over_once_it_is_broken() -> None:
    wrong = tried(contact(FIRST, SECOND), PLAN, D.WRONG_PARTY)
    found = tried(wrong, PLAN, D.PROMISED_TO_PAY, n=1, promise_date="2026-03-06")
    barred = replace(found, barred=frozenset({SECOND}))
    noon = at("03-04 12:00")
    assert decide(barred, PLAN, world(noon), noon) == WaitUntil(DAY_ENDS, Why.AGREED_TIME, "TRY-1")
    assert decide(barred, PLAN, world(DAY_ENDS), DAY_ENDS) == Fallback(Why.NO_NUMBER, "TRY-1")


def test_who_is_not_to_be_called_gets_no_letter_before_it_is_broken() -> None:
    found = promised()
    known = world(NINE, do_not_call=True)
    assert decide(found, PLAN, known, NINE) == WaitUntil(DAY_ENDS, Why.DO_NOT_CALL, "")
    assert decide(found, PLAN, known, DAY_ENDS) == Close(State.SUPPRESSED, Why.DO_NOT_CALL)


def test_a_payment_is_the_end() -> None:
    assert decide(promised(), PLAN, world(NINE, settled=True), NINE) == Close(State.PAID, Why.SETTLED)


@pytest.mark.parametrize("day", [None, "2026-03-19", "2026-12-31"])
def test_without_a_date_or_beyond_the_campaigns_end_it_is_the_last_word(day: str | None) -> None:
    found = tried(contact(), PLAN, D.PROMISED_TO_PAY, promise_date=day)
    assert found.state is State.PROMISED
    assert promised("2026-03-18").state is State.WAITING


def test_a_second_promise_takes_the_place_of_the_first() -> None:
    again = promised("2026-03-10", promised(), at("03-07 09:00"))
    assert (again.state, again.promise_date) == (State.WAITING, "2026-03-10")
    by_key = tried(promised(), PLAN, D.PROMISED_TO_PAY, at("03-07 09:00"))
    assert (by_key.state, by_key.promise_date) == (State.PROMISED, None)


def test_what_an_agent_named_is_the_day_of_a_promise_and_the_time_of_a_callback() -> None:
    named_ms = at("03-06 23:30")
    by_agent = tried(contact(), PLAN, D.PROMISED_TO_PAY, named_ms=named_ms)
    assert (by_agent.state, by_agent.promise_date) == (State.WAITING, "2026-03-06"), "a day of the campaign's zone"
    both = tried(contact(), PLAN, D.PROMISED_TO_PAY, named_ms=named_ms, promise_date="2026-03-05")
    assert both.promise_date == "2026-03-05"
    nowhere = campaign(zone="nowhere")
    assert tried(contact(), nowhere, D.PROMISED_TO_PAY, named_ms=named_ms).promise_date is None
    times = [
        tried(contact(), PLAN, disposition, named_ms=named_ms, **more).attempts[-1].agreed_at_ms
        for disposition, more in (
            (D.CALLBACK_ASKED, {}), (D.CALLBACK_ASKED, {"agreed_at_ms": NINE}), (D.NOT_CONVENIENT, {}),
        )
    ]  # fmt: skip
    assert times == [named_ms, NINE, None]


def test_what_is_heard_of_the_same_call_later_leaves_its_date() -> None:
    found = after(promised(), Ended(1, NINE + 2_000, D.PROMISED_TO_PAY, rang=True), PLAN)
    assert (found.state, found.promise_date) == (State.WAITING, "2026-03-06")


def test_with_a_person_it_stays_with_him() -> None:
    plan = campaign(fallback=FallbackKind.PERSON)
    found = after(after(contact(), HandedOver(), plan), Word(NINE, D.PROMISED_TO_PAY, promise_date="2026-03-06"), plan)
    assert (found.state, found.promise_date) == (State.PERSON, "2026-03-06")
    assert not isinstance(decide(found, plan, world(at("03-08 09:00")), at("03-08 09:00")), Dial)


def test_a_promise_that_is_taken_back_is_waited_for_no_more() -> None:
    found = tried(tried(contact(), PLAN, D.NO_ANSWER, NINE), PLAN, D.NO_ANSWER, at("03-04 10:00"))
    found = promised("2026-03-15", found, at("03-04 15:00"))
    taken_back = after(found, Ended(3, at("03-04 15:01"), D.ANSWERED_INCOMPLETE, rang=True), PLAN)
    assert taken_back.promise_date is None
    four = at("03-04 16:00")
    assert decide(taken_back, PLAN, world(four), four) == Fallback(None, "TRY-1")


def test_who_was_the_wrong_party_after_all_makes_way_for_the_next_number_at_once() -> None:
    found = tried(contact(FIRST, SECOND), PLAN, D.PROMISED_TO_PAY, promise_date="2026-03-15")
    wrong = after(found, Ended(1, NINE + 1000, D.WRONG_PARTY, rang=True), PLAN)
    decision = decide(wrong, PLAN, world(NINE + MINUTE), NINE + MINUTE)
    assert isinstance(decision, Dial)
    assert decision.number == SECOND


def test_a_promise_before_it_holds_again() -> None:
    """It was broken when the next call was made: nobody waits for it."""
    broken = promised("2026-03-04")
    second = promised("2026-03-08", broken, at("03-05 09:00"))
    found = after(second, Ended(2, at("03-05 09:01"), D.NO_ANSWER, rang=True), PLAN)
    assert (found.promise_date, found.state) == ("2026-03-04", State.WAITING)


def test_a_late_fact_of_an_older_call_does_not_replace_a_newer_promise() -> None:
    found = promised("2026-03-08", promised("2026-03-04"), at("03-05 09:00"))
    again = after(found, Ended(1, NINE + 1000, D.PROMISED_TO_PAY, named_ms=at("03-04 18:00")), PLAN)
    assert again.promise_date == "2026-03-08"
    three = at("03-05 15:00")
    assert isinstance(decide(again, PLAN, world(three), three), WaitUntil)


def test_a_promise_that_is_said_again_without_its_date_keeps_it() -> None:
    again = after(promised(), Ended(1, NINE + 2000, D.PROMISED_TO_PAY, rang=True), PLAN)
    assert again.promise_date == "2026-03-06"


def test_a_promise_that_ends_with_the_campaign_is_the_last_word() -> None:
    ends = at("03-07 00:00")
    for expires_ms, state in ((ends, State.PROMISED), (ends + 1, State.WAITING)):
        plan = campaign(expires_at_ms=expires_ms)
        assert tried(contact(), plan, D.PROMISED_TO_PAY, promise_date="2026-03-06").state is state
