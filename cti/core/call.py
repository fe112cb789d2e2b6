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
    ENDED,
    OPEN,
    PHASE_NULL,
    Call,
    Opening,
    Phase,
    Release,
    customer_of,
    leg_at,
    leg_named,
    with_leg,
)
from cti.core.call_transfer import transferred
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
from cti.core.legs import (
    AGENT,
    CONNECTED,
    CUSTOMER,
    FAIL,
    HOLD,
    LEG_TABLE,
    NULL,
    OTHER,
    SPEAKING,
    Leg,
    moved,
    renamed,
    silenced,
)
from schemas.reasons import Ignored, ReleasedBy

DIGITS_MAX = 4096

Handler = Callable[[Call, Fact], Ignored | None]
"""Changes the call it is given, which is `advance`'s own, or says why the fact changes nothing."""


class Folded(NamedTuple):
    """A set of facts as a call; `beyond` are those that begin the next incarnation of the same call id."""

    call: Call
    beyond: tuple[Fact, ...]


def advance(call: Call, fact: Fact) -> tuple[Call, Ignored | None]:
    """The call after one more fact, which must not be older than the last one. The call given stays as it is."""
    after = call.copy()
    return after, TABLE.get((call.phase, fact.kind), _unusable)(after, fact)


def fold(subject: str, facts: Iterable[Fact]) -> Folded:
    """The call that these facts make, in whatever order they arrived."""
    call, ordered = Call(subject), in_order(facts)
    for place, fact in enumerate(ordered):
        if begins_again(call, fact):
            return Folded(call, tuple(ordered[place:]))
        TABLE.get((call.phase, fact.kind), _unusable)(call, fact)
    return Folded(call, ())


def begins_again(call: Call, fact: Fact) -> bool:
    """Whether this fact opens the next incarnation: more than 300 s after the clearing (contract, Identity).

    A call that was given up as lost was not cleared, but its id may be used again all the same.
    """
    return fact.kind in OPENING_KINDS and is_beyond(call, fact)


def is_beyond(call: Call, fact: Fact) -> bool:
    """Whether this fact can only be the next incarnation's, whose opening may still be on its way."""
    if call.ended_ms is None or fact.kind in AFTERWARDS_KINDS:
        return False
    return fact.at_ms > call.ended_ms + REINCARNATION_MS


def _unusable(call: Call, fact: Fact) -> Ignored:
    if call.phase is ENDED:
        return Ignored.REUSED_TOO_SOON if fact.kind == "offered" else Ignored.ALREADY_ENDED
    return Ignored.NO_SUCH_CALL if call.phase is PHASE_NULL else Ignored.UNKNOWN_TYPE


# -- opening -----------------------------------------------------------------------------------------------------------


def _opening(call: Call, fact: Fact) -> Ignored | None:
    """offered, serviceInitiated, originated: what is known of the call, and the leg it began with."""
    known, data = call.opening, fact.data
    call.opening = Opening(
        known.direction or data.get("direction"),
        known.calling or data.get("calling"),
        known.called or data.get("called"),
        known.trunk or data.get("trunk"),
        known.correlation or data.get("$correlation"),
        known.commandid or data.get("$commandid"),
    )
    _open(call, fact)
    name = data.get("connection")
    if name is None and customer_of(call.legs) is not None:
        return None
    leg = leg_named(call.legs, name or "") or _new_leg(call, name or "", call.opening.calling)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.ALREADY_OPEN
    call.legs = with_leg(call.legs, moved(leg, state))
    return None


def _new_leg(call: Call, name: str, device: str | None) -> Leg:
    """The leg of who began the call: the customer's when he calls us, an agent's or the dialler's otherwise."""
    return Leg(name, CUSTOMER if call.inbound else OTHER, NULL, device=device)


def _open(call: Call, fact: Fact) -> None:
    if call.phase is not OPEN:
        call.phase, call.opened_at_ms = OPEN, fact.at_ms


# -- legs --------------------------------------------------------------------------------------------------------------


def _queued(call: Call, fact: Fact) -> Ignored | None:
    _open(call, fact)
    name = fact.data.get("connection")
    _adopt(call, name)
    leg = leg_named(call.legs, name) if name is not None else customer_of(call.legs)
    leg = leg or _new_leg(call, name or "", call.opening.calling)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    intervals.queued(call, with_leg(call.legs, moved(leg, state)), fact, leg.id)
    return None


