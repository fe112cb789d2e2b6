"""A call as an integrator sees it: what it is now, what it has lived, and what each rule did or will do about it."""

from collections.abc import Sequence
from typing import Any

from cti.core.breaches import Breach
from cti.core.call_state import Call
from cti.core.dues import dues
from cti.core.record import Identity, measure, record_of
from cti.core.rules import Due, Intervention, Rule, RuleBook, concerns, rule_set
from cti.core.times import rfc3339


def describe(
    who: Identity, call: Call, done: Sequence[Intervention], book: RuleBook, revision: int, now_ms: int
) -> dict[str, Any]:
    """The record's members (provisional while the call lives), its state, its legs and its rules."""
    measured = measure(call, book, done, now_ms)
    described = record_of(who, call, measured, done, book.name, revision)
    if call.ended_ms is None:
        described |= {"ended_at": None, "outcome": None}
    described["state"] = call.phase.value
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
    open_dues = dues(call, concerned, done, now_ms)
    names = dict.fromkeys(rule.id for rule in (*book.interventions, *book.measures) if concerns(rule, call))
    described["rules"] = [_rule(name, call, open_dues, done, measured.breaches, book.measures) for name in names]
    return described


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
    fired = [one for one in done if one.rule == name and one.state != "overtaken"]
    broken = sum(breach.rule == name for breach in breaches)
    judged = call.ended_ms is not None and any(rule.id == name for rule in measures)
    return {
        "rule": name,
        "armed": bool(armed) and call.ended_ms is None,
        "due_at": rfc3339(min(due.due_ms for due in armed)) if armed and call.ended_ms is None else None,
        "fired": len(fired),
        "overtaken": sum(one.rule == name and one.state == "overtaken" for one in done),
        "kept": not broken if judged else None,
        "breached": broken,
    }
