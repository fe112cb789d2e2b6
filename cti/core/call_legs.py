"""What a call's legs say: who is the customer, who holds whom, and why the customer hears nobody."""

from typing import NamedTuple

from cti.core.leg_set import Legs
from cti.core.legs import (
    AGENT,
    AWAY,
    CONNECTED,
    CUSTOMERS,
    HELD_APART,
    HOLD,
    JOINED,
    JOINED_HELD,
    SPEAKING,
    SPEAKING_AGENTS,
    TALKING,
    Leg,
)


def customer_of(legs: Legs) -> Leg | None:
    """The customer's leg, if he has one."""
    return legs.first(CUSTOMERS)


def party_of(legs: Legs, device: str | None) -> Leg | None:
    """The leg of this device or agent, else the leg with this connection id."""
    return None if device is None else legs.at(device) or legs.named(device)


class Silence(NamedTuple):
    """Why the customer hears nobody now."""

    by_agent: bool
    muted: bool


def silence_of(legs: Legs) -> Silence | None:
    """HOLD-2's state: the customer's leg is held or muted by us, and nobody else speaks with him; or he holds us.

    Only agents who were joined to the customer count: an agent who is only consulted does not talk to the customer. In
    a conference no notice is owed while one agent still talks.
    """
    customer = legs.last(CUSTOMERS)
    if customer is None or customer.state not in SPEAKING or (customer.state is CONNECTED and not legs.traits & AWAY):
        return None
    if _holds(customer) or _holds_agents(legs, customer):
        return Silence(False, False)
    if customer.state is HOLD:
        by = party_of(legs, customer.held_by)
        holder_talks = by is not None and by.traits & TALKING
        return None if legs.count(TALKING) > (1 if holder_talks else 0) else Silence(True, False)
    if not legs.traits & JOINED or legs.traits & TALKING:
        return None
    return Silence(True, not legs.traits & JOINED_HELD)


def silencer_of(legs: Legs) -> tuple[str | None, str]:
    """Which agent the customer does not hear, and the leg that hears nobody; while `silence_of` says that he does."""
    customer = legs.last(CUSTOMERS)
    assert customer is not None, "without a customer nobody hears nobody"
    by: Leg | None = None
    if _holds(customer):
        by = legs.first(SPEAKING_AGENTS) or customer
    elif names := _holds_agents(legs, customer):
        by = legs.first_held_by(names, HELD_APART)
    else:
        if customer.state is HOLD:
            by = party_of(legs, customer.held_by)
        by = by or legs.first(JOINED) or legs.first(SPEAKING_AGENTS)
    return (None if by is None else by.agent), customer.id


def _holds(customer: Leg) -> bool:
    """Whether the customer himself put his leg on hold."""
    by = customer.held_by
    return customer.state is HOLD and by is not None and by in (customer.device, customer.id)


def _holds_agents(legs: Legs, customer: Leg) -> list[str]:
    """The names under which the customer holds an agent: his own, or unknown ones while his device is not known."""
    if not legs.traits & HELD_APART:
        return []
    his = [name for name in (customer.device, customer.agent, customer.id) if party_of(legs, name) is customer]
    return [*legs.apart_by(his), *(() if customer.device else legs.strangers_holding())]


def holder_of(legs: Legs, held: Leg, device: str | None) -> str | None:
    """Who holds this leg: the device that the switch names, if it is a party's; else the agent's leg of the call."""
    party = party_of(legs, device)
    if party is not None:
        return _known_as(party)
    if held.side is AGENT:
        return device if device is not None and _may_be_customer(legs) else _known_as(held)
    agent = legs.first(JOINED) or legs.first(SPEAKING_AGENTS)
    return device if agent is None else _known_as(agent)


def _known_as(leg: Leg) -> str:
    return leg.device or leg.agent or leg.id


def _may_be_customer(legs: Legs) -> bool:
    """Whether a device that no leg has may be the customer's, because the customer's is not known."""
    customer = customer_of(legs)
    return customer is not None and not customer.device
