"""Two calls become one (CSTA transferred, conferenced). Called by `call`, which owns the machine.

A consultation is a call of its own; `correlation` joins the journey, and the event is sent once under each call.
"""

from collections.abc import Mapping

from cti.core import call_intervals as intervals
from cti.core.call_state import Call, Transfer, customer_of
from cti.core.facts import Fact
from cti.core.legs import AGENT, CONNECTED, CUSTOMER, HOLD, Leg, LegState, moved, renamed


def transferred(call: Call, fact: Fact) -> None:
    """Ends what the mapped legs lived here. If this call results, they live on under their new names.

    State is never merged: a leg that comes from the other call is new here. The transferring party leaves.
    """
    data = fact.data
    mapped: Mapping[str, str] = data.get("connections") or {}
    stays = data.get("resultingCall") in (None, call.subject)
    before = call.legs
    for leg in before:
        if leg.id in mapped or fact.kind == "transferred":
            intervals.ended(call, leg, fact)
    kept = [
        renamed(moved(leg, _let_go(leg.state)), mapped.get(leg.id, leg.id))
        for leg in before
        if (stays if leg.id in mapped else fact.kind == "conferenced")
    ]
    if stays:
        kept += [_comer(call, new, data.get("to")) for new in mapped.values() if all(leg.id != new for leg in kept)]
    intervals.settle(call, tuple({leg.id: leg for leg in kept}.values()), fact)
    first = data.get("secondaryOldCall") != call.subject or data.get("primaryOldCall") == call.subject
    if first and fact.kind == "transferred":
        to = data.get("to") or data.get("resultingCall")
        call.transfers = (*call.transfers, Transfer(fact.at_ms, bool(data.get("blind")), to, data.get("reason")))


def _let_go(state: LegState) -> LegState:
    return CONNECTED if state is HOLD else state


def _comer(call: Call, name: str, to: str | None) -> Leg:
    """A leg that came over from the other call: the customer, if this call has none yet, else who he was given to."""
    if customer_of(call.legs) is None:
        return Leg(name, CUSTOMER, CONNECTED)
    return Leg(name, AGENT, CONNECTED, device=to)
