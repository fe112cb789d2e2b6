"""Two calls become one (CSTA transferred, conferenced). Called by `call`, which owns the machine.

* A consultation is a call of its own; `correlation` joins the journey, and the event is sent once under each call.
* State is never merged: a leg that comes from the other call is new here.
* In a resulting call, those legs continue that `connections` maps or already names by their new ids, and always the
  customer's leg, because the customer is handed over. The transferring party leaves.
"""

from collections.abc import Mapping

from cti.core import call_intervals as intervals
from cti.core.call_legs import customer_of
from cti.core.call_state import Call, Transfer
from cti.core.fact_data import TransferData, transfer_data
from cti.core.facts import Fact
from cti.core.legs import AGENT, CONNECTED, CUSTOMER, HOLD, Leg, LegState, joining, moved, renamed
from schemas.reasons import Ignored


def transferred(call: Call, fact: Fact) -> None:
    """End the intervals of the mapped legs. In a resulting call, the legs continue under their new ids."""
    data = transfer_data(fact)
    mapped, stays = data.connections, data.resulting in (None, call.subject)
    before = call.legs
    goes_on = _staying(call, data, fact.kind) if stays else ()
    for leg in before:
        if leg.id in mapped or fact.kind == "transferred":
            intervals.ended(call, leg, fact)
    new_ids = {leg.id: mapped.get(leg.id, leg.id) for leg in goes_on}
    kept = [_together(renamed(moved(leg, _let_go(leg.state)), new_ids[leg.id])) for leg in goes_on]
    if stays:
        kept = _with_comers(kept, mapped, data.to)
        intervals.offer_renamed(call, new_ids)
    elif fact.kind == "conferenced":
        kept = [leg for leg in before if leg.id not in mapped]
    if customer_of(tuple(kept)) is not None:
        call.customer_left = False
        intervals.goes_on(call)
    intervals.settle(call, tuple({leg.id: leg for leg in kept}.values()), fact.at_ms, fact.id)
    call.left_waiting = False
    if _hands_over(call, data) and fact.kind == "transferred" and len(call.transfers) < intervals.INTERVALS_MAX:
        to = data.to or data.resulting
        call.transfers = (*call.transfers, Transfer(fact.at_ms, data.blind, to, data.reason))


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
    call.legs = tuple(_with_comers([], data.connections, data.to))
    return None


def _staying(call: Call, data: TransferData, kind: str) -> tuple[Leg, ...]:
    """The legs that continue in this resulting call."""
    if kind == "conferenced":
        return call.legs
    named = {*data.connections, *data.connections.values()}
    if customer_of(call.legs) is None and named and all(leg.id not in named for leg in call.legs):
        # The consultation results and only the joining legs are mapped: the party who began it is the one to leave.
        return tuple(leg for leg in call.legs if leg.id != call.opening.connection)
    return tuple(leg for leg in call.legs if leg.id in named or leg.side is CUSTOMER)


def _with_comers(kept: list[Leg], mapped: Mapping[str, str], to: str | None) -> list[Leg]:
    """The legs that stay, and those that come over: the customer, if there is none yet, else who he is given to."""
    legs = {leg.id: leg for leg in kept}
    new_ids = [new for new in dict.fromkeys(mapped.values()) if new not in legs]
    if "" in legs and legs[""].side is CUSTOMER and new_ids:  # the customer's leg was never named here
        legs[new_ids[0]] = renamed(legs.pop(""), new_ids[0])
        del new_ids[0]
    for new in new_ids:
        customer = customer_of(tuple(legs.values()))
        side = CUSTOMER if customer is None else AGENT
        legs[new] = Leg(new, side, CONNECTED, device=to if side is AGENT else None, joined=side is AGENT)
    return list(legs.values())


def _together(leg: Leg) -> Leg:
    """Join the legs that continue in the resulting call to the customer."""
    return joining(leg, True) if leg.side is AGENT else leg


def _let_go(state: LegState) -> LegState:
    return CONNECTED if state is HOLD else state
