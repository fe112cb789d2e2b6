"""Two calls become one (CSTA transferred, conferenced). Called by `call`, which owns the machine.

* A consultation is a call of its own; `correlation` joins the journey, and the event is sent once under each call.
* State is never merged: a leg that comes from the other call is new here.
* In a resulting call, those legs continue that `connections` maps or already names by their new ids, and always the
  customer's leg, because the customer is handed over. The transferring party leaves.
"""

from collections.abc import Iterable, Mapping

from cti.core import call_intervals as intervals
from cti.core import call_offers as offers
from cti.core.call_legs import customer_of
from cti.core.call_state import Call, Transfer
from cti.core.fact_data import TransferData, transfer_data
from cti.core.facts import Fact
from cti.core.leg_index import Change
from cti.core.leg_set import LEGS_MAX, NO_LEGS, Legs, legs_of
from cti.core.legs import (
    AGENT,
    CONNECTED,
    CUSTOMER,
    CUSTOMERS,
    HELD,
    HOLD,
    INITIATED,
    NOT_JOINED,
    NULL,
    OTHERS,
    SPEAKING_AGENTS,
    Leg,
    moved,
    renamed,
)
from schemas.reasons import Ignored


def transferred(call: Call, fact: Fact) -> None:
    """End the intervals of the mapped legs. In a resulting call, the legs continue under their new ids."""
    data = transfer_data(fact)
    mapped, before = data.connections, call.legs
    stays = data.resulting in (None, call.subject)
    kept = _kept(call, data, fact.kind, stays)
    for connection in dict.fromkeys(call.ringing.values()) if fact.kind == "transferred" else mapped:
        leg = before.named(connection)
        goes_on_ringing = stays and fact.kind == "transferred" and kept.named(connection) is not None
        if leg is not None and leg.side is not CUSTOMER and not goes_on_ringing:
            intervals.ended(call, leg, fact)
    if stays:
        kept, new_ids = _going_on(kept, mapped)
        kept = _with_comers(kept, mapped, data.to)
        offers.offer_renamed(call, new_ids)
        intervals.talk_renamed(call, new_ids)
    if kept.traits & CUSTOMERS:
        call.customer_left = False
        offers.goes_on(call)
    if stays and data.resulting is not None and call.answered_ms is None:
        kept = _spoken_with(call, kept, fact)
    intervals.settle(call, kept, fact.at_ms, fact.id)
    call.left_waiting = False
    if _hands_over(call, data) and fact.kind == "transferred" and len(call.transfers) < offers.INTERVALS_MAX:
        to = data.to or data.resulting
        call.transfers = (*call.transfers, Transfer(fact.at_ms, data.blind, to, data.reason))


def _spoken_with(call: Call, legs: Legs, fact: Fact) -> Legs:
    """A resulting call that was offered before: the customer goes on speaking with the agent who comes with him."""
    customer = customer_of(legs)
    if customer is None or not legs.traits & SPEAKING_AGENTS or not call.inbound:
        return legs
    call.answered_ms, call.answer_cause = fact.at_ms, fact.id
    return legs.with_leg(moved(customer, CONNECTED)) if customer.state is INITIATED else legs


def _hands_over(call: Call, data: TransferData) -> bool:
    """Whether the party was handed over from this call, and this is neither the consultation nor the resulting call."""
    if data.primary == call.subject:
        return True
    results_only = data.primary is not None and data.resulting == call.subject
    return data.secondary != call.subject and not results_only


def resulting(call: Call, fact: Fact) -> Ignored | None:
    """A call that results from two others may begin with the event that made it."""
    data = transfer_data(fact)
    if data.resulting != call.subject or not data.connections:
        return Ignored.NO_SUCH_CALL
    call.legs = _with_comers(NO_LEGS, data.connections, data.to)
    return None


def _kept(call: Call, data: TransferData, kind: str, stays: bool) -> Legs:
    """The legs that do not leave this call."""
    legs, mapped = call.legs, data.connections
    if not stays:
        return _without(legs, mapped) if kind == "conferenced" else NO_LEGS
    if kind == "conferenced":
        return legs
    named = {*mapped, *mapped.values()}
    if not legs.traits & CUSTOMERS and named and all(legs.named(connection) is None for connection in named):
        # The consultation results and only the joining legs are mapped: the party who began it is the one to leave.
        began = call.opening.connection
        return legs if began is None else _without(legs, (began,))
    return _without(legs, [leg.id for leg in legs.having(OTHERS) if leg.id not in named])


def _without(legs: Legs, names: Iterable[str]) -> Legs:
    """The legs without those of these ids."""
    gone = [leg for leg in map(legs.named, names) if leg is not None]
    return legs.changed([(leg.id, moved(leg, NULL)) for leg in gone])


def _going_on(legs: Legs, mapped: Mapping[str, str]) -> tuple[Legs, dict[str, str]]:
    """The legs of a resulting call under their new ids, joined to the customer, none on hold; and who got a new id.

    A conference may have a thousand legs: only those that change cost a step.
    """
    new_ids = {old: new for old, new in mapped.items() if old != new and legs.named(old) is not None}
    changing = {leg.id: leg for leg in (*legs.having(HELD), *legs.having(NOT_JOINED))}
    changing |= {old: leg for old in new_ids if (leg := legs.named(old)) is not None}
    changes = [(old, _going_on_as(leg, new_ids.get(old, old))) for old, leg in changing.items()]
    taken = any(new not in new_ids and legs.named(new) is not None for new in new_ids.values())
    if taken or len(set(new_ids.values())) < len(new_ids):  # two legs become one: it has the place of the first
        known = dict(changes)
        ordered = [known.get(leg.id, leg) for leg in legs]
        return legs_of(list({leg.id: leg for leg in ordered}.values())), new_ids
    return legs.changed(changes), new_ids


def _going_on_as(leg: Leg, connection: str) -> Leg:
    state, joined = CONNECTED if leg.state is HOLD else leg.state, leg.joined or leg.side is AGENT
    return Leg(connection, leg.side, state, leg.device, leg.agent, None, leg.muted, leg.silent_since_ms, joined)


def _with_comers(legs: Legs, mapped: Mapping[str, str], to: str | None) -> Legs:
    """The legs that stay, and those that come over: the customer, if there is none yet, else who he is given to."""
    new_ids = [new for new in dict.fromkeys(mapped.values()) if legs.named(new) is None]
    unnamed, customer = legs.named(""), customer_of(legs)
    changes: list[Change] = []
    if unnamed is not None and unnamed.side is CUSTOMER and new_ids:  # the customer's leg was never named here
        changes += [("", moved(unnamed, NULL)), (new_ids[0], renamed(unnamed, new_ids[0]))]
        del new_ids[0]
    for new in new_ids[: max(LEGS_MAX - len(legs), 0)]:
        side = CUSTOMER if customer is None else AGENT
        leg = Leg(new, side, CONNECTED, device=to if side is AGENT else None, joined=side is AGENT)
        customer = customer or leg
        changes.append((new, leg))
    return legs.changed(changes)
