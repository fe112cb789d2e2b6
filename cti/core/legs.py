"""One connection of a call: its CSTA states and what moves it.

States (ECMA-269, connection states): null, initiated, alerting, connected, hold, queued, fail. The table below is the
machine; `docs/` draws its diagram from it. An event that has no entry for a leg's state leaves the leg as it is, and
the call counts it as `Ignored`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class LegState(StrEnum):
    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"
    QUEUED = "queued"
    FAIL = "fail"


class Side(StrEnum):
    """Whose leg it is. `other` is neither the customer's nor an agent's (a trunk, the IVR, an unnamed device)."""

    CUSTOMER = "customer"
    AGENT = "agent"
    OTHER = "other"


class Leg(NamedTuple):
    """A connection. `held_by` is the holding device while the state is hold; `muted` is the agent's own doing."""

    id: str
    side: Side
    state: LegState
    device: str | None = None
    agent: str | None = None
    held_by: str | None = None
    muted: bool = False
    silent_since_ms: int | None = None


def _table() -> Mapping[tuple[LegState, str], LegState]:
    null, initiated, alerting, connected, hold, queued, fail = LegState
    waiting = (null, initiated, alerting, connected, queued)
    moves: dict[tuple[LegState, str], LegState] = {}
    moves[null, "offered"] = initiated
    moves[null, "serviceInitiated"] = initiated
    for state in (null, initiated):
        moves[state, "originated"] = connected
        moves[state, "networkReached"] = initiated
    for state in (*waiting, hold):
        moves[state, "queued"] = queued
    for state in (null, initiated, queued):
        moves[state, "delivered"] = alerting
    for state in (null, initiated, alerting, queued):
        moves[state, "established"] = connected
    for state in (alerting, queued, initiated):
        moves[state, "diverted"] = null
    for state in (connected, hold):
        moves[state, "held"] = hold
        moves[state, "muted"] = state
        moves[state, "unmuted"] = state
        moves[state, "silenceDetected"] = state
        moves[state, "speechDetected"] = state
    moves[hold, "retrieved"] = connected
    for state in waiting:
        moves[state, "failed"] = fail
    for state in (initiated, alerting, connected, hold, queued, fail):
        moves[state, "connectionCleared"] = null
    return moves


LEG_TABLE: Mapping[tuple[LegState, str], LegState] = _table()
LEG_KINDS = frozenset(kind for _, kind in LEG_TABLE)
SPEAKING = frozenset({LegState.CONNECTED, LegState.HOLD})
