"""What a call is while it lives: its legs now, and the intervals it has lived. Times in ms, by the switch's clock.

An interval keeps the id of the event that opened it (`cause`): commands get their ids from it, so the same interval
gives
the same ids whatever arrived late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cti.core.legs import AGENT, CONNECTED, CUSTOMER, HOLD, NULL, SPEAKING, Leg
from schemas.reasons import OfferResult, ReleasedBy


class Phase(StrEnum):
    """`null` until an event that opens a call has been seen; `ended` is final."""

    NULL = "null"
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True, init=False)
class Offer:
    """One agent's device ringing. `together`: several rang at once, so nobody alone was responsible (ring-all)."""

    cause: str
    leg: str
    agent: str | None
    device: str | None
    queue: str | None
    at_ms: int
    end_ms: int | None
    result: OfferResult | None
    together: bool

    def __init__(
        self,
        cause: str,
        leg: str,
        agent: str | None,
        device: str | None,
        queue: str | None,
        at_ms: int,
        end_ms: int | None = None,
        result: OfferResult | None = None,
        together: bool = False,
    ) -> None:
        self.cause = cause
        self.leg = leg
        self.agent = agent
        self.device = device
        self.queue = queue
        self.at_ms = at_ms
        self.end_ms = end_ms
        self.result = result
        self.together = together


@dataclass(slots=True, init=False)
class Hold:
    """The customer hears nobody: held or muted by us, or he holds us. `leg` is where a notice would be played."""

    cause: str
    by_agent: bool
    muted: bool
    agent: str | None
    leg: str
    at_ms: int
    end_ms: int | None
    retrieved: bool  # ended by being taken back, not by the end of the call

    def __init__(
        self,
        cause: str,
        by_agent: bool,
        muted: bool,
        agent: str | None,
        leg: str,
        at_ms: int,
        end_ms: int | None = None,
        retrieved: bool = False,
    ) -> None:
        self.cause = cause
        self.by_agent = by_agent
        self.muted = muted
        self.agent = agent
        self.leg = leg
        self.at_ms = at_ms
        self.end_ms = end_ms
        self.retrieved = retrieved


@dataclass(slots=True, init=False)
class Wait:
    """Time in a queue."""

    cause: str
    queue: str | None
    leg: str
    at_ms: int
    end_ms: int | None

    def __init__(
        self,
        cause: str,
        queue: str | None,
        leg: str,
        at_ms: int,
        end_ms: int | None = None,
    ) -> None:
        self.cause = cause
        self.queue = queue
        self.leg = leg
        self.at_ms = at_ms
        self.end_ms = end_ms


class Transfer(NamedTuple):
    at_ms: int
    blind: bool
    to: str | None
    reason: str | None


class Release(NamedTuple):
    """Who ended the conversation, or left before there was one."""

    at_ms: int
    by: ReleasedBy
    agent: str | None
    reason: str | None


class Opening(NamedTuple):
    """What the opening events said."""

    direction: str | None = None
    calling: str | None = None
    called: str | None = None
    trunk: str | None = None
    correlation: str | None = None
    commandid: str | None = None


class Extras(NamedTuple):
    """What few calls have: kept apart so that the others do not pay for it."""

    tone: str | None = None
    machine: str | None = None
    digits: str = ""
    announcements: tuple[str, ...] = ()
    disposition: str | None = None
    identity_verified: bool = False
    survey: int | None = None


PHASE_NULL, OPEN, ENDED = Phase
NO_EXTRAS = Extras()
NO_OPENING = Opening()


