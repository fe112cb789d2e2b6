"""A call's legs: which party each belongs to, and why the customer hears nobody."""

from collections.abc import Iterator
from typing import NamedTuple

from cti.core.legs import AGENT, CONNECTED, CUSTOMER, HOLD, NULL, SPEAKING, Leg


def leg_named(legs: tuple[Leg, ...], name: str | None) -> Leg | None:
    """The leg with this connection id."""
    for leg in legs:
        if leg.id == name:
            return leg
    return None


def leg_at(legs: tuple[Leg, ...], device: str | None) -> Leg | None:
    """The leg of this device, or of the agent with this number."""
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
    """The legs with this one instead of that of the same id; a leg in state null is no longer there."""
    for index, known in enumerate(legs):
        if known.id == leg.id:
            here = () if leg.state is NULL else (leg,)
            return (*legs[:index], *here, *legs[index + 1 :])
    return legs if leg.state is NULL else (*legs, leg)


class Silence(NamedTuple):
    """Why the customer hears nobody now."""

    by_agent: bool
    muted: bool
    agent: str | None
    leg: str


def silence_of(legs: tuple[Leg, ...]) -> Silence | None:
    """HOLD-2's state: the customer's leg is held or muted by us, and nobody else speaks with him; or he holds us.

    Only agents who were joined to the customer count: an agent who is only consulted does not talk to the customer. In
    a conference no notice is owed while one agent still talks.
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
    joined = [leg for leg in agents if leg.joined]
    if customer.state is HOLD:
        by = leg_at(legs, customer.held_by) or leg_named(legs, customer.held_by)
        if any(leg is not by and leg.state is CONNECTED and not leg.muted for leg in joined):
            return None
        agent = by.agent if by is not None else next((leg.agent for leg in joined or agents), None)
        return Silence(True, False, agent, customer.id)
    if joined and all(leg.muted or leg.state is HOLD for leg in joined):
        return Silence(True, all(leg.state is CONNECTED for leg in joined), joined[0].agent, customer.id)
    return None


def _holding_customer(legs: tuple[Leg, ...], customer: Leg, agents: list[Leg]) -> Leg | None:
    """The leg that the customer himself put on hold, if he did: the holding device is his, or unknown as he is."""
    if customer.state is HOLD and customer.held_by is not None and customer.held_by in (customer.device, customer.id):
        return agents[0] if agents else customer
    for leg in agents:
        if leg.state is HOLD and leg.held_by not in (None, leg.device, leg.agent, leg.id):
            by = leg_at(legs, leg.held_by) or leg_named(legs, leg.held_by)
            if by is customer or (by is None and (customer.device or leg.held_by) == leg.held_by):
                return leg
    return None


def holder_of(legs: tuple[Leg, ...], held: Leg, device: str | None) -> str | None:
    """Who holds this leg: the device that the switch names, if it is a party's; else the agent's leg of the call."""
    party = None if device is None else leg_at(legs, device) or leg_named(legs, device)
    if party is not None:
        return _known_as(party)
    if held.side is AGENT:
        return device if device is not None and _may_be_customer(legs) else _known_as(held)
    agents = sorted((leg for leg in agents_speaking(legs) if leg is not held), key=lambda leg: not leg.joined)
    return _known_as(agents[0]) if agents else device


def _known_as(leg: Leg) -> str:
    return leg.device or leg.agent or leg.id


def _may_be_customer(legs: tuple[Leg, ...]) -> bool:
    """Whether a device that no leg has may be the customer's, because the customer's is not known."""
    customer = customer_of(legs)
    return customer is not None and not customer.device
