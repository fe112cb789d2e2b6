"""Events as a switch sends them, as plain JSON objects."""

import itertools
import time
from collections.abc import Iterable
from typing import Any

from tests.benchmarks.traffic import stamp

CALLER, HOTLINE = "+8679112345678", "95598"
AGENT = {"connection": "a1", "device": "801", "agent": "1001"}
HOLD = {"connection": "c1", "heldConnection": "c1", "holdingDevice": "801"}
Event = dict[str, Any]
_numbers = itertools.count(1)


def now_ms() -> int:
    return int(time.time() * 1000)


def event(source: str, subject: str, kind: str, at_ms: float, data: dict[str, Any] | None = None, **more: Any) -> Event:
    """One event. `kind`: "delivered" of the family `call`, or "agent.agentReady" with the family; `more`:
    attributes.
    """
    family, _, short = kind.rpartition(".")
    return {
        "specversion": "1.0",
        "id": f"{subject}-{next(_numbers)}",
        "source": source,
        "type": f"ringback.{family or 'call'}.{short}.v1",
        "subject": subject,
        "time": stamp(at_ms).decode(),
        "datacontenttype": "application/json",
        "data": data or {},
    } | more


def heartbeat(source: str, switch: str) -> Event:
    return event(source, switch, "switch.switchHeartbeat", now_ms())


def opening(**more: Any) -> dict[str, Any]:
    return {"connection": "c1", "calling": CALLER, "called": HOTLINE, "direction": "inbound"} | more


def ringing(source: str, subject: str, at_ms: float) -> list[Event]:
    """A call that is offered, waits, and rings at an agent's device, all at one instant."""
    return [
        event(source, subject, "offered", at_ms, opening()),
        event(source, subject, "queued", at_ms, {"connection": "c1", "queue": "hostile"}),
        event(source, subject, "delivered", at_ms, {**AGENT, "queue": "hostile"}),
    ]


def talking(source: str, subject: str, at_ms: float) -> list[Event]:
    """The same, answered a second later."""
    return [*ringing(source, subject, at_ms), event(source, subject, "established", at_ms + 1_000, dict(AGENT))]


def ending(source: str, subject: str, at_ms: float) -> list[Event]:
    """The caller leaves, and the call ends."""
    return [
        event(source, subject, "connectionCleared", at_ms, {"connection": "c1", "releasingDevice": CALLER}),
        event(source, subject, "callCleared", at_ms),
    ]


def whole(source: str, subject: str, at_ms: float) -> list[Event]:
    """A short call from its beginning to its end, 4 s later."""
    return [*talking(source, subject, at_ms), *ending(source, subject, at_ms + 4_000)]


def in_batches(events: Iterable[Event], size: int) -> Iterable[list[Event]]:
    """Lists of `size` events at most."""
    rest = iter(events)
    while batch := list(itertools.islice(rest, size)):
        yield batch