@dataclass(slots=True, init=False)
class Call:
    """The state of one call: the fold of its facts.

    Whoever holds a call never changes it; `call.advance` changes a copy of its own before it hands it out. How it is
    made is spelt out: compiled, that is a row of assignments.
    """

    subject: str
    phase: Phase
    opened_at_ms: int
    opening: Opening
    queue: str | None  # the queue last waited in, else the first that an offer named
    legs: tuple[Leg, ...]
    offers: tuple[Offer, ...]
    holds: tuple[Hold, ...]
    waits: tuple[Wait, ...]
    transfers: tuple[Transfer, ...]
    first_delivered_ms: int | None
    answered_ms: int | None
    answer_cause: str | None
    first_agent: str | None
    release: Release | None
    failed: bool
    cause: str | None
    q850: int | None
    extras: Extras
    ended_ms: int | None
    ended_by: str | None  # callCleared, stale, lost

    def __init__(
        self,
        subject: str,
        phase: Phase = PHASE_NULL,
        opened_at_ms: int = 0,
        opening: Opening = NO_OPENING,
        queue: str | None = None,
        legs: tuple[Leg, ...] = (),
        offers: tuple[Offer, ...] = (),
        holds: tuple[Hold, ...] = (),
        waits: tuple[Wait, ...] = (),
        transfers: tuple[Transfer, ...] = (),
        first_delivered_ms: int | None = None,
        answered_ms: int | None = None,
        answer_cause: str | None = None,
        first_agent: str | None = None,
        release: Release | None = None,
        failed: bool = False,
        cause: str | None = None,
        q850: int | None = None,
        extras: Extras = NO_EXTRAS,
        ended_ms: int | None = None,
        ended_by: str | None = None,
    ) -> None:
        self.subject = subject
        self.phase = phase
        self.opened_at_ms = opened_at_ms
        self.opening = opening
        self.queue = queue
        self.legs = legs
        self.offers = offers
        self.holds = holds
        self.waits = waits
        self.transfers = transfers
        self.first_delivered_ms = first_delivered_ms
        self.answered_ms = answered_ms
        self.answer_cause = answer_cause
        self.first_agent = first_agent
        self.release = release
        self.failed = failed
        self.cause = cause
        self.q850 = q850
        self.extras = extras
        self.ended_ms = ended_ms
        self.ended_by = ended_by

    def copy(self) -> "Call":
        """Another call with the same parts (nobody changes a part). Spelt out: it is made once for every event."""
        return Call(
            self.subject,
            self.phase,
            self.opened_at_ms,
            self.opening,
            self.queue,
            self.legs,
            self.offers,
            self.holds,
            self.waits,
            self.transfers,
            self.first_delivered_ms,
            self.answered_ms,
            self.answer_cause,
            self.first_agent,
            self.release,
            self.failed,
            self.cause,
            self.q850,
            self.extras,
            self.ended_ms,
            self.ended_by,
        )

    @property
    def inbound(self) -> bool:
        """A call without a direction came in: the minimum of five events does not carry one."""
        return self.opening.direction in (None, "inbound")


def leg_named(legs: tuple[Leg, ...], name: str | None) -> Leg | None:
    """The leg with this connection id."""
    for leg in legs:
        if leg.id == name:
            return leg
    return None


def leg_at(legs: tuple[Leg, ...], device: str | None) -> Leg | None:
    """The leg of this device, or of the agent of this number."""
    if device is None:
        return None
    for leg in legs:
        if device in (leg.device, leg.agent):
            return leg
    return None


def customer_of(legs: tuple[Leg, ...]) -> Leg | None:
    """The customer's leg, if he has one."""
    for leg in legs:
        if leg.side is CUSTOMER:
            return leg
    return None


def agents_speaking(legs: tuple[Leg, ...]) -> Iterator[Leg]:
    return (leg for leg in legs if leg.side is AGENT and leg.state in SPEAKING)


def with_leg(legs: tuple[Leg, ...], leg: Leg) -> tuple[Leg, ...]:
    """The legs with this one in place of its namesake; a leg in state null is no longer there."""
    for place, one in enumerate(legs):
        if one.id == leg.id:
            here = () if leg.state is NULL else (leg,)
            return (*legs[:place], *here, *legs[place + 1 :])
    return legs if leg.state is NULL else (*legs, leg)


class Silence(NamedTuple):
    """Why the customer hears nobody now."""

    by_agent: bool
    muted: bool
    agent: str | None
    leg: str


def silence_of(legs: tuple[Leg, ...]) -> Silence | None:
    """HOLD-2's state: the customer's leg is held or muted by us, and nobody else speaks with him; or he holds us.

    In a conference nobody is owed a notice while one agent still speaks.
    """
    customer, away = None, False
    for leg in legs:
        if leg.side is CUSTOMER:
            customer = leg
        elif leg.muted or leg.state is HOLD:
            away = True
    if customer is None or customer.state not in SPEAKING or (customer.state is CONNECTED and not away):
        return None
    agents = list(agents_speaking(legs))
    holder = _holding_customer(legs, customer, agents)
    if holder is not None:
        return Silence(False, False, holder.agent, customer.id)
    if customer.state is HOLD:
        by = leg_at(legs, customer.held_by)
        if any(leg is not by and leg.state is CONNECTED and not leg.muted for leg in agents):
            return None
        agent = by.agent if by is not None else next((leg.agent for leg in agents), None)
        return Silence(True, False, agent, customer.id)
    if agents and all(leg.muted or leg.state is HOLD for leg in agents):
        return Silence(True, all(leg.state is CONNECTED for leg in agents), agents[0].agent, customer.id)
    return None


def _holding_customer(legs: tuple[Leg, ...], customer: Leg, agents: list[Leg]) -> Leg | None:
    """The leg that the customer himself put on hold, if he did: the holding device is his, or nobody's we know."""
    if customer.state is HOLD and customer.held_by in (customer.device, customer.id):
        return agents[0] if agents else customer
    for leg in agents:
        if leg.state is HOLD and leg.held_by not in (None, leg.device, leg.agent, leg.id):
            by = leg_at(legs, leg.held_by)
            if by is None or by.side is CUSTOMER:
                return leg
    return None
