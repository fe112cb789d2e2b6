"""Evidence of an attempt, from what the ledger keeps of its call, its question or its message. Pure, and total: what
cannot be read says nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.core.dispositions import BY_REFUSAL, NO_AGENT_FIRST, NORMAL_CLEARING, CallEnd, Evidence, OrderEnd
from campaigns.core.reasons import KeyAction
from campaigns.ledger.rows import AttemptColumns
from cti.dial.rows import DialFact, OrderState
from cti.dial.silence import UNSURE
from schemas.reasons import ReleasedBy

BODY = "body"  # the message's name in announcementEnded
REFUSALS = BY_REFUSAL.keys() | UNSURE
ENDS = {"lost": CallEnd.LOST, "stale": CallEnd.STALE}


class Script(NamedTuple):
    """What decides about keys. `keys`: what each does. `agent_first`: an agent speaks, who was there before."""

    has_gate: bool
    keys: Mapping[str, KeyAction]
    agent_first: bool = False


def of_fact(fact: DialFact, script: Script, *, dropped: bool = False) -> Evidence:
    """The evidence of a call that has ended. `dropped`: we ended it. Only a record with the beginning of the call says
    how it was `dialled` (`cti.core.call_dialled`).
    """
    record = _read(fact.record)
    dialled = _object(record.get("dialled"))
    pressed = list(_pressed(dialled, script))
    return Evidence(
        code=record.get("agent_disposition"),
        rang=fact.rang_at_ms is not None or dialled.get("rang_at") is not None,
        answered=fact.answered_at_ms is not None or _spoke(record, dialled, script),
        keys=tuple(action for _, action in pressed),
        agent_answered=dialled.get("agent_answered_at") is not None,
        machine=record.get("machine"),
        has_gate=script.has_gate,
        body_ended=_body_ended(dialled, pressed, script),
        dropped=dropped,
        agent_first=script.agent_first,
        cut=_is_cut(record, dropped=dropped),
        tone=record.get("tone"),
        q850=record.get("q850"),
        end=ENDS.get(str(record.get("outcome")), CallEnd.ENDED),
        from_start="dialled" in record,
        named_ms=round(_instant(dialled.get("agent_due_at")) * 1000) or None,
        lasted_ms=None if fact.ended_at_ms is None else fact.ended_at_ms - fact.opened_at_ms,
    )


def _is_cut(record: Mapping[str, Any], *, dropped: bool) -> bool:
    """The network released it, and not because somebody was done."""
    by_network = record.get("released_by") == ReleasedBy.NETWORK.value and not dropped
    return by_network and record.get("q850") not in {None, *NORMAL_CLEARING}


def of_answer(answer: OrderState, fact: DialFact | None, script: Script | None = None) -> Evidence:
    """The evidence of the switch's answer that the call has ended. `fact`: what was known of the call before.

    Without a call, a cause that is a refusal is one whose result was lost.
    """
    rang = fact is not None and fact.rang_at_ms is not None
    answered = fact is not None and fact.answered_at_ms is not None
    first = script is not None and script.agent_first
    if fact is None and answer.q850 is None and answer.tone is None:
        if answer.cause in REFUSALS:
            return Evidence(order=OrderEnd.REFUSED, refusal=answer.cause)
        if first and answer.cause == NO_AGENT_FIRST:
            return Evidence(order=OrderEnd.REFUSED, refusal=answer.cause, agent_first=True)
    return Evidence(
        rang=rang, answered=answered, tone=answer.tone, q850=answer.q850, end=CallEnd.ENDED, agent_first=first,
        agent_answered=first and answered,
    )  # fmt: skip


def of_report(fact: DialFact) -> Evidence:
    """The evidence of a message's delivery report."""
    return Evidence(report=str(_read(fact.record).get("state")))


def of_order(fact: DialFact | None, answer: OrderState | None) -> AttemptColumns:
    """The columns of the attempt's row that say what happened; those that nothing is known of are left out."""
    record = {} if fact is None else _read(fact.record)
    columns: dict[str, str | int | None] = {
        "q850": _or(record.get("q850"), None if answer is None else answer.q850),
        "tone": _or(record.get("tone"), None if answer is None else answer.tone),
        "machine": record.get("machine"),
        "digits": record.get("digits"),
    }
    if fact is not None:
        columns |= {"call": fact.call_id or None, "rang_at_ms": fact.rang_at_ms, "answered_at_ms": fact.answered_at_ms}
    return {name: value for name, value in columns.items() if value is not None}


def _spoke(record: Mapping[str, Any], dialled: Mapping[str, Any], script: Script) -> bool:
    """Somebody or something was there to hear and to press keys: it was answered, though the fact of that be lost. An
    agent who was there first says nothing of that.
    """
    by_agent = None if script.agent_first else dialled.get("agent_answered_at")
    heard = (dialled.get("keys"), dialled.get("messages"), by_agent, record.get("machine"))
    return any(heard)


def _or(first: Any, second: Any) -> Any:
    return second if first is None else first


def _pressed(dialled: Mapping[str, Any], script: Script) -> Iterator[tuple[float, KeyAction]]:
    """What the keys meant, in order, and when each was pressed."""
    for keys in _objects(dialled.get("keys")):
        at = _instant(keys.get("at"))
        for digit in str(keys.get("digits") or ""):
            if digit in script.keys:
                yield at, script.keys[digit]


def _body_ended(dialled: Mapping[str, Any], pressed: Iterable[tuple[float, KeyAction]], script: Script) -> bool:
    """The body was said to its end, after the gate where there is one."""
    ends = [
        _instant(message.get("at"))
        for message in _objects(dialled.get("messages"))
        if message.get("message") == BODY and message.get("completed") is not False
    ]
    passed = [at for at, action in pressed if action is KeyAction.RIGHT_PARTY]
    if not script.has_gate:
        return bool(ends)
    return bool(ends and passed) and max(ends) >= min(passed)


def _read(text: str | None) -> Mapping[str, Any]:
    try:
        return _object(json.loads(text or "{}"))
    except ValueError:
        return {}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _instant(text: Any) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
