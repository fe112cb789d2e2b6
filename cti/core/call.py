"""The call machine: `advance(call, fact)` gives the next state, and why the fact changed nothing if it did not.

* A call is open from the first fact that can open one, and ends with callCleared (or stale, lost). Nothing revives an
  ended call.
* Dispatch is one lookup on (phase, kind); a leg's own moves are `legs.LEG_TABLE`.
* Nothing raises. What cannot be used is `Ignored(reason)`; it stays in the history and is judged again when a late
  fact arrives.
* `fold` of a set of facts does not depend on their order of arrival: the set is sorted first (`facts.Fact`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from cti.core import call_intervals as intervals
from cti.core.call_state import (
    Call,
    Extras,
    Opening,
    Phase,
    Release,
    Transfer,
    customer_of,
    leg_at,
    leg_named,
    with_leg,
)
from cti.core.facts import (
    AFTERWARDS_KINDS,
    CLOSING_KINDS,
    LOST,
    OPENING_KINDS,
    PRESENT,
    REINCARNATION_MS,
    STALE,
    Fact,
    in_order,
)
from cti.core.legs import LEG_TABLE, Leg, LegState, Side
from schemas.reasons import Ignored, ReleasedBy

Step = tuple[Call, Ignored | None]
Handler = Callable[[Call, Fact], Step]


class Folded(NamedTuple):
    """A set of facts as a call; `beyond` are those that begin the next incarnation of the same call id."""

    call: Call
    beyond: tuple[Fact, ...]


def advance(call: Call, fact: Fact) -> Step:
    """The call after one more fact, which must not be older than the last one."""
    return TABLE.get((call.phase, fact.kind), _unusable)(call, fact)


def fold(subject: str, facts: Iterable[Fact]) -> Folded:
    """The call that these facts make, in whatever order they arrived."""
    call, ordered = Call(subject), in_order(facts)
    for place, fact in enumerate(ordered):
        if begins_again(call, fact):
            return Folded(call, tuple(ordered[place:]))
        call, _ = advance(call, fact)
    return Folded(call, ())


def begins_again(call: Call, fact: Fact) -> bool:
    """Whether this fact opens the next incarnation: more than 300 s after the clearing (contract, Identity)."""
    return call.ended_ms is not None and fact.kind in OPENING_KINDS and fact.at_ms > call.ended_ms + REINCARNATION_MS


def _unusable(call: Call, fact: Fact) -> Step:
    if call.phase is Phase.ENDED:
        return call, Ignored.REUSED_TOO_SOON if fact.kind == "offered" else Ignored.ALREADY_ENDED
    return call, Ignored.NO_SUCH_CALL if call.phase is Phase.NULL else Ignored.UNKNOWN_TYPE


# -- opening -----------------------------------------------------------------------------------------------------------


def _opening(call: Call, fact: Fact) -> Step:
    """offered, serviceInitiated, originated: what is known of the call, and the leg it began with."""
    known, data = call.opening, fact.data
    opening = Opening(
        known.direction or data.get("direction"),
        known.calling or data.get("calling"),
        known.called or data.get("called"),
        known.trunk or data.get("trunk"),
        known.correlation or data.get("$correlation"),
        known.commandid or data.get("$commandid"),
    )
    opened = _opened(call, fact)._replace(opening=opening)
    name = data.get("connection")
    if name is None and customer_of(call.legs) is not None:
        return opened, None
    leg = leg_named(call.legs, name or "") or _new_leg(opened, name or "", opening.calling)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return opened, Ignored.ALREADY_OPEN
    return opened._replace(legs=with_leg(call.legs, leg._replace(state=state))), None


def _new_leg(call: Call, name: str, device: str | None) -> Leg:
    """The leg of who began the call: the customer's when he calls us, an agent's or the dialler's otherwise."""
    return Leg(name, Side.CUSTOMER if call.inbound else Side.OTHER, LegState.NULL, device=device)


def _opened(call: Call, fact: Fact) -> Call:
    if call.phase is Phase.OPEN:
        return call
    return call._replace(phase=Phase.OPEN, opened_at_ms=fact.at_ms)


# -- legs --------------------------------------------------------------------------------------------------------------


