"""A contact in a turn: what is missed, and rows there and back."""

from campaigns.core.after import Ended, Word
from campaigns.core.reasons import Disposition
from campaigns.dialler.case import Case, Known
from campaigns.ledger.compiled import attempt_of, campaign_of, contact_of, judged_attempt
from tests.campaigns.dialler.rows import attempt_row, campaign_row, contact_row
from tests.campaigns.shipped import ms, rules

D = Disposition
OUT_BY = ms("2026-03-05 21:00")
BEFORE = ms("2026-03-05 20:58:30")
MINUTE = 60_000
KNOWN = Known(set(), {})


def case_of(step: str = "open", **attempt: object) -> Case:
    """One call, made a minute and a half before the notice is to be out."""
    of = campaign_row(notice_out_by_ms=OUT_BY)
    row = contact_row(of, 1, state="in_progress" if step == "open" else "unknown")
    return Case(
        of, campaign_of(of, rules()), row, [attempt_row(row, 1, **{"decided_at_ms": BEFORE, "step": step} | attempt)]
    )


def test_a_call_that_goes_on_when_the_notice_is_to_be_out_may_keep_it() -> None:
    case = case_of()
    case.schedule(KNOWN, OUT_BY)
    assert (case.notice_missed, case.contact_row(OUT_BY).deadline_at_ms) == (0, OUT_BY + 60 * MINUTE)
    case.apply(Ended(1, OUT_BY + MINUTE, D.REACHED, rang=True))
    case.schedule(KNOWN, OUT_BY + MINUTE)
    assert (case.notice_missed, case.missed, case.contact.notice_out_ms) == (0, [], BEFORE)


def test_it_is_missed_once_that_call_came_to_nothing() -> None:
    case = case_of()
    case.apply(Ended(1, OUT_BY + MINUTE, D.CONGESTION))
    case.schedule(KNOWN, OUT_BY + MINUTE)
    assert (case.notice_missed, case.missed) == (1, ["notice_out_by"])


def test_who_was_not_called_by_then_has_missed_it() -> None:
    of = campaign_row(notice_out_by_ms=OUT_BY)
    case = Case(of, campaign_of(of, rules()), contact_row(of, 1), [])
    case.schedule(KNOWN, OUT_BY)
    assert (case.notice_missed, case.missed) == (1, ["notice_out_by"])


def test_a_call_of_that_very_instant_is_in_time() -> None:
    case = case_of(decided_at_ms=OUT_BY)
    case.schedule(KNOWN, OUT_BY)
    assert case.notice_missed == 0
    late = case_of(decided_at_ms=OUT_BY + 1)
    late.schedule(KNOWN, OUT_BY + 1)
    assert late.notice_missed == 1


def test_of_whom_nothing_is_heard_for_an_hour_it_is_missed() -> None:
    case = case_of()
    case.schedule(KNOWN, OUT_BY + 60 * MINUTE)
    assert case.missed == ["notice_out_by"]


def test_a_promise_and_a_persons_word_are_in_the_attempts_row() -> None:
    case = case_of("held", disposition="unknown")
    case.apply(Word(OUT_BY, D.PROMISED_TO_PAY, None, "2026-03-07"))
    (attempt,) = case.contact.attempts
    row = judged_attempt(case.attempts[1], attempt)
    assert (row.promise_date, row.by_person, attempt_of(row)) == ("2026-03-07", 1, attempt)


def test_a_promise_of_the_release_before_has_its_date_with_the_contact_alone() -> None:
    of = campaign_row()
    row = contact_row(of, 1, promise_date="2026-03-07")
    promised = attempt_row(row, 1, step="over", disposition="promisedToPay", counted=1)
    contact = contact_of(row, [promised, promised._replace(n=2)])
    assert [attempt.promise_date for attempt in contact.attempts] == [None, "2026-03-07"]
