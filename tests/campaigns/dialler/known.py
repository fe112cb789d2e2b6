"""What a ledger knows of a dial order, as the dialler reads it: records, results and answers of a scripted switch."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from campaigns.core.reasons import KeyAction
from campaigns.dialler.evidence import Script
from cti.dial.rows import ASK_AFTER_MS, DialFact, DialOrderRow, OrderState, SourceWord

SENT_MS = 1_772_500_000_000
EXPIRES_MS = SENT_MS + 10_000
ID, SOURCE = "c0-7.2", "/switches/s1"
GATE = Script(True, {"1": KeyAction.RIGHT_PARTY, "2": KeyAction.WRONG_PARTY, "0": KeyAction.QUEUE})
BODY_KEYS = {"3": KeyAction.NOT_CONVENIENT, "4": KeyAction.ALREADY_PAID, "5": KeyAction.PROMISE, "8": KeyAction.OPT_OUT}
ARREARS = Script(True, {**GATE.keys, **BODY_KEYS})
OUTAGE = Script(False, {"1": KeyAction.CONFIRM, "3": KeyAction.NOT_CONVENIENT, "0": KeyAction.QUEUE})


def order(command: str = "makeCall", **changed: Any) -> OrderState:
    """Sent and accepted; `changed` says what else."""
    row = DialOrderRow(ID, "grid", "s1", SOURCE, "main", command, None, "{}", SENT_MS, EXPIRES_MS)
    state = OrderState(row, 1, SENT_MS, 1, "sent", "accepted", None, None, None, None, None, None, SENT_MS)
    return state._replace(**changed)


def ask(at_ms: int, **changed: Any) -> OrderState:
    row = DialOrderRow(f"{ID}.q1", "grid", "s1", SOURCE, "main", "snapshotCall", ID, "{}", at_ms, at_ms + 10_000)
    state = OrderState(row, 2, at_ms, 1, "sent", None, None, None, None, None, None, None, None)
    return state._replace(**changed)


def word(at_ms: int) -> SourceWord:
    """Everything is read up to then."""
    return SourceWord(at_ms, 5, True, at_ms)


def text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(
    keys: Sequence[tuple[float, str]] = (),
    messages: Sequence[tuple[float, str, bool]] = (),
    *,
    agent_s: float | None = None,
    **members: Any,
) -> Mapping[str, Any]:
    """A call's record; seconds after the order was sent."""
    dialled = {
        "rang_at": None,
        "keys": [{"at": text(SENT_MS + round(at_s * 1000)), "digits": digits} for at_s, digits in keys],
        "messages": [
            {"at": text(SENT_MS + round(at_s * 1000)), "message": message, "completed": completed}
            for at_s, message, completed in messages
        ],
        "agent_answered_at": None if agent_s is None else text(SENT_MS + round(agent_s * 1000)),
    }
    digits = "".join(pressed for _, pressed in keys) or None
    return {"outcome": "failed", "released_by": "network", "digits": digits, "dialled": dialled, **members}


def fact(
    record: Mapping[str, Any] | None,
    *,
    rang_s: float | None = None,
    answered_s: float | None = None,
    ended_s: float | None = None,
    call: str = "call-1",
    opened_s: float = 0.1,
) -> DialFact:
    """The latest fact of the order's call; `record` None: it lives."""
    opened, rang, answered, ended = (
        None if at_s is None else SENT_MS + round(at_s * 1000) for at_s in (opened_s, rang_s, answered_s, ended_s)
    )
    assert opened is not None
    heard = max(at_ms for at_ms in (opened, rang, answered, ended) if at_ms is not None)
    body = None if record is None else json.dumps(record)
    return DialFact("grid", SOURCE, ID, call, 0, 1, opened, rang, answered, ended, body, heard)


def report(state: str, at_s: float = 5) -> DialFact:
    """Of a message: without a call."""
    body, at_ms = json.dumps({"state": state}), SENT_MS + round(at_s * 1000)
    return DialFact("grid", SOURCE, ID, "", 0, 1, at_ms, None, None, at_ms, body, at_ms)


OPENING, HEARD, SCRIPT_OVER = (13.0, "opening", True), (28.0, "body", True), 28.0
ANSWERED: Any = {"rang_s": 1, "answered_s": 8}
SILENT_MS = EXPIRES_MS + ASK_AFTER_MS