def _queued(call: Call, fact: Fact) -> Step:
    call = _opened(call, fact)
    name = fact.data.get("connection")
    call = _adopting(call, name)
    leg = leg_named(call.legs, name) if name is not None else customer_of(call.legs)
    leg = leg or _new_leg(call, name or "", call.opening.calling)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return call, Ignored.WRONG_STATE
    legs = with_leg(call.legs, leg._replace(state=state, held_by=None))
    return intervals.queued(call, legs, fact, leg.id), None


def _adopting(call: Call, name: str | None) -> Call:
    """A caller whose leg had no name until now gets this one, if no leg has it: the minimal switch names it late or
    never.
    """
    customer = customer_of(call.legs)
    if name is None or customer is None or customer.id != "" or leg_named(call.legs, name) is not None:
        return call
    return call._replace(legs=tuple(leg._replace(id=name) if leg is customer else leg for leg in call.legs))


def _party(call: Call, fact: Fact) -> Leg:
    """The leg that rings or answers. An agent is named, or the call came in; else it is the one we called."""
    data = fact.data
    name = data["connection"]
    found = leg_named(call.legs, name)
    device, agent = data.get("device") or data.get("answering"), data.get("agent")
    if found is None:
        ours = agent is not None or call.inbound
        calls_out = call.opening.direction == "outbound" and customer_of(call.legs) is None
        side = Side.AGENT if ours else Side.CUSTOMER if calls_out else Side.OTHER
        if side is Side.CUSTOMER:
            device = device or call.opening.called
        return Leg(name, side, LegState.NULL, device, agent)
    side = Side.AGENT if agent is not None and found.side is Side.OTHER else found.side
    return found._replace(side=side, device=device or found.device, agent=agent or found.agent)


def _delivered(call: Call, fact: Fact) -> Step:
    call = _opened(call, fact)
    leg = _party(call, fact)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return call, Ignored.WRONG_STATE
    legs = with_leg(call.legs, leg._replace(state=state))
    after = intervals.settle(call, legs, fact)
    if after.first_delivered_ms is None:
        after = after._replace(first_delivered_ms=fact.at_ms)
    return (intervals.offered(after, leg, fact) if leg.side is Side.AGENT else after), None


def _established(call: Call, fact: Fact) -> Step:
    call = _opened(call, fact)
    leg = _party(call, fact)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return call, Ignored.WRONG_STATE
    legs = with_leg(call.legs, leg._replace(state=state))
    answers = _is_answer(call, leg, fact)
    customer = customer_of(legs)
    if answers and customer is not None and customer.state not in (LegState.CONNECTED, LegState.HOLD):
        legs = with_leg(legs, customer._replace(state=LegState.CONNECTED))
    after = intervals.answered(call, leg, fact) if answers else call
    return intervals.settle(after, legs, fact), None


def _is_answer(call: Call, leg: Leg, fact: Fact) -> bool:
    """Somebody answered the customer, or the customer answered us; the IVR taking the caller's own leg is no answer."""
    if call.inbound:
        return leg.side is not Side.CUSTOMER or fact.data.get("agent") is not None
    return leg.side is Side.CUSTOMER or call.opening.direction == "internal"


def _moved(call: Call, fact: Fact) -> Step:
    """networkReached, diverted, failed, connectionCleared: one named leg moves, and may be gone."""
    if fact.kind == "connectionCleared" and leg_at(call.legs, fact.data.get("releasingDevice")) is None:
        call = _adopting(call, fact.data["connection"])
    leg = leg_named(call.legs, fact.data.get("connection")) or leg_at(call.legs, fact.data.get("device"))
    if leg is None:
        return _noted(call, fact), Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return call, Ignored.WRONG_STATE
    if state is LegState.FAIL and leg.side is not Side.CUSTOMER:
        state = LegState.NULL
    legs = with_leg(call.legs, leg._replace(state=state))
    after = _noted(intervals.ended(call, leg, fact), fact)
    if fact.kind == "failed" and (leg.side is Side.CUSTOMER or not call.inbound):
        after = after._replace(failed=True)
    if fact.kind == "connectionCleared":
        after = _released(after, legs, leg, fact)
    return intervals.settle(after, legs, fact), None


