"""held, retrieved, muted, unmuted, silence and speech: what one leg does without leaving. Called by `call`."""

from cti.core import call_intervals as intervals
from cti.core.call_legs import holder_of, party_of
from cti.core.call_parties import adopt
from cti.core.call_state import Call
from cti.core.fact_data import HoldData, connection_of, device_of, hold_data
from cti.core.facts import Fact
from cti.core.leg_set import Legs
from cti.core.legs import HELD, HELD_APART, HOLD, LEG_TABLE, Leg, joining, moved, silenced
from schemas.reasons import Ignored


def held(call: Call, fact: Fact) -> Ignored | None:
    """held: the named leg is on hold. If the switch does not name the holder, it is the agent's leg of the call."""
    data = hold_data(fact)
    adopt(call, data.connection)
    leg = call.legs.named(data.connection)
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    if leg.state is HOLD:
        return Ignored.ALREADY_OPEN
    waits = moved(leg, state, holder_of(call.legs, leg, data.holding_device))
    if waits.traits & HELD_APART:
        waits = joining(waits, False)
    intervals.settle(call, call.legs.with_leg(waits), fact.at_ms, fact.id)
    return None


def retrieved(call: Call, fact: Fact) -> Ignored | None:
    """retrieved: the named leg, or the leg that the named party holds, is connected again."""
    leg = _held_leg(call.legs, hold_data(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.NOT_OPEN
    intervals.settle(call, call.legs.with_leg(moved(leg, state)), fact.at_ms, fact.id)
    return None


def _held_leg(legs: Legs, data: HoldData) -> Leg | None:
    named, device = legs.named(data.connection), data.holding_device
    if not legs.traits & HELD or (named is not None and named.state is HOLD):
        return named
    by = party_of(legs, device) or named
    theirs = legs.first_held_by((device,) if by is None else (device, by.device, by.agent, by.id))
    if theirs is not None:
        return theirs
    return legs.first(HELD) if device is None and legs.count(HELD) == 1 else named


def muted(call: Call, fact: Fact) -> Ignored | None:
    """muted, unmuted: a party's own microphone."""
    leg = call.legs.named(connection_of(fact)) or call.legs.at(device_of(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    off = fact.kind == "muted"
    if leg.muted is off:
        return Ignored.ALREADY_OPEN if off else Ignored.NOT_OPEN
    legs = call.legs.with_leg(silenced(leg, off, leg.silent_since_ms))
    intervals.settle(call, legs, fact.at_ms, fact.id)
    return None


def silent(call: Call, fact: Fact) -> Ignored | None:
    """silenceDetected, speechDetected."""
    leg = call.legs.named(connection_of(fact))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    begins = fact.kind == "silenceDetected"
    if (leg.silent_since_ms is not None) is begins:
        return Ignored.NO_CHANGE
    call.legs = call.legs.with_leg(silenced(leg, leg.muted, fact.at_ms if begins else None))
    return None
