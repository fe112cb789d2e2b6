"""One connection of a call: its CSTA states and what moves it.

States (ECMA-269, connection states): null, initiated, alerting, connected, hold, queued, fail. The table below is the
machine; `docs/` draws its diagram from it. An event that has no entry for a leg's state leaves the leg as it is, and
the call counts it as `Ignored`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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


# Looked up once: an enum's member costs ten times a module's name, and these stand in every transition.
NULL: Final = LegState.NULL
INITIATED: Final = LegState.INITIATED
ALERTING: Final = LegState.ALERTING
CONNECTED: Final = LegState.CONNECTED
HOLD: Final = LegState.HOLD
QUEUED: Final = LegState.QUEUED
FAIL: Final = LegState.FAIL
CUSTOMER: Final = Side.CUSTOMER
AGENT: Final = Side.AGENT
OTHER: Final = Side.OTHER


# What a call asks of its legs at every event, as bits: a leg has these traits for as long as it is what it is.
CUSTOMERS: Final = 1
OTHERS: Final = 2  # not the customer's
HELD: Final = 4
AWAY: Final = 8  # on hold; or muted, and not the customer's
SPEAKING_AGENTS: Final = 16
JOINED: Final = 32  # of agents who speak with the customer: connected or on hold
JOINED_HELD: Final = 64
TALKING: Final = 128  # joined, connected and not muted
NEWLY_CONNECTED: Final = 256  # an agent's, connected, and not joined yet
NOT_JOINED: Final = 512  # an agent's, whatever its state
HELD_APART: Final = 1_024  # an agent's, put on hold by somebody else: he is not with the customer then
UNNUMBERED: Final = 2_048  # an agent's, without his number
NUMBERED: Final = 4_096
NOWHERE: Final = 8_192  # an agent's, without a device


@dataclass(slots=True, init=False)
class Leg:
    """A connection. `held_by` is the holding device while the state is hold; `muted` is the agent's own doing.

    `joined`: this agent has spoken with the customer; one whom an agent only consults has not.
    """

    id: str
    side: Side
    state: LegState
    device: str | None
    agent: str | None
    held_by: str | None
    muted: bool
    silent_since_ms: int | None
    joined: bool
    traits: int  # follow from the other fields

    def __init__(
        self,
        connection: str,
        side: Side,
        state: LegState,
        device: str | None = None,
        agent: str | None = None,
        held_by: str | None = None,
        muted: bool = False,
        silent_since_ms: int | None = None,
        joined: bool = False,
    ) -> None:
        self.id = connection
        self.side = side
        self.state = state
        self.device = device
        self.agent = agent
        self.held_by = held_by
        self.muted = muted
        self.silent_since_ms = silent_since_ms
        self.joined = joined
        traits = CUSTOMERS if side is CUSTOMER else OTHERS
        if state is HOLD:
            traits |= HELD | AWAY
        elif muted and side is not CUSTOMER:
            traits |= AWAY
        if side is AGENT:
            traits |= UNNUMBERED if agent is None else NUMBERED
            if device is None:
                traits |= NOWHERE
            if not joined:
                traits |= NOT_JOINED
            if state is CONNECTED:
                traits |= SPEAKING_AGENTS
                traits |= NEWLY_CONNECTED if not joined else JOINED if muted else JOINED | TALKING
            elif state is HOLD:
                traits |= SPEAKING_AGENTS
                if joined:
                    traits |= JOINED | JOINED_HELD
                if held_by is not None and held_by != device and held_by != agent and held_by != connection:
                    traits |= HELD_APART
        self.traits = traits


def _table() -> Mapping[tuple[LegState, str], LegState]:
    waiting = (NULL, INITIATED, ALERTING, CONNECTED, QUEUED)
    moves: dict[tuple[LegState, str], LegState] = {}
    moves[NULL, "offered"] = INITIATED
    moves[NULL, "serviceInitiated"] = INITIATED
    for state in (NULL, INITIATED):
        moves[state, "originated"] = CONNECTED
        moves[state, "networkReached"] = INITIATED
    for state in (*waiting, HOLD):
        moves[state, "queued"] = QUEUED
    for state in (NULL, INITIATED, QUEUED):
        moves[state, "delivered"] = ALERTING
    for state in (NULL, INITIATED, ALERTING, QUEUED):
        moves[state, "established"] = CONNECTED
    for state in (ALERTING, QUEUED, INITIATED):
        moves[state, "diverted"] = NULL
    for state in (CONNECTED, HOLD):
        moves[state, "held"] = HOLD
        moves[state, "muted"] = state
        moves[state, "unmuted"] = state
        moves[state, "silenceDetected"] = state
        moves[state, "speechDetected"] = state
    moves[HOLD, "retrieved"] = CONNECTED
    for state in waiting:
        moves[state, "failed"] = FAIL
    for state in (INITIATED, ALERTING, CONNECTED, HOLD, QUEUED, FAIL):
        moves[state, "connectionCleared"] = NULL
    return moves


LEG_TABLE: Final[Mapping[tuple[LegState, str], LegState]] = _table()
SPEAKING: Final = (CONNECTED, HOLD)


def moved(leg: Leg, state: LegState, held_by: str | None = None) -> Leg:
    """The leg in another state; who holds it is known only while he does."""
    return Leg(leg.id, leg.side, state, leg.device, leg.agent, held_by, leg.muted, leg.silent_since_ms, leg.joined)


def renamed(leg: Leg, connection: str) -> Leg:
    """The leg under another id."""
    return Leg(
        connection, leg.side, leg.state, leg.device, leg.agent, leg.held_by, leg.muted, leg.silent_since_ms, leg.joined
    )


def silenced(leg: Leg, muted: bool, silent_since_ms: int | None) -> Leg:
    """The leg with its own microphone off or on, and speaking or not."""
    return Leg(leg.id, leg.side, leg.state, leg.device, leg.agent, leg.held_by, muted, silent_since_ms, leg.joined)


def joining(leg: Leg, joined: bool) -> Leg:
    """The leg joined to the customer, or taken apart from him."""
    return Leg(leg.id, leg.side, leg.state, leg.device, leg.agent, leg.held_by, leg.muted, leg.silent_since_ms, joined)


def of_side(leg: Leg, side: Side) -> Leg:
    """The leg as somebody else's."""
    return Leg(leg.id, side, leg.state, leg.device, leg.agent, leg.held_by, leg.muted, leg.silent_since_ms, leg.joined)
