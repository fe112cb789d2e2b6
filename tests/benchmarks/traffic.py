"""Calls as a switch tells them: events as bytes, built beforehand but for their time.

Each event's time is left open and put in when it is sent: an event that is old is, rightly, no ground for a command.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

TENANT = "bench"
SWITCH = "bench-1"
SOURCE = f"/switches/{SWITCH}"
COMMANDS = (
    "deflectCall", "playMessage", "stopMessage", "promptAgent", "setAgentState", "clearConnection",
    "singleStepTransferCall", "setRingTimeout", "snapshotCall",
)  # fmt: skip
OPEN_TIME = b"YYYY-MM-DDTHH:MM:SS.mmmZ"
"""Stands where a time belongs; as long as one, so that a body's length is known beforehand."""

AGENTS = 500
TALKING = ("offered", "queued", "delivered", "established")
SHORT = (*TALKING, "connectionCleared", "callCleared")
WHOLE = (*TALKING, "held", "retrieved", "connectionCleared", "callCleared")
HELD_EVERY = 4  # one call in so many is put on hold once


def stamp(at_ms: float) -> bytes:
    """RFC 3339 with ms in UTC, as long as OPEN_TIME."""
    whole_ms = int(at_ms)
    second = datetime.fromtimestamp(whole_ms // 1000, UTC)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{whole_ms % 1000:03d}Z".encode()


def event(subject: str, number: int, kind: str, sequence: int) -> bytes:
    """One event of the call `subject`, the `number`-th of the switch, with its time open."""
    item = {
        "specversion": "1.0",
        "id": f"{subject}-{kind}",
        "source": SOURCE,
        "type": f"ringback.call.{kind}.v1",
        "subject": subject,
        "time": OPEN_TIME.decode(),
        "datacontenttype": "application/json",
        "sequence": sequence,
        "data": data_of(kind, number),
    }
    return json.dumps(item, separators=(",", ":")).encode()


def data_of(kind: str, number: int) -> Mapping[str, Any]:
    """What the event says beyond its envelope."""
    agent, caller = f"{1000 + number % AGENTS}", f"+86791{10_000_000 + number:d}"
    leg, device, queue = f"a-{agent}", f"8{agent}", f"queue-{number % 5}"
    match kind:
        case "offered":
            called = {"calling": caller, "called": "95598", "direction": "inbound", "trunk": f"trunk-{number % 8}"}
            return {"connection": "c-1", **called}
        case "queued":
            return {"connection": "c-1", "queue": queue, "position": 1 + number % 7}
        case "delivered":
            return {"connection": leg, "device": device, "agent": agent, "queue": queue}
        case "established":
            return {"connection": leg, "device": device, "agent": agent, "answering": device}
        case "held" | "retrieved":
            return {"connection": "c-1", "holdingDevice": device, "heldConnection": "c-1"}
        case "connectionCleared":
            return {"connection": "c-1", "releasingDevice": caller, "cause": "normalClearing", "q850": 16}
        case _:
            return {"cause": "normalClearing"}


def heartbeat(number: int, switch: str = SWITCH) -> bytes:
    """The switch's sign of life, with its time open."""
    item = {
        "specversion": "1.0",
        "id": f"heartbeat-{number}",
        "source": f"/switches/{switch}",
        "type": "ringback.switch.switchHeartbeat.v1",
        "subject": switch,
        "time": OPEN_TIME.decode(),
        "datacontenttype": "application/json",
        "data": {},
    }
    return json.dumps(item, separators=(",", ":")).encode()


def interleaved(lane: int, lanes: int, live: int) -> Iterator[bytes]:
    """Without an end: the events of `live` calls at a time in turn, each call's in their order. Lanes share no call."""
    numbers = iter(range(lane, 10**9, lanes))
    calls: list[tuple[int, int]] = []  # (number, events told)
    sequence = lane
    while True:
        grown = min(live, len(calls) + max(live // len(WHOLE), 1))  # not all calls ring at once
        calls += [(next(numbers), 0) for _ in range(len(calls), grown)]
        for place, (number, told) in enumerate(calls):
            life = SHORT if number // lanes % HELD_EVERY else WHOLE
            yield event(f"call-{number}", number, life[told], sequence)
            sequence += lanes
            calls[place] = (number, told + 1) if told + 1 < len(life) else (next(numbers), 0)


def batch_of(events: Sequence[bytes]) -> bytes:
    """The body of one request."""
    return b"[" + b",".join(events) + b"]"
