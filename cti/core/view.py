"""A call as an integrator sees it: its state, its intervals, and what each rule did or will do about it."""

from collections.abc import Sequence
from typing import Any

from cti.core.breaches import Breach
from cti.core.call_state import Call, Phase
from cti.core.dues import aligned, dues
from cti.core.record import Identity, measure, record_of
from cti.core.rules import Due, Intervention, Rule, RuleBook, RuleSet, concerns, rule_set
from cti.core.times import rfc3339


def describe(
    who: Identity, call: Call, done: Sequence[Intervention], book: RuleBook, revision: int, now_ms: int
) -> dict[str, Any]:
    """The record's members (provisional while the call lives), its state, its legs and its rules."""
    measured = measure(call, book, done, now_ms)
    described = record_of(who, call, measured, done, book.name, revision)
    if call.ended_ms is None:
        described |= {"ended_at": None, "outcome": None}
    described["state"] = "ended" if call.phase is Phase.ENDED else "live"
    described["legs"] = [
        {
            "connection": leg.id,
            "side": leg.side.value,
            "state": leg.state.value,
            "device": leg.device,
            "agent": leg.agent,
            "muted": leg.muted,
        }
        for leg in call.legs
    ]
    concerned = rule_set(rule for rule in book.interventions if concerns(rule, call))
    open_dues = running_dues(call, concerned, done, now_ms)
    names = dict.fromkeys(rule.id for rule in (*book.interventions, *book.measures) if concerns(rule, call))
    described["rules"] = [_rule(name, call, open_dues, done, measured.breaches, book.measures) for name in names]
    return described


def running_dues(call: Call, rules: RuleSet, done: Sequence[Intervention], now_ms: float) -> list[Due]:
    """What is due next in the intervals that go on: only these have a clock that runs.

    A call may have thousands of intervals, and as many commands for them: ended intervals are not examined again.
    """
    offers = [offer for offer in call.offers if offer.end_ms is None]
    holds = [hold for hold in call.holds if hold.end_ms is None]
    waits = [wait for wait in call.waits if wait.end_ms is None]
    causes = {each.cause for each in offers} | {each.cause for each in holds} | {each.cause for each in waits}
    if not causes:
        return []
    of_these = [intervention for intervention in aligned(call, rules, done) if intervention.cause in causes]
    first_ms = min([offer.at_ms for offer in offers], default=None)
    now = call.copy()
    now.holds, now.waits = tuple(holds), ()
    # A ring-all is judged by the first of its offers, which may be over.
    now.offers = tuple([each for each in call.offers if first_ms is not None and (each.end_ms or now_ms) > first_ms])
    found = dues(now, rules, of_these, now_ms)
    if waits:  # no message is played to a waiting caller while an agent's device rings
        now.holds, now.waits, now.offers = (), tuple(waits), call.offers
        found += dues(now, RuleSet(queued=rules.queued), of_these, now_ms)
    return found


def _rule(
    name: str,
    call: Call,
    open_dues: Sequence[Due],
    done: Sequence[Intervention],
    breaches: Sequence[Breach],
    measures: Sequence[Rule],
) -> dict[str, Any]:
    """armed: a clock runs; fired: commanded so often; kept: judged at the end and not broken (null before, or if never
    measured).
    """
    armed = [due for due in open_dues if due.rule.id == name and not due.passed and due.rule.shape == "while"]
    fired = [intervention for intervention in done if intervention.rule == name and intervention.state != "overtaken"]
    broken = sum(breach.rule == name for breach in breaches)
    judged = call.ended_ms is not None and any(rule.id == name for rule in measures)
    return {
        "rule": name,
        "armed": bool(armed) and call.ended_ms is None,
        "due_at": rfc3339(min(due.due_ms for due in armed)) if armed and call.ended_ms is None else None,
        "fired": len(fired),
        "overtaken": sum(intervention.rule == name and intervention.state == "overtaken" for intervention in done),
        "kept": not broken if judged else None,
        "breached": broken,
    }