def _adopt(call: Call, name: str | None) -> None:
    """A caller whose leg had no name until now gets this one, if no leg has it: the minimal switch names it late."""
    customer = customer_of(call.legs)
    if name is None or customer is None or customer.id != "" or leg_named(call.legs, name) is not None:
        return
    call.legs = tuple(renamed(leg, name) if leg is customer else leg for leg in call.legs)


def _party(call: Call, fact: Fact) -> Leg:
    """The leg that rings or answers. An agent is named, or the call came in; else it is the one we called."""
    data = fact.data
    name = data["connection"]
    found = leg_named(call.legs, name)
    device, agent = data.get("device") or data.get("answering"), data.get("agent")
    if found is None:
        ours = agent is not None or call.inbound
        calls_out = call.opening.direction == "outbound" and customer_of(call.legs) is None
        side = AGENT if ours else CUSTOMER if calls_out else OTHER
        if side is CUSTOMER:
            device = device or call.opening.called
        return Leg(name, side, NULL, device, agent)
    side = AGENT if agent is not None and found.side is OTHER else found.side
    device, agent = device or found.device, agent or found.agent
    return Leg(name, side, found.state, device, agent, found.held_by, found.muted, found.silent_since_ms)


def _delivered(call: Call, fact: Fact) -> Ignored | None:
    _open(call, fact)
    leg = _party(call, fact)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    intervals.settle(call, with_leg(call.legs, moved(leg, state)), fact)
    if call.first_delivered_ms is None:
        call.first_delivered_ms = fact.at_ms
    if leg.side is AGENT:
        intervals.offered(call, leg, fact)
    return None


def _established(call: Call, fact: Fact) -> Ignored | None:
    _open(call, fact)
    leg = _party(call, fact)
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    legs = with_leg(call.legs, moved(leg, state))
    if _is_answer(call, leg, fact):
        customer = customer_of(legs)
        if customer is not None and customer.state not in SPEAKING:
            legs = with_leg(legs, moved(customer, CONNECTED))
        intervals.answered(call, leg, fact)
    intervals.settle(call, legs, fact)
    return None


def _is_answer(call: Call, leg: Leg, fact: Fact) -> bool:
    """Somebody answered the customer, or the customer answered us; the IVR taking the caller's own leg is no answer."""
    if call.inbound:
        return leg.side is not CUSTOMER or fact.data.get("agent") is not None
    return leg.side is CUSTOMER or call.opening.direction == "internal"


def _moved(call: Call, fact: Fact) -> Ignored | None:
    """networkReached, diverted, failed, connectionCleared: one named leg moves, and may be gone."""
    data = fact.data
    if fact.kind == "connectionCleared" and leg_at(call.legs, data.get("releasingDevice")) is None:
        _adopt(call, data["connection"])
    _note(call, fact)
    leg = leg_named(call.legs, data.get("connection")) or leg_at(call.legs, data.get("device"))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    if state is FAIL and leg.side is not CUSTOMER:
        state = NULL
    legs = with_leg(call.legs, moved(leg, state))
    intervals.ended(call, leg, fact)
    if fact.kind == "failed" and (leg.side is CUSTOMER or not call.inbound):
        call.failed = True
    if fact.kind == "connectionCleared":
        _release(call, legs, leg, fact)
    intervals.settle(call, legs, fact)
    return None


def _note(call: Call, fact: Fact) -> None:
    """The last cause that a failing or clearing event gave."""
    if fact.kind in ("connectionCleared", "failed", "callCleared"):
        cause, q850 = fact.data.get("cause"), fact.data.get("q850")
        call.cause = cause or call.cause
        call.q850 = call.q850 if q850 is None else q850


def _release(call: Call, legs: tuple[Leg, ...], leg: Leg, fact: Fact) -> None:
    """END-1: who ended the conversation. An agent who leaves a conference, or whose ringing stopped, ended nothing."""
    ends = intervals.conversing(call, call.legs) and not intervals.conversing(call, legs)
    if ends or (leg.side is CUSTOMER and call.release is None):
        by, agent = _who(call, leg, fact.data.get("releasingDevice"))
        call.release = Release(fact.at_ms, by, agent, fact.data.get("releaseReason"))


def _who(call: Call, cleared: Leg, device: str | None) -> tuple[ReleasedBy, str | None]:
    """A device that nobody named before is the agent's whose leg it cleared; on the customer's leg it stays unknown."""
    if device is None:
        return ReleasedBy.UNKNOWN, None
    if device == "network":
        return ReleasedBy.NETWORK, None
    leg = leg_named(call.legs, device) or leg_at(call.legs, device)
    if leg is not None and leg.side is AGENT:
        return ReleasedBy.AGENT, leg.agent
    theirs = (call.opening.called,) if call.opening.direction == "outbound" else (call.opening.calling,)
    if device in theirs or (leg is not None and leg.side is CUSTOMER):
        return ReleasedBy.CUSTOMER, None
    return (ReleasedBy.AGENT, cleared.agent) if cleared.side is AGENT else (ReleasedBy.UNKNOWN, None)


