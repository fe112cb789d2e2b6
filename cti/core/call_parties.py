"""Whose leg is whose: customer, agent, or neither. Called by `call`.

* In a call that came in, who called is the customer; every other leg that rings or answers is an agent's.
* A call whose opening was not seen has a customer too. The first event that can only concern the customer names them;
  and where agents have numbers, a leg without one is the customer's.
"""

from cti.core.call_legs import customer_of
from cti.core.call_state import Call
from cti.core.fact_data import number, party_data
from cti.core.facts import Fact
from cti.core.leg_set import Legs
from cti.core.legs import (
    AGENT,
    CONNECTED,
    CUSTOMER,
    HOLD,
    INITIATED,
    JOINED,
    NOWHERE,
    NULL,
    NUMBERED,
    OTHER,
    SPEAKING_AGENTS,
    UNNUMBERED,
    Leg,
    moved,
    of_side,
)
from schemas.reasons import ReleasedBy


def adopt(call: Call, connection: str | None) -> None:
    """Give a caller's unnamed leg this id, if no leg has it: a minimal switch names that leg late."""
    customer = customer_of(call.legs)
    if connection is None or customer is None or customer.id != "" or call.legs.named(connection) is not None:
        return
    call.legs = call.legs.renamed(customer, connection)


def adopt_called(call: Call, connection: str) -> None:
    """Give the called party's leg this id, if no leg has it and the called party's has neither rung nor answered."""
    customer = customer_of(call.legs)
    if customer is None or customer.state is not INITIATED or call.legs.named(connection) is not None:
        return
    call.legs = call.legs.renamed(customer, connection)


def new_leg(call: Call, connection: str, device: str | None) -> Leg:
    """The leg of who began the call: the customer's when he calls us, ours when one of us calls out."""
    outbound = call.opening.direction == "outbound"
    return Leg(connection, CUSTOMER if call.inbound else AGENT if outbound else OTHER, NULL, device=device)


def party(call: Call, fact: Fact) -> Leg:
    """The leg that rings or answers. An agent is named, or the call came in; else it is the one we called."""
    data = party_data(fact)
    connection, device, agent = data.connection, data.device, data.agent
    found = call.legs.named(connection)
    if found is None:
        if fact.kind == "established" and call.opening.kind is None and _is_unnamed_customer(call, agent):
            adopt(call, connection)
            found = call.legs.named(connection)
        if found is None:
            return _new_party(call, connection, device, agent)
    side = AGENT if agent is not None and found.side is OTHER else found.side
    device, agent = device or found.device, agent or found.agent
    return Leg(
        connection, side, found.state, device, agent, found.held_by, found.muted, found.silent_since_ms, found.joined
    )


def _new_party(call: Call, connection: str, device: str | None, agent: str | None) -> Leg:
    ours = agent is not None or call.inbound
    calls_out = call.opening.direction == "outbound" and customer_of(call.legs) is None
    side = AGENT if ours else CUSTOMER if calls_out else OTHER
    if call.dialled and side is (CUSTOMER if call.customer_left else OTHER):
        side = AGENT
    if side is CUSTOMER:
        device = device or call.opening.called
    return Leg(connection, side, NULL, device, agent)


def _is_unnamed_customer(call: Call, agent: str | None) -> bool:
    """Whether a leg without an agent's number is the customer's, of whom no opening was seen: agents here have one."""
    return agent is None and bool(call.legs.traits & NUMBERED)


def tell_apart(call: Call, agent: str | None, connection: str) -> None:
    """Find out who is the agent where no opening was seen: by his number, which the customer's leg lacks."""
    if agent is None or call.opening.kind is not None:
        return
    customer, count = customer_of(call.legs), call.legs.count(UNNUMBERED)
    if customer is None or customer.id not in ("", connection) or count not in (1, 2):
        return
    others = [leg for leg in call.legs.having(UNNUMBERED) if leg.id != connection]
    if len(others) != 1:
        return
    other, unnamed, known = others[0], call.legs.named(""), call.legs.named(connection)
    changes: dict[str, Leg] = {other.id: of_side(other, CUSTOMER)}
    if known is not None:
        changes[connection] = of_side(known, AGENT)
    if unnamed is not None:
        changes[""] = moved(unnamed, NULL)
    call.first_agent = call.first_agent or agent
    call.legs = call.legs.changed(list(changes.items()))


def left_with(legs: Legs, gone: Leg) -> Legs:
    """The legs, with the customer joined to whom the agent who held him leaves him with."""
    customer = customer_of(legs)
    if gone.side is not AGENT or customer is None or customer.state is not HOLD:
        return legs
    if not legs.traits & SPEAKING_AGENTS or legs.traits & JOINED:
        return legs
    return legs.with_leg(moved(customer, CONNECTED))


def who(call: Call, cleared: Leg, device: str | None) -> tuple[ReleasedBy, str | None]:
    """A device that nobody named before is that of the leg it cleared; where the customer's is known, it is unknown."""
    if device is None:
        return ReleasedBy.UNKNOWN, None
    if device == "network":
        return ReleasedBy.NETWORK, None
    leg = call.legs.named(device) or call.legs.at(device)
    if leg is not None and leg.side is AGENT:
        return ReleasedBy.AGENT, leg.agent
    theirs = call.opening.called if call.opening.direction == "outbound" else call.opening.calling
    if number(device) == theirs or (leg is not None and leg.side is CUSTOMER):
        return ReleasedBy.CUSTOMER, None
    if leg is None and cleared.side is CUSTOMER and cleared.device is None and not call.legs.traits & NOWHERE:
        return ReleasedBy.CUSTOMER, None
    return (ReleasedBy.AGENT, cleared.agent) if cleared.side is AGENT else (ReleasedBy.UNKNOWN, None)
