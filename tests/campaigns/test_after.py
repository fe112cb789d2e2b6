"""What an outcome does to a contact: the table, the limits, what is late, a person's word, important contacts."""

import pytest

from campaigns.core.after import (
    Closed,
    Dialled,
    Ended,
    HandedOver,
    HeldLong,
    NeverDialled,
    NewRound,
    Word,
    after,
    owes_notice,
)
from campaigns.core.contact import Step, blocking, exhausted
from campaigns.core.reasons import FINAL_STATES, Channel, Disposition, FallbackKind, State
from tests.campaigns.cases import FIRST, MINUTE, NINE, SECOND, campaign, contact, dialled, never_dialled, outage, tried

D = Disposition
PLAN = campaign()
FINAL_BY = {
    D.REACHED: State.REACHED,
    D.PROMISED_TO_PAY: State.PROMISED,
    D.ALREADY_PAID: State.PAID,
    D.DISPUTED: State.DISPUTED,
    D.OPTED_OUT: State.SUPPRESSED,
}
UNCOUNTED = {D.INVALID_NUMBER, D.CONGESTION, D.FAILED_OTHER, D.FAX_OR_MODEM, D.NO_AGENT, D.WRONG_PARTY}
UNCOUNTED |= {D.CALLBACK_ASKED, D.OPTED_OUT}


def test_an_order_puts_the_contact_in_progress() -> None:
    under_way = dialled(contact(), PLAN)
    assert under_way.state is State.IN_PROGRESS
    [attempt] = under_way.attempts
    assert (attempt.n, attempt.round, attempt.number, attempt.at_ms, attempt.step) == (1, 1, FIRST, NINE, Step.OPEN)
    assert (attempt.disposition, attempt.counted, attempt.rang, attempt.confirmed) == (None, False, False, False)


@pytest.mark.parametrize("disposition", [each for each in D if each is not D.UNKNOWN])
def test_each_disposition_counts_and_ends_as_the_table_says(disposition: Disposition) -> None:
    ended = tried(contact(FIRST, SECOND), PLAN, disposition)
    assert ended.state is FINAL_BY.get(disposition, State.WAITING)
    assert ended.counted == (0 if disposition in UNCOUNTED else 1)
    [attempt] = ended.attempts
    assert (attempt.step, attempt.disposition, attempt.ended_ms) == (Step.OVER, disposition, NINE + 1000)
    assert not attempt.revised


@pytest.mark.parametrize("disposition", [D.INVALID_NUMBER, D.FAX_OR_MODEM, D.WRONG_PARTY, D.SUSPENDED])
def test_a_number_is_retired_for_good(disposition: Disposition) -> None:
    ended = tried(contact(FIRST, SECOND), PLAN, disposition)
    assert ended.retired == {FIRST}
    assert after(ended, NewRound(), PLAN).retired == {FIRST}


def test_other_numbers_stay() -> None:
    assert tried(contact(FIRST, SECOND), PLAN, D.NO_ANSWER).retired == frozenset()


def test_congestion_beyond_its_third_is_failed_other_and_after_three_of_those_a_person_decides() -> None:
    found = contact()
    for _ in range(6):
        assert found.state is State.WAITING
        found = tried(found, PLAN, D.CONGESTION)
    assert [attempt.disposition for attempt in found.attempts] == [D.CONGESTION] * 3 + [D.FAILED_OTHER] * 3
    assert (found.state, found.counted) == (State.PERSON, 0)


def test_a_message_is_none_of_the_three_calls_that_meet_congestion() -> None:
    plan = outage()
    found = tried(contact(), plan, D.CONGESTION, channel=Channel.SMS)
    for _ in range(3):
        found = tried(found, plan, D.CONGESTION)
    assert [attempt.disposition for attempt in found.attempts] == [D.CONGESTION] * 4
    assert tried(found, plan, D.CONGESTION).attempts[-1].disposition is D.FAILED_OTHER


@pytest.mark.parametrize("disposition", [D.FAILED_OTHER, D.NO_AGENT, D.CALLBACK_ASKED])
def test_after_the_third_of_these_a_person_decides(disposition: Disposition) -> None:
    twice = tried(tried(contact(), PLAN, disposition), PLAN, disposition)
    assert twice.state is State.WAITING
    assert tried(twice, PLAN, disposition).state is State.PERSON