# -- hold, mute, silence -----------------------------------------------------------------------------------------------


def _held(call: Call, fact: Fact) -> Ignored | None:
    data = fact.data
    name, device = data.get("heldConnection") or data["connection"], data.get("holdingDevice")
    _adopt(call, name)
    leg = leg_named(call.legs, name)
    if fact.kind == "retrieved" and (leg is None or leg.state is not HOLD):
        leg = next((one for one in call.legs if one.state is HOLD and one.held_by == device), leg)
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.NOT_OPEN if fact.kind == "retrieved" else Ignored.WRONG_STATE
    if fact.kind == "held" and leg.state is HOLD:
        return Ignored.ALREADY_OPEN
    held_by = device if fact.kind == "held" else None
    intervals.settle(call, with_leg(call.legs, moved(leg, state, held_by)), fact)
    return None


def _muted(call: Call, fact: Fact) -> Ignored | None:
    data = fact.data
    leg = leg_named(call.legs, data.get("connection")) or leg_at(call.legs, data.get("device"))
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    muted = fact.kind == "muted"
    if leg.muted is muted:
        return Ignored.ALREADY_OPEN if muted else Ignored.NOT_OPEN
    intervals.settle(call, with_leg(call.legs, silenced(leg, muted, leg.silent_since_ms)), fact)
    return None


def _silent(call: Call, fact: Fact) -> Ignored | None:
    leg = leg_named(call.legs, fact.data["connection"])
    if leg is None:
        return Ignored.NO_SUCH_LEG
    if (leg.state, fact.kind) not in LEG_TABLE:
        return Ignored.WRONG_STATE
    silent = fact.kind == "silenceDetected"
    if (leg.silent_since_ms is not None) is silent:
        return Ignored.NO_CHANGE
    call.legs = with_leg(call.legs, silenced(leg, leg.muted, fact.at_ms if silent else None))
    return None


# -- what is only noted, and the end -----------------------------------------------------------------------------------


def _extras(call: Call, fact: Fact) -> None:
    """What is only noted; commandResult and the rest leave no trace here, the timeline has them."""
    known, data = call.extras, fact.data
    match fact.kind:
        case "digitsGenerated":
            call.extras = known._replace(digits=(known.digits + data["digits"])[:DIGITS_MAX])
        case "networkTone":
            call.extras = known._replace(tone=data["tone"])
        case "answeringMachineResult":
            call.extras = known._replace(machine=data["result"])
        case "announcementEnded" if data.get("completed") is not False:
            call.extras = known._replace(announcements=(*known.announcements, data["message"]))
        case "surveyScored":
            call.extras = known._replace(survey=data["score"])
        case "identityVerified":
            call.extras = known._replace(identity_verified=data.get("verified") is not False)
        case "agentAction" if data.get("disposition") is not None:
            call.extras = known._replace(disposition=data["disposition"])


def _cleared(call: Call, fact: Fact) -> None:
    """The end. A derived end (stale, lost) carries the time of the last thing heard.

    A call of which no opening was ever heard can end only so.
    """
    if call.phase is not OPEN:
        call.opened_at_ms = fact.at_ms
    _note(call, fact)
    intervals.all_ended(call, fact)
    intervals.settle(call, (), fact)
    call.phase, call.ended_ms, call.ended_by = ENDED, fact.at_ms, fact.kind


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
        **dict.fromkeys(("transferred", "conferenced"), transferred),
        **dict.fromkeys(noted, _extras),
        **dict.fromkeys(AFTERWARDS_KINDS, _extras),
        **dict.fromkeys(CLOSING_KINDS, _cleared),
        PRESENT: _extras,
    }
    table: dict[tuple[Phase, str], Handler] = {(PHASE_NULL, kind): handler for kind, handler in opens.items()}
    table |= {(OPEN, kind): handler for kind, handler in moves.items()}
    table |= {(PHASE_NULL, kind): _cleared for kind in (LOST, STALE)}
    table |= {(ENDED, kind): _extras for kind in AFTERWARDS_KINDS}
    return table


TABLE: Mapping[tuple[Phase, str], Handler] = _table()
