"""What a call with an agent first came to: pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from campaigns.core.after import Ended, NeverDialled, after
from campaigns.core.reasons import Disposition
from campaigns.core.zones import local_day
from campaigns.dialler.evidence import Script
from campaigns.dialler.outcomes import WORD_MS, Judgement, judged, script_of
from cti.dial.rows import OrderState
from tests.campaigns.cases import campaign, contact, dialled
from tests.campaigns.dialler.known import ARREARS, SENT_MS, ask, fact, order, record, text, word
from tests.campaigns.dialler.rows import campaign_row

AGENT = Script(has_gate=False, keys=MappingProxyType({}), agent_first=True)
D = Disposition


def look(state: OrderState, *facts: Any, at_s: float = 300, asks: Any = (), script: Script = AGENT) -> Judgement:
    at_ms = SENT_MS + round(at_s * 1000)
    return judged(state, asks, facts, word(at_ms), at_ms, script)


def said(made: Mapping[str, Any], *, at_s: float = 300, **times: Any) -> Judgement:
    """Of a call that ended after 30 s. The agent is there from the first."""
    return look(order(result="done"), fact(made, ended_s=30, rang_s=1, **times), at_s=at_s)


def disposition(found: Judgement) -> Disposition | None:
    return found.outcome.disposition if isinstance(found.outcome, Ended) else None


def test_no_agent_came_and_nobody_was_dialled() -> None:
    found = look(order(result="refused", reason="noOtherAgent"))
    assert isinstance(found.outcome, NeverDialled)
    assert (found.columns["decision"], found.settle) == ("not_dialled", True)


def test_of_any_other_order_that_refusal_says_nothing_that_is_known() -> None:
    """In doubt it may have rung: it is held, and asked about."""
    found = look(order(result="refused", reason="noOtherAgent"), at_s=20, script=ARREARS)
    assert (disposition(found), found.settle) == (D.UNKNOWN, False)


def test_the_answer_to_a_question_may_say_so_too() -> None:
    asked = ask(SENT_MS + 60_000, result="done", answer="ended", cause="noOtherAgent", result_at_ms=SENT_MS + 61_000)
    assert isinstance(look(order(), asks=[asked]).outcome, NeverDialled)


def test_an_agent_who_waits_is_no_answer_of_the_called_party() -> None:
    found = said(record(agent_s=0.2, q850=19, outcome="failed"))
    assert disposition(found) is D.NO_ANSWER


@pytest.mark.parametrize("code", ["reached", "notConvenient", "disputed", "wrongParty", "callbackAsked"])
def test_the_agents_code_decides(code: str) -> None:
    found = said(record(agent_s=0.2, agent_disposition=code, outcome="answered"), at_s=31, answered_s=8)
    assert disposition(found) == code


def test_a_code_that_may_still_come_is_waited_for_and_no_longer() -> None:
    made = record(agent_s=0.2, outcome="answered", released_by="customer", q850=16)
    early, late = said(made, at_s=31, answered_s=8), said(made, at_s=30 + WORD_MS / 1000, answered_s=8)
    assert (early.outcome, early.settle, early.look_at_ms) == (None, False, SENT_MS + 30_000 + WORD_MS)
    assert (disposition(late), late.settle) == (D.REACHED, True)


def test_a_call_that_the_network_cut_waits_for_no_word() -> None:
    found = said(record(agent_s=0.2, outcome="answered", q850=38), at_s=31, answered_s=8)
    assert isinstance(found.outcome, Ended)
    assert (found.outcome.disposition, found.outcome.cut) == (D.ANSWERED_INCOMPLETE, True)


@pytest.mark.parametrize("q850", [None, 16, 31])
def test_a_call_that_ended_in_the_ordinary_way_was_not_cut(q850: int | None) -> None:
    found = said(record(agent_s=0.2, outcome="answered", q850=q850), answered_s=8)
    assert isinstance(found.outcome, Ended)
    assert not found.outcome.cut


def test_an_automatic_call_may_be_cut_as_well() -> None:
    one = fact(record(outcome="answered", q850=38), ended_s=12, rang_s=1, answered_s=8)
    found = look(order(result="done"), one, script=ARREARS)
    assert isinstance(found.outcome, Ended)
    assert (found.outcome.disposition, found.outcome.cut) == (D.ANSWERED_INCOMPLETE, True)


def test_the_script_of_a_campaign_by_agents() -> None:
    assert script_of(campaign_row(channels='["agent"]', queue="service")) == AGENT
    assert not script_of(campaign_row(channels='["auto"]', queue="service")).agent_first


DUE = SENT_MS + 7_200_000


def named(code: str, due: str | None = text(DUE)) -> Ended:
    made = record(agent_s=0.2, agent_disposition=code, outcome="answered")
    found = said({**made, "dialled": {**made["dialled"], "agent_due_at": due}}, at_s=31, answered_s=8)
    assert isinstance(found.outcome, Ended)
    return found.outcome


def test_the_time_that_he_names_is_agreed_or_promised() -> None:
    """CB-5: who asks for a time is called then; who promises to pay has the day of it."""
    plan = campaign()
    asked = after(dialled(contact(), plan), named("callbackAsked")._replace(n=1), plan)
    assert (asked.attempts[0].agreed_at_ms, asked.promise_date) == (DUE, None)
    paying = after(dialled(contact(), plan), named("promisedToPay")._replace(n=1), plan)
    assert (paying.promise_date, paying.attempts[0].agreed_at_ms) == (local_day(DUE, plan.zone).isoformat(), None)
    assert after(dialled(contact(), plan), named("reached")._replace(n=1), plan).promise_date is None


@pytest.mark.parametrize("due", [None, "soon", ""])
def test_a_time_that_cannot_be_read_is_none(due: str | None) -> None:
    assert named("callbackAsked", due).named_ms is None
