"""An attempt of which nobody knows what became of it: held, counted after half an hour, released by who knows."""

import pytest

from campaigns.core.after import (
    UNKNOWN_FINAL_AFTER_MS,
    Ended,
    HandedOver,
    HeldLong,
    NeverDialled,
    Word,
    after,
    owes_notice,
)
from campaigns.core.contact import Step, exhausted
from campaigns.core.reasons import Channel, Disposition, FallbackKind, State
from tests.campaigns.cases import DAY, FIRST, MINUTE, NINE, SECOND, campaign, contact, dialled, never_dialled, tried

D = Disposition
PLAN = campaign()


class TestUnknown:
    held = tried(contact(FIRST, SECOND), PLAN, D.UNKNOWN)

    def test_it_holds_the_contact_at_once_and_counts_after_thirty_minutes(self) -> None:
        assert (self.held.state, self.held.counted) == (State.UNKNOWN, 0)
        later = after(self.held, HeldLong(1, NINE), PLAN)
        assert (later.state, later.counted) == (State.UNKNOWN, 1)
        assert UNKNOWN_FINAL_AFTER_MS == 30 * MINUTE

    def test_a_late_fact_releases_it(self) -> None:
        counted = after(self.held, HeldLong(1, NINE), PLAN)
        busy = after(counted, Ended(1, NINE + 5000, D.BUSY), PLAN)
        assert (busy.state, busy.counted, busy.attempts[0].revised) == (State.WAITING, 1, True)
        invalid = after(counted, Ended(1, NINE + 5000, D.INVALID_NUMBER), PLAN)
        assert (invalid.state, invalid.counted, invalid.retired) == (State.WAITING, 0, {FIRST})
        reached = after(counted, Ended(1, NINE + 5000, D.REACHED), PLAN)
        assert reached.state is State.REACHED

    def test_what_comes_before_it_is_final_revises_nothing(self) -> None:
        assert not after(self.held, Ended(1, NINE + 5000, D.BUSY), PLAN).attempts[0].revised

    def test_never_seen_gives_the_attempt_back(self) -> None:
        again = after(after(self.held, HeldLong(1, NINE), PLAN), NeverDialled(1, NINE), PLAN)
        assert (again.state, again.counted, again.attempts[0].disposition) == (State.WAITING, 0, None)
        assert again.attempts[0].revised

    def test_that_nothing_is_known_is_no_news(self) -> None:
        busy = tried(contact(), PLAN, D.BUSY)
        assert after(busy, Ended(1, NINE + 9000, D.UNKNOWN), PLAN) == busy
        assert after(self.held, Ended(1, NINE + 9000, D.UNKNOWN), PLAN) == self.held

    def test_what_is_over_cannot_be_held_long(self) -> None:
        for found in (tried(contact(), PLAN, D.CONGESTION), never_dialled(contact(), PLAN)):
            assert after(found, HeldLong(1, NINE), PLAN) == found

    def test_what_nobody_saw_held_is_held_and_counted_in_one(self) -> None:
        """Nobody looked for half an hour, or what came late lies further back."""
        found = after(dialled(contact(), PLAN), HeldLong(1, NINE + 2000, rang=True), PLAN)
        (attempt,) = found.attempts
        assert (found.state, attempt.step, attempt.disposition) == (State.UNKNOWN, Step.HELD, D.UNKNOWN)
        assert (attempt.counted, attempt.rang, attempt.ended_ms) == (True, True, NINE + 2000)

    def test_where_the_three_are_used_up_it_is_over_and_a_call_of_its_day(self) -> None:
        """A late fact has counted the first meanwhile."""
        found = tried(contact(), PLAN, D.CONGESTION)
        found = tried(tried(tried(found, PLAN, D.NO_ANSWER), PLAN, D.NO_ANSWER), PLAN, D.UNKNOWN)
        late = after(found, Ended(1, NINE, D.NO_ANSWER), PLAN)
        over = after(late, HeldLong(4, NINE), PLAN)
        assert (over.counted, over.attempts[-1].step, over.attempts[-1].rang) == (3, Step.OVER, True)
        assert over.state is State.WAITING
        assert exhausted(over, PLAN)

    def test_a_person_may_know(self) -> None:
        counted = after(self.held, HeldLong(1, NINE), PLAN)
        said = after(counted, Word(NINE + 9000, D.NO_ANSWER), PLAN)
        assert (said.state, said.counted, len(said.attempts)) == (State.WAITING, 1, 1)
        assert said.attempts[0].disposition is D.NO_ANSWER
        promised = after(counted, Word(NINE, D.PROMISED_TO_PAY, promise_date="2026-03-06"), PLAN)
        assert (promised.state, promised.promise_date) == (State.WAITING, "2026-03-06")
        assert after(counted, Word(NINE, D.UNKNOWN), PLAN) == counted

    @pytest.mark.parametrize(("disposition", "counts"), [(D.FAILED_OTHER, True), (D.INVALID_NUMBER, False)])
    def test_a_person_s_word_takes_no_call_off_the_day_unless_there_is_no_such_number(
        self, disposition: Disposition, counts: bool
    ) -> None:
        (attempt,) = after(self.held, Word(NINE + 9000, disposition), PLAN).attempts
        assert (attempt.disposition, attempt.counted, attempt.rang) == (disposition, False, counts)

    def test_the_fallback_takes_over_and_a_later_fact_corrects_the_figures_alone(self) -> None:
        over = after(after(self.held, HeldLong(1, NINE), PLAN), HandedOver(), PLAN)
        assert over.state is State.FALLBACK
        late = after(over, Ended(1, NINE + 5000, D.INVALID_NUMBER), PLAN)
        assert (late.state, late.counted, late.attempts[0].revised) == (State.FALLBACK, 0, True)
        assert owes_notice(late, PLAN)

    def test_a_persons_word_is_for_who_is_still_held(self) -> None:
        over = after(after(self.held, HeldLong(1, NINE), PLAN), HandedOver(), PLAN)
        assert after(over, Word(NINE, D.REACHED), PLAN) == over

    def test_a_notice_is_recalled_for_who_was_reached_after_all(self) -> None:
        over = after(after(self.held, HeldLong(1, NINE), PLAN), HandedOver(), PLAN)
        assert owes_notice(over, PLAN)
        late = after(over, Ended(1, NINE + 5000, D.REACHED), PLAN)
        assert late.state is State.FALLBACK
        assert not owes_notice(late, PLAN)