def _noted(call: Call, fact: Fact) -> Call:
    """The last cause that a failing or clearing event gave."""
    if fact.kind not in ("connectionCleared", "failed", "callCleared"):
        return call
    cause, q850 = fact.data.get("cause"), fact.data.get("q850")
    if cause is None and q850 is None:
        return call
    return call._replace(cause=cause or call.cause, q850=call.q850 if q850 is None else q850)


def _released(call: Call, legs: tuple[Leg, ...], leg: Leg, fact: Fact) -> Call:
    """END-1: who ended the conversation. An agent who leaves a conference, or whose ringing stopped, ended nothing."""
    ends = intervals.conversing(call, call.legs) and not intervals.conversing(call, legs)
    leaves = leg.side is Side.CUSTOMER and call.release is None
    if not (ends or leaves):
        return call
    device, reason = fact.data.get("releasingDevice"), fact.data.get("releaseReason")
    by, agent = _who(call, leg, device)
    return call._replace(release=Release(fact.at_ms, by, agent, reason))


def _who(call: Call, cleared: Leg, device: str | None) -> tuple[ReleasedBy, str | None]:
    """A device that nobody named before is the agent's whose leg it cleared; on the customer's leg it stays unknown."""
    if device is None:
        return ReleasedBy.UNKNOWN, None
    if device == "network":
        return ReleasedBy.NETWORK, None
    leg = leg_named(call.legs, device) or leg_at(call.legs, device)
    if leg is not None and leg.side is Side.AGENT:
        return ReleasedBy.AGENT, leg.agent
    theirs = (call.opening.called,) if call.opening.direction == "outbound" else (call.opening.calling,)
    if device in theirs or (leg is not None and leg.side is Side.CUSTOMER):
        return ReleasedBy.CUSTOMER, None
    return (ReleasedBy.AGENT, cleared.agent) if cleared.side is Side.AGENT else (ReleasedBy.UNKNOWN, None)


# -- hold, mute, silence -----------------------------------------------------------------------------------------------


def _held(call: Call, fact: Fact) -> Step:
    data = fact.data
    name, device = data.get("heldConnection") or data["connection"], data.get("holdingDevice")
    call = _adopting(call, name)
    leg = leg_named(call.legs, name)
    if fact.kind == "retrieved" and (leg is None or leg.state is not LegState.HOLD):
        leg = next((one for one in call.legs if one.state is LegState.HOLD and one.held_by == device), leg)
    if leg is None:
        return call, Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return call, Ignored.NOT_OPEN if fact.kind == "retrieved" else Ignored.WRONG_STATE
    if fact.kind == "held" and leg.state is LegState.HOLD:
        return call, Ignored.ALREADY_OPEN
    held_by = device if fact.kind == "held" else None
    return intervals.settle(call, with_leg(call.legs, leg._replace(state=state, held_by=held_by)), fact), None


def _muted(call: Call, fact: Fact) -> Step:
    data = fact.data
    leg = leg_named(call.legs, data.get("connection")) or leg_at(call.legs, data.get("device"))
    if leg is None:
        return call, Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return call, Ignored.WRONG_STATE
    muted = fact.kind == "muted"
    if leg.muted is muted:
        return call, Ignored.ALREADY_OPEN if muted else Ignored.NOT_OPEN
    return intervals.settle(call, with_leg(call.legs, leg._replace(muted=muted)), fact), None


def _silent(call: Call, fact: Fact) -> Step:
    leg = leg_named(call.legs, fact.data["connection"])
    if leg is None:
        return call, Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return call, Ignored.WRONG_STATE
    if (leg.silent_since_ms is not None) is (fact.kind == "silenceDetected"):
        return call, Ignored.NO_CHANGE
    since = fact.at_ms if fact.kind == "silenceDetected" else None
    return call._replace(legs=with_leg(call.legs, leg._replace(silent_since_ms=since))), None


# -- two calls become one ----------------------------------------------------------------------------------------------