def test_the_limits_are_those_of_the_round() -> None:
    twice = tried(tried(contact(), PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER)
    assert tried(after(twice, NewRound(), PLAN), PLAN, D.FAILED_OTHER).state is State.WAITING


def test_exhausted_is_the_third_counted_attempt_and_not_the_second() -> None:
    twice = tried(tried(contact(), PLAN, D.NO_ANSWER), PLAN, D.BUSY)
    assert not exhausted(twice, PLAN)
    third = tried(tried(twice, PLAN, D.CONGESTION), PLAN, D.REJECTED)
    assert exhausted(third, PLAN)
    assert (third.counted, third.state) == (3, State.WAITING)


def test_an_order_that_rang_nowhere_is_no_attempt_of_the_three() -> None:
    again = never_dialled(contact(), PLAN)
    assert (again.state, again.counted, again.attempts[0].step) == (State.WAITING, 0, Step.NOT_DIALLED)
    assert again.attempts[0].disposition is None
    assert not again.attempts[0].revised
    assert dialled(again, PLAN).attempts[-1].n == 2


def test_a_revised_attempt_is_marked_and_counted_anew() -> None:
    found = tried(contact(), PLAN, D.CONGESTION)
    revised = after(found, Ended(1, NINE + 2000, D.NO_ANSWER), PLAN)
    assert (revised.counted, revised.attempts[0].revised) == (1, True)
    same = after(found, Ended(1, NINE + 2000, D.CONGESTION), PLAN)
    assert not same.attempts[0].revised


def test_what_comes_late_may_show_that_it_did_not_ring() -> None:
    found = tried(contact(), PLAN, D.CONGESTION, rang=True)
    assert not after(found, Ended(1, NINE + 1000, D.CONGESTION), PLAN).attempts[0].rang
    assert after(found, Ended(1, NINE + 1000, D.CONGESTION, rang=True), PLAN) == found


def test_a_revision_may_end_a_contact_that_waits_or_is_being_called_again() -> None:
    found = tried(contact(), PLAN, D.NO_ANSWER)
    assert after(found, Ended(1, NINE + 2000, D.REACHED), PLAN).state is State.REACHED
    under_way = dialled(found, PLAN, NINE + 3000)
    reached = after(under_way, Ended(1, NINE + 2000, D.REACHED), PLAN)
    assert reached.state is State.REACHED
    ended = after(reached, Ended(2, NINE + 9000, D.NO_ANSWER), PLAN)
    assert (ended.state, ended.attempts[1].disposition) == (State.REACHED, D.NO_ANSWER)


def test_a_late_fact_never_makes_a_fourth_counted_attempt() -> None:
    found = tried(contact(), PLAN, D.CONGESTION)
    for _ in range(3):
        found = tried(found, PLAN, D.NO_ANSWER)
    late = after(found, Ended(1, NINE + 2000, D.BUSY), PLAN)
    assert (late.counted, late.attempts[0].disposition) == (3, D.BUSY)


def test_the_call_of_an_order_that_was_said_never_to_have_rung_is_a_revision() -> None:
    again = after(never_dialled(contact(), PLAN), Ended(1, NINE, D.NO_ANSWER), PLAN)
    assert (again.counted, again.attempts[0].revised, again.attempts[0].step) == (1, True, Step.OVER)


def test_what_is_over_is_not_taken_back() -> None:
    busy = tried(contact(), PLAN, D.BUSY)
    assert after(busy, NeverDialled(1, NINE), PLAN) == busy


@pytest.mark.parametrize(
    "outcome", [Ended(7, NINE, D.BUSY), NeverDialled(7, NINE), HeldLong(7, NINE), Word(NINE, D.REACHED)]
)
def test_what_does_not_fit_changes_nothing(outcome: Ended | NeverDialled | HeldLong | Word) -> None:
    waiting = tried(contact(), PLAN, D.BUSY)
    assert after(waiting, outcome, PLAN) == waiting


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_contact_is_never_re_opened(state: State) -> None:
    closed = after(tried(contact(), PLAN, D.NO_ANSWER), Closed(state), PLAN)
    assert closed.state is state
    for outcome in (
        Dialled(NINE, Channel.AUTO, FIRST),
        Ended(1, NINE, D.REACHED),
        Ended(1, NINE, D.CONGESTION),
        NeverDialled(1, NINE),
        HeldLong(1, NINE),
        Word(NINE, D.BUSY),
        HandedOver(),
        Closed(State.EXPIRED),
    ):
        assert after(closed, outcome, PLAN).state is state
    assert len(after(closed, Dialled(NINE, Channel.AUTO, FIRST), PLAN).attempts) == 1
    assert after(closed, NewRound(), PLAN).state is State.WAITING


def test_only_a_final_state_closes() -> None:
    waiting = contact()
    assert after(waiting, Closed(State.PERSON), PLAN) == waiting


class TestAPersonsWord:
    stuck = tried(tried(tried(contact(), PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER)

    @pytest.mark.parametrize("disposition", sorted(FINAL_BY))
    def test_it_closes(self, disposition: Disposition) -> None:
        assert after(self.stuck, Word(NINE, disposition), PLAN).state is FINAL_BY[disposition]

    def test_a_promise_has_its_date(self) -> None:
        promised = after(self.stuck, Word(NINE, D.PROMISED_TO_PAY, promise_date="2026-03-06"), PLAN)
        assert (promised.state, promised.promise_date) == (State.WAITING, "2026-03-06"), "it may be broken"

    def test_it_lets_calling_go_on_and_the_limits_begin_again(self) -> None:
        going_on = after(self.stuck, Word(NINE + MINUTE, D.FAILED_OTHER), PLAN)
        assert (going_on.state, going_on.counted) == (State.WAITING, 0)
        said = going_on.attempts[-1]
        assert (said.n, said.channel, said.number, said.at_ms) == (4, Channel.PERSON, FIRST, NINE + MINUTE)
        twice = tried(tried(going_on, PLAN, D.FAILED_OTHER), PLAN, D.FAILED_OTHER)
        assert twice.state is State.WAITING
        assert tried(twice, PLAN, D.FAILED_OTHER).state is State.PERSON

    def test_a_congestion_after_it_is_a_congestion_again(self) -> None:
        found = contact()
        for _ in range(6):
            found = tried(found, PLAN, D.CONGESTION)
        found = after(found, Word(NINE, D.CONGESTION), PLAN)
        for _ in range(3):
            found = tried(found, PLAN, D.CONGESTION)
            assert found.attempts[-1].disposition is D.CONGESTION, "the word itself is none of the three"

    def test_it_may_retire_the_number(self) -> None:
        assert after(self.stuck, Word(NINE, D.WRONG_PARTY), PLAN).retired == {FIRST}

    def test_it_says_nothing_of_who_is_not_a_persons_work(self) -> None:
        waiting = tried(contact(), PLAN, D.BUSY)
        assert after(waiting, Word(NINE, D.REACHED), PLAN) == waiting
        assert after(self.stuck, Word(NINE, D.UNKNOWN), PLAN) == self.stuck

    def test_on_who_was_never_called_it_is_the_first_attempt(self) -> None:
        nobody = after(contact(phones=()), HandedOver(), outage())
        [said] = after(nobody, Word(NINE, D.REACHED), outage()).attempts
        assert (said.n, said.number, said.channel) == (1, "", Channel.PERSON)

    def test_unresolved_it_goes_to_the_fallback(self) -> None:
        assert after(self.stuck, HandedOver(), PLAN).state is State.FALLBACK


class TestMessages:
    plan = outage()

    def test_delivered_is_enough_for_an_ordinary_contact_and_no_attempt_of_the_three(self) -> None:
        told = tried(contact(), self.plan, D.REACHED, channel=Channel.SMS)
        assert (told.state, told.counted, told.notice_out_ms) == (State.REACHED, 0, NINE)

    @pytest.mark.parametrize("disposition", [D.FAILED_OTHER, D.UNKNOWN, D.CONGESTION])
    def test_what_was_not_delivered_neither_holds_nor_counts(self, disposition: Disposition) -> None:
        again = tried(contact(), self.plan, disposition, channel=Channel.SMS)
        assert (again.state, again.counted, again.notice_out_ms) == (State.WAITING, 0, None)

    def test_its_failures_are_none_of_the_three_that_a_person_decides_on(self) -> None:
        found = contact()
        for _ in range(3):
            found = tried(found, self.plan, D.FAILED_OTHER, channel=Channel.SMS)
        assert found.state is State.WAITING

    def test_it_blocks_the_call_of_an_ordinary_contact_alone(self) -> None:
        for important, blocks in ((False, True), (True, False)):
            sent = dialled(contact(important=important), self.plan, channel=Channel.SMS)
            assert (blocking(sent, self.plan) is not None) is blocks


class TestImportant:
    plan = outage()
    important = contact(important=True)

    def test_it_is_reached_when_somebody_confirmed(self) -> None:
        heard = tried(self.important, self.plan, D.REACHED)
        assert (heard.state, heard.counted) == (State.WAITING, 1)
        assert tried(self.important, self.plan, D.REACHED, confirmed=True).state is State.REACHED
        assert tried(self.important, self.plan, D.REACHED, channel=Channel.SMS).state is State.WAITING

    def test_other_kinds_know_no_such_contact(self) -> None:
        assert tried(self.important, PLAN, D.REACHED).state is State.REACHED

    def test_the_word_of_a_person_on_what_is_held_confirms(self) -> None:
        held = tried(self.important, self.plan, D.UNKNOWN)
        assert after(held, Word(NINE, D.REACHED), self.plan).state is State.REACHED

    def test_a_fourth_failure_is_what_it_is(self) -> None:
        found = self.important
        for _ in range(5):
            found = tried(found, self.plan, D.FAILED_OTHER)
        assert [attempt.disposition for attempt in found.attempts] == [D.FAILED_OTHER] * 5

    def test_after_the_third_attempt_a_person_works_on_it_while_calling_goes_on(self) -> None:
        found = self.important
        for n in range(1, 6):
            found = tried(found, self.plan, D.NO_ANSWER)
            assert found.state is (State.PERSON if n >= 3 else State.WAITING)
            assert found.counted == n, "no cap"
        assert not exhausted(found, self.plan)
        assert dialled(found, self.plan).state is State.IN_PROGRESS
        assert tried(found, self.plan, D.REACHED, confirmed=True).state is State.REACHED
        assert after(found, Word(NINE, D.REACHED), self.plan).state is State.REACHED


def test_a_fallback_that_is_a_persons_work_is_handed_over_once_and_stays() -> None:
    plan = outage()
    found = tried(contact(FIRST, SECOND), plan, D.UNKNOWN)
    over = after(found, HandedOver(), plan)
    assert (over.state, over.handed_over) == (State.PERSON, True)
    assert after(over, Ended(1, NINE, D.NO_ANSWER), plan).state is State.PERSON
    assert after(over, Word(NINE, D.NO_ANSWER), plan).state is State.PERSON
    assert after(over, Word(NINE, D.REACHED), plan).state is State.REACHED
    again = after(over, NewRound(), plan)
    assert (again.state, again.handed_over, again.round) == (State.WAITING, False, 2)


def test_a_round_counts_its_own_attempts() -> None:
    found = after(tried(contact(), PLAN, D.NO_ANSWER), NewRound(), PLAN)
    assert (found.counted, found.this_round, found.notice_out_ms, len(found.attempts)) == (0, (), None, 1)
    second = dialled(found, PLAN).attempts[-1]
    assert (second.n, second.round) == (2, 2)


def test_the_notice_is_out_with_the_first_counted_attempt() -> None:
    found = tried(contact(), PLAN, D.CONGESTION, NINE)
    assert found.notice_out_ms is None
    found = tried(tried(found, PLAN, D.BUSY, NINE + MINUTE), PLAN, D.BUSY, NINE + 2 * MINUTE)
    assert found.notice_out_ms == NINE + MINUTE


@pytest.mark.parametrize(
    ("fallback", "state", "owed"),
    [
        (FallbackKind.NOTICE, State.FALLBACK, True),
        (FallbackKind.LIST, State.FALLBACK, True),
        (FallbackKind.NOTICE, State.SUPPRESSED, True),
        (FallbackKind.PERSON, State.SUPPRESSED, False),
        (FallbackKind.NOTICE, State.EXPIRED, False),
        (FallbackKind.NOTICE, State.PAID, False),
        (FallbackKind.NOTICE, State.WAITING, False),
    ],
)
def test_who_is_owed_a_written_notice(fallback: FallbackKind, state: State, owed: bool) -> None:
    assert owes_notice(contact(state=state), campaign(fallback=fallback)) is owed


def test_who_opted_out_is_told_in_writing() -> None:
    assert owes_notice(tried(contact(), PLAN, D.OPTED_OUT), PLAN)


def test_a_call_rang_once_it_was_said_so() -> None:
    under_way = dialled(contact(), PLAN)
    held = after(under_way, Ended(1, NINE, D.UNKNOWN, rang=True), PLAN)
    assert held.attempts[0].rang
    assert after(held, Ended(1, NINE, D.NO_ANSWER), PLAN).attempts[0].rang
    assert not after(under_way, Ended(1, NINE, D.BUSY), PLAN).attempts[0].rang