class TestWhatAPersonSaidOfIt:
    held = tried(contact(FIRST, SECOND), PLAN, D.UNKNOWN)

    def test_no_later_fact_of_the_switch_overrules_it(self) -> None:
        asked = after(self.held, Word(NINE + MINUTE, D.CALLBACK_ASKED, agreed_at_ms=NINE + DAY), PLAN)
        late = after(asked, Ended(1, NINE + 1000, D.FAILED_OTHER, rang=True), PLAN)
        (attempt,) = late.attempts
        assert (attempt.disposition, attempt.agreed_at_ms) == (D.CALLBACK_ASKED, NINE + DAY)
        assert (attempt.by_person, attempt.revised) == (True, False)

    def test_it_keeps_what_it_counted_and_the_number_that_it_retired(self) -> None:
        counted = after(self.held, Word(NINE + MINUTE, D.NO_ANSWER), PLAN)
        assert after(counted, Ended(1, NINE + 1000, D.FAILED_OTHER, rang=True), PLAN).counted == 1
        wrong = after(self.held, Word(NINE + MINUTE, D.WRONG_PARTY), PLAN)
        assert after(wrong, Ended(1, NINE + 1000, D.ANSWERED_INCOMPLETE, rang=True), PLAN).retired == {FIRST}

    def test_that_it_rang_is_added(self) -> None:
        invalid = after(self.held, Word(NINE + MINUTE, D.INVALID_NUMBER), PLAN)
        assert not invalid.attempts[0].rang
        assert after(invalid, Ended(1, NINE + 1000, D.NO_ANSWER, rang=True), PLAN).attempts[0].rang

    def test_an_agents_code_is_a_persons_too(self) -> None:
        counted = after(self.held, Word(NINE + MINUTE, D.NO_ANSWER), PLAN)
        late = after(counted, Ended(1, NINE + 1000, D.ALREADY_PAID, rang=True, coded=True), PLAN)
        assert (late.state, late.attempts[0].by_person, late.attempts[0].revised) == (State.PAID, False, True)

    def test_of_a_contact_with_a_person_it_is_an_attempt_of_its_own(self) -> None:
        with_person = after(contact(), HandedOver(), campaign(fallback=FallbackKind.PERSON))
        said = after(with_person, Word(NINE, D.NO_ANSWER), PLAN).attempts[-1]
        assert (said.channel, said.by_person, said.rang) == (Channel.PERSON, True, False)

    def test_what_says_nothing_of_it_did_not_ring(self) -> None:
        assert not tried(contact(), PLAN, D.BUSY).attempts[0].rang
        under_way = dialled(contact(), PLAN)
        assert not after(under_way, HeldLong(1, NINE), PLAN).attempts[0].rang
        assert not Ended(1, NINE, D.BUSY).coded
        assert not Ended(1, NINE, D.BUSY).cut