def _transferred(call: Call, fact: Fact) -> Step:
    """Ends what the mapped legs lived here. If this call results, they live on under their new names.

    State is never merged: a leg that comes from the other call is new here. The transferring party leaves.
    """
    data = fact.data
    mapped: Mapping[str, str] = data.get("connections") or {}
    stays = data.get("resultingCall") in (None, call.subject)
    after = call
    for leg in call.legs:
        if leg.id in mapped or fact.kind == "transferred":
            after = intervals.ended(after, leg, fact)
    kept = [
        leg._replace(id=mapped.get(leg.id, leg.id), state=_let_go(leg.state), held_by=None)
        for leg in call.legs
        if (stays if leg.id in mapped else fact.kind == "conferenced")
    ]
    if stays:
        kept += [_comer(call, new, data.get("to")) for new in mapped.values() if all(leg.id != new for leg in kept)]
    after = intervals.settle(after, tuple({leg.id: leg for leg in kept}.values()), fact)
    if data.get("secondaryOldCall") != call.subject or data.get("primaryOldCall") == call.subject:
        blind = bool(data.get("blind"))
        to = data.get("to") or data.get("resultingCall")
        if fact.kind == "transferred":
            after = after._replace(transfers=(*after.transfers, Transfer(fact.at_ms, blind, to, data.get("reason"))))
    return after, None


def _let_go(state: LegState) -> LegState:
    return LegState.CONNECTED if state is LegState.HOLD else state


def _comer(call: Call, name: str, to: str | None) -> Leg:
    """A leg that came over from the other call: the customer, if this call has none yet, else who he was given to."""
    if customer_of(call.legs) is None:
        return Leg(name, Side.CUSTOMER, LegState.CONNECTED)
    return Leg(name, Side.AGENT, LegState.CONNECTED, device=to)


# -- what is only noted, and the end -----------------------------------------------------------------------------------


def _extras(call: Call, fact: Fact) -> Step:
    known, data = call.extras, fact.data
    match fact.kind:
        case "digitsGenerated":
            extras = known._replace(digits=(known.digits + data["digits"])[:4096])
        case "networkTone":
            extras = known._replace(tone=data["tone"])
        case "answeringMachineResult":
            extras = known._replace(machine=data["result"])
        case "announcementEnded" if data.get("completed") is not False:
            extras = known._replace(announcements=(*known.announcements, data["message"]))
        case "surveyScored":
            extras = known._replace(survey=data["score"])
        case "identityVerified":
            extras = known._replace(identity_verified=data.get("verified") is not False)
        case "agentAction" if data.get("disposition") is not None:
            extras = known._replace(disposition=data["disposition"])
        case _:
            return call, None
    return (call if extras == known else call._replace(extras=Extras(*extras))), None


def _cleared(call: Call, fact: Fact) -> Step:
    """The end. A derived end (stale, lost) carries the time of the last thing heard.

    A call of which no opening was ever heard can end only so.
    """
    call = call if call.phase is Phase.OPEN else call._replace(opened_at_ms=fact.at_ms)
    after = intervals.settle(intervals.all_ended(_noted(call, fact), fact), (), fact)
    ended = after._replace(phase=Phase.ENDED, ended_ms=fact.at_ms, ended_by=fact.kind)
    return ended, None


def _table() -> Mapping[tuple[Phase, str], Handler]:
    opening = {"offered": _opening, "serviceInitiated": _opening, "originated": _opening}
    opens: dict[str, Handler] = {**opening, "queued": _queued, "delivered": _delivered, "established": _established}
    noted = ("digitsGenerated", "networkTone", "answeringMachineResult", "announcementEnded")
    moves: dict[str, Handler] = {
        **opens,
        **dict.fromkeys(("networkReached", "diverted", "failed", "connectionCleared"), _moved),
        **dict.fromkeys(("held", "retrieved"), _held),
        **dict.fromkeys(("muted", "unmuted"), _muted),
        **dict.fromkeys(("silenceDetected", "speechDetected"), _silent),
        **dict.fromkeys(("transferred", "conferenced"), _transferred),
        **dict.fromkeys(noted, _extras),
        **dict.fromkeys(AFTERWARDS_KINDS, _extras),
        **dict.fromkeys(CLOSING_KINDS, _cleared),
        PRESENT: _extras,
    }
    table: dict[tuple[Phase, str], Handler] = {(Phase.NULL, kind): handler for kind, handler in opens.items()}
    table |= {(Phase.OPEN, kind): handler for kind, handler in moves.items()}
    table |= {(Phase.NULL, kind): _cleared for kind in (LOST, STALE)}
    table |= {(Phase.ENDED, kind): _extras for kind in AFTERWARDS_KINDS}
    return table


TABLE: Mapping[tuple[Phase, str], Handler] = _table()
