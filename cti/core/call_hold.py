"""held, retrieved, muted, unmuted, silence and speech: what one leg does without leaving. Called by `call`."""

from cti.core import call_intervals as intervals
from cti.core.call_legs import holder_of, leg_at, leg_named, with_leg
from cti.core.call_parties import adopt
from cti.core.call_state import Call
from cti.core.fact_data import HoldData, connection_of, device_of, hold_data
from cti.core.facts import Fact
from cti.core.legs import HOLD, LEG_TABLE, Leg, joining, moved, silenced
from schemas.reasons import Ignored


def held(call: Call, fact: Fact) -> Ignored | None:
    """held: the named leg is on hold. If the switch does not name the holder, it is the agent's leg of the call."""
    data = hold_data(fact)
    adopt(call, data.connection)
    leg = leg_named(call.legs, data.connection)
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    if leg.state is HOLD:
        return Ignored.ALREADY_OPEN
    waits = moved(leg, state, holder_of(call.legs, leg, data.holding_device))
    if intervals.held_apart(waits):
        waits = joining(waits, False)
    intervals.settle(call, with_leg(call.legs, waits), fact.at_ms, fact.id)
    return None


def retrieved(call: Call, fact: Fact) -> Ignored | None:
    """retrieved: the named leg, or the leg that the named party holds, is connected again."""
    leg = _held_leg(call.legs, hold_data(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.NOT_OPEN
    intervals.settle(call, with_leg(call.legs, moved(leg, state)), fact.at_ms, fact.id)
    return None


def _held_leg(legs: tuple[Leg, ...], data: HoldData) -> Leg | None:
    named, device = leg_named(legs, data.connection), data.holding_device
    waiting = [leg for leg in legs if leg.state is HOLD]
    if not waiting or (named is not None and named.state is HOLD):
        return named
    by = leg_at(legs, device) or leg_named(legs, device) or named
    holding = (device,) if by is None else (device, by.device, by.agent, by.id)
    theirs = (leg for leg in waiting if leg.held_by is not None and leg.held_by in holding)
    return next(theirs, waiting[0] if len(waiting) == 1 and device is None else named)


def muted(call: Call, fact: Fact) -> Ignored | None:
    """muted, unmuted: a party's own microphone."""
    leg = leg_named(call.legs, connection_of(fact)) or leg_at(call.legs, device_of(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    off = fact.kind == "muted"
    if leg.muted is off:
        return Ignored.ALREADY_OPEN if off else Ignored.NOT_OPEN
    legs = with_leg(call.legs, silenced(leg, off, leg.silent_since_ms))
    intervals.settle(call, legs, fact.at_ms, fact.id)
    return None


def silent(call: Call, fact: Fact) -> Ignored | None:
    """silenceDetected, speechDetected."""
    leg = leg_named(call.legs, connection_of(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    begins = fact.kind == "silenceDetected"
    if (leg.silent_since_ms is not None) is begins:
        return Ignored.NO_CHANGE
    call.legs = with_leg(call.legs, silenced(leg, leg.muted, fact.at_ms if begins else None))
    return None
