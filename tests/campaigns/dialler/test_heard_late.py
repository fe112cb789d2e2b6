"""Ends that are heard of late: asked about before they are final, and only while questions are read."""

import pytest

from campaigns.core.after import HeldLong
from campaigns.core.reasons import Disposition
from campaigns.dialler.judging import NOTHING, News, next_question
from campaigns.dialler.outcomes import Judgement
from cti.dial.rows import UNKNOWN_FINAL_MS, OrderState
from tests.campaigns.dialler.known import SENT_MS, ask, fact, order, record
from tests.campaigns.dialler.test_outcomes import LATE_MS, ended, look

D = Disposition


@pytest.mark.parametrize("outcome", ["lost", "stale"])
def test_what_is_heard_of_late_is_asked_about_before_it_is_final(outcome: str) -> None:
    """The switch was away for longer than half an hour: it remembers ids for 72 h."""
    lost = fact(record(outcome=outcome), ended_s=30)
    found = look(order(result="done"), facts=[lost], at_ms=LATE_MS)
    assert (found.outcome, found.ask, found.settle) == (ended(D.UNKNOWN, 30), True, False)
    asked = ask(LATE_MS)
    final_ms = asked.order.expires_at_ms + UNKNOWN_FINAL_MS
    found = look(order(result="done"), [asked], [lost], at_ms=final_ms - 1)
    assert (found.outcome, found.look_at_ms) == (ended(D.UNKNOWN, 30), final_ms)
    found = look(order(result="done"), [asked], [lost], at_ms=final_ms)
    assert (found.outcome, found.ask) == (HeldLong(2, SENT_MS + 30_000), False)


def test_an_order_that_was_settled_has_had_its_questions() -> None:
    """They are read no more: one more of the same number would undo each turn."""
    settled, lost = order(result="done", state="done"), fact(record(outcome="lost"), ended_s=30)
    found = look(settled, facts=[lost])
    assert (found.outcome, found.ask, found.look_at_ms) == (
        ended(D.UNKNOWN, 30),
        False,
        SENT_MS + 30_000 + UNKNOWN_FINAL_MS,
    )
    assert look(settled, facts=[lost], at_ms=LATE_MS).outcome == HeldLong(2, SENT_MS + 30_000)


def test_a_question_about_a_settled_order_takes_no_number_of_those_before() -> None:
    """These are not read any more, and a number that is taken would undo the turn."""
    first = next_question(_news("sent", ()), SENT_MS)
    second = next_question(_news("sent", (ask(SENT_MS),)), SENT_MS)
    again, later = (next_question(_news("done", ()), at_ms) for at_ms in (SENT_MS, SENT_MS + 1_000))
    assert len({one.id for one in (first, second, again, later)}) == 4


def _news(state: str, about: tuple[OrderState, ...]) -> News:
    return News(order(state=state), about, (), Judgement(None, {}), NOTHING)
