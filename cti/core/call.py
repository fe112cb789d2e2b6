"""The call machine: `advance(call, fact)` gives the next state, and why the fact changed nothing if it did not.

* A call is open from the first fact that can open one, and ends with callCleared. How else it may end, and that such an
  end is tentative: `call_endings`. Nothing revives a call that was cleared.
* Dispatch is one lookup on (phase, kind); a leg's own moves are `legs.LEG_TABLE`.
* Nothing raises. What cannot be used is `Ignored(reason)`; it stays in the history and is judged again when a late
  fact arrives.
* `fold` of a set of facts does not depend on their order of arrival: the set is sorted first (`facts.Fact`).
* A caller who has left cannot be answered. An answer of the caller's own leg (by an IVR, by a queue application) ends
  no wait.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from cti.core import call_dialled as dialled
from cti.core import call_endings as endings
from cti.core import call_extras as extras
from cti.core import call_hold as hold
from cti.core import call_intervals as intervals
from cti.core import call_offers as offers
from cti.core import call_parties as parties
from cti.core import call_transfer as transfer
from cti.core.call_legs import customer_of, silence_of
from cti.core.call_reuse import begins_again, is_beyond
from cti.core.call_state import (
    ENDED,
    NOT_TENTATIVE,
    OPEN,
    PHASE_NULL,
    Call,
    Opening,
    Phase,
    Release,
)
from cti.core.fact_data import (
    cause_data,
    clearing_data,
    connection_of,
    opening_data,
    party_data,
)
from cti.core.facts import (
    AFTERWARDS_KINDS,
    CLEARED,
    GIVEN_UP_KINDS,
    PRESENT,
    SILENT_KINDS,
    STALE,
    Fact,
    in_order,
)
from cti.core.leg_set import Legs, legs_of
from cti.core.legs import (
    AGENT,
    CONNECTED,
    CUSTOMER,
    FAIL,
    INITIATED,
    JOINED,
    LEG_TABLE,
    NULL,
    QUEUED,
    SPEAKING,
    SPEAKING_AGENTS,
    Leg,
    moved,
)
from schemas.reasons import Ignored

Handler = Callable[[Call, Fact], Ignored | None]
"""Changes the given call, a copy that `advance` owns, or returns why the fact changes nothing."""


class Folded(NamedTuple):
    """A set of facts as a call; `beyond` are those of the next incarnation of the call id, its opening first."""

    call: Call
    beyond: tuple[Fact, ...]


def advance(call: Call, fact: Fact) -> tuple[Call, Ignored | None]:
    """The call after one more fact, which must not be older than the last one. The given call is not changed."""
    after = call.copy()
    if call.tentative is not NOT_TENTATIVE:
        after, ignored = _advanced(after, fact)
    else:
        ignored = _taken(after, fact)
    return endings.concluded(after), ignored


def fold(subject: str, facts: Iterable[Fact]) -> Folded:
    """The call that these facts make, in whatever order they arrived."""
    call, ordered = Call(subject), in_order(facts)
    waiting: list[Fact] = []
    for index, fact in enumerate(ordered):
        if begins_again(call, fact):
            endings.reused(call)
            return Folded(endings.concluded(call), (*ordered[index:], *waiting))
        if is_beyond(call, fact):
            waiting.append(fact)
        if call.tentative is NOT_TENTATIVE:
            _taken(call, fact)
        else:
            call, _ = _advanced(call, fact)
    return Folded(endings.concluded(call), ())


def _advanced(call: Call, fact: Fact) -> tuple[Call, Ignored | None]:
    """Advance a call that the caller of this function owns, and whose end may be tentative."""
    if call.tentative.before is not None and fact.kind not in AFTERWARDS_KINDS:
        if fact.kind in GIVEN_UP_KINDS:
            return call, endings.lacked(call, fact)
        call = endings.resumed(call)
    ignored = _taken(call, fact)
    if call.tentative.early_ends:
        _end_early(call)
    return call, ignored


def _taken(call: Call, fact: Fact) -> Ignored | None:
    if fact.kind not in SILENT_KINDS and call.phase is not ENDED:
        call.latest_ms = fact.at_ms
    return TABLE.get((call.phase, fact.kind), _unusable)(call, fact)


def _end_early(call: Call) -> None:
    """End an open call, whose end is stamped before its beginning, at its latest fact."""
    early = endings.early_ends_of(call)
    if not early:
        return
    before = call.copy()
    for fact in early:
        TABLE.get((call.phase, fact.kind), _unusable)(call, fact)
    endings.stepped(call, before)


def _unusable(call: Call, fact: Fact) -> Ignored:
    if call.phase is ENDED:
        return Ignored.REUSED_TOO_SOON if fact.kind == "offered" else Ignored.ALREADY_ENDED
    return Ignored.NO_SUCH_CALL if call.phase is PHASE_NULL else Ignored.UNKNOWN_TYPE


# -- opening -----------------------------------------------------------------------------------------------------------


def _opening(call: Call, fact: Fact) -> Ignored | None:
    """offered, serviceInitiated, originated: note what they say about the call, and its first leg."""
    known, data = call.opening, opening_data(fact)
    first = known.kind is None
    call.opening = Opening(
        known.direction or data.direction,
        known.calling or data.calling,
        known.called or data.called,
        known.trunk or data.trunk,
        known.correlation or data.correlation,
        known.commandid or data.commandid,
        fact.kind if first else known.kind,
        data.connection if first else known.connection,
    )
    call.queue = call.queue or data.queue
    _open(call, fact)
    connection = data.connection
    if call.opening.commandid is not None and call.opening.direction == "outbound":
        dialled.begins(call, connection)
        return None
    if connection is None and customer_of(call.legs) is not None:
        return None
    parties.adopt(call, connection)
    leg = call.legs.named(connection or "") or parties.new_leg(call, connection or "", call.opening.calling)
    if call.legs.is_full_for(leg):
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.ALREADY_OPEN
    call.legs = call.legs.with_leg(moved(leg, state))
    return None


def _open(call: Call, fact: Fact) -> None:
    if call.phase is not OPEN:
        call.phase, call.opened_at_ms = OPEN, fact.at_ms


def _stand_in(call: Call, fact: Fact) -> None:
    """Give a call whose opening was not seen a customer, who is named later or never."""
    if call.phase is not OPEN:
        _open(call, fact)
        if fact.kind != "queued":
            dialled.stand_in(call, fact)
        if call.inbound and not call.legs:
            call.legs = legs_of([Leg("", CUSTOMER, INITIATED)])


def _resulting(call: Call, fact: Fact) -> Ignored | None:
    """transferred, conferenced: the call that results may begin with it."""
    ignored = transfer.resulting(call, fact)
    if ignored is not None:
        return ignored
    _open(call, fact)
    legs = call.legs
    if legs.traits & SPEAKING_AGENTS:
        call.answered_ms, call.answer_cause = fact.at_ms, fact.id
    intervals.settle(call, legs, fact.at_ms, fact.id)
    return None


# -- legs --------------------------------------------------------------------------------------------------------------


def _queued(call: Call, fact: Fact) -> Ignored | None:
    _stand_in(call, fact)
    connection = connection_of(fact)
    parties.adopt(call, connection)
    leg = call.legs.named(connection) if connection is not None else customer_of(call.legs)
    leg = leg or parties.new_leg(call, connection or "", call.opening.calling)
    if call.legs.is_full_for(leg):
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    intervals.queued(call, call.legs.with_leg(moved(leg, state)), fact, leg.id)
    return None


def _delivered(call: Call, fact: Fact) -> Ignored | None:
    _stand_in(call, fact)
    if call.dialled:
        dialled.reaches(call, fact)
    leg = parties.party(call, fact)
    if call.legs.is_full_for(leg):
        return Ignored.NO_SUCH_LEG
    if _waits_himself(call, leg):
        if leg.agent is None:
            return Ignored.NO_CHANGE
        state = QUEUED  # one connection for both of them: the agent rings, and the caller goes on waiting
    elif (state := LEG_TABLE.get((leg.state, fact.kind), NULL)) is NULL:
        return Ignored.WRONG_STATE
    intervals.settle(call, call.legs.with_leg(moved(leg, state)), fact.at_ms, fact.id)
    waits = call.first_delivered_ms is None and call.answered_ms is None and not call.customer_left
    if waits and not (leg.side is AGENT and call.dialled):
        call.first_delivered_ms = fact.at_ms
    if leg.side is AGENT:
        offers.offered(call, leg, fact)
    return None


def _waits_himself(call: Call, leg: Leg) -> bool:
    """Whether this is the leg of a caller in a queue."""
    return leg.side is CUSTOMER and leg.state is QUEUED and (call.inbound or call.dialled)


def _established(call: Call, fact: Fact) -> Ignored | None:
    _stand_in(call, fact)
    data = party_data(fact)
    if call.dialled:
        dialled.reaches(call, fact)
    else:
        parties.tell_apart(call, data.agent, data.connection)
    leg = parties.party(call, fact)
    if call.legs.is_full_for(leg):
        return Ignored.NO_SUCH_LEG
    if _waits_himself(call, leg) and data.agent is None:
        return Ignored.NO_CHANGE
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return _says_who(call, leg)
    legs = call.legs.with_leg(moved(leg, state))
    if not call.customer_left and _is_answer(call, leg, data.agent):
        customer = customer_of(legs)
        if customer is not None and not _consults(call, leg) and customer.state is not CONNECTED:
            legs = legs.with_leg(moved(customer, CONNECTED))
        intervals.answered(call, leg, fact)
    if call.dialled and (leg.side is AGENT or data.agent is not None):
        legs = dialled.agent_answers(call, legs, leg, fact)
    intervals.settle(call, legs, fact.at_ms, fact.id)
    return None


def _says_who(call: Call, leg: Leg) -> Ignored | None:
    """Note whose leg it is, for a leg that is already connected, as after a transfer from another call."""
    known = call.legs.named(leg.id)
    if known is None or leg.state not in SPEAKING or (known.agent, known.device) == (leg.agent, leg.device):
        return Ignored.WRONG_STATE
    call.legs = call.legs.with_leg(leg)
    if leg.side is AGENT:
        call.first_agent = call.first_agent or leg.agent
    return None


def _is_answer(call: Call, leg: Leg, agent: str | None) -> bool:
    """Somebody answered the customer, or the customer answered us; the IVR taking the caller's own leg is no answer."""
    if call.inbound:
        return leg.side is not CUSTOMER or agent is not None
    return leg.side is CUSTOMER or call.opening.direction == "internal"


def _consults(call: Call, leg: Leg) -> bool:
    """Whether an agent who holds the customer rang this party: then the agent talks to it, not the customer."""
    known = call.legs.named(leg.id)
    itself = 1 if known is not None and known.traits & JOINED else 0
    return call.legs.count(JOINED) > itself and silence_of(call.legs) is not None


def _moved(call: Call, fact: Fact) -> Ignored | None:
    """networkReached, diverted, failed, connectionCleared: one named leg changes state, and may end."""
    data, clears = clearing_data(fact), fact.kind == "connectionCleared"
    if call.dialled:
        leg = dialled.moving(call, fact)
    else:
        if clears:
            parties.adopt(call, data.connection)
        _note(call, fact)
        leg = call.legs.named(data.connection) or call.legs.at(data.device)
    if leg is None:
        return Ignored.NO_SUCH_LEG
    state = LEG_TABLE.get((leg.state, fact.kind))
    if state is None:
        return Ignored.WRONG_STATE
    if state is FAIL and leg.side is not CUSTOMER:
        state = NULL
    legs = call.legs.with_leg(moved(leg, state))
    intervals.ended(call, leg, fact)
    if fact.kind == "failed" and (leg.side is CUSTOMER or not call.inbound):
        call.failed = True
    if clears or state is FAIL:
        _leaves(call, legs, leg)
        legs = parties.left_with(legs, leg)
    if clears and intervals.is_released(call, legs, leg):
        by, agent = parties.who(call, leg, data.releasing_device)
        call.release = Release(fact.at_ms, by, agent, data.release_reason)
    intervals.settle(call, legs, fact.at_ms, fact.id)
    return None


def _leaves(call: Call, legs: Legs, leg: Leg) -> None:
    """Note that the caller has left and cannot be answered any more. Of an internal call, that is who began it."""
    customer = customer_of(legs)
    if leg.side is CUSTOMER:
        call.customer_left = customer is None or customer.state is FAIL
    elif call.opening.direction == "internal" and customer is None and leg.id == call.opening.connection:
        call.customer_left = True


def _note(call: Call, fact: Fact) -> None:
    """Note the last cause that a failing or clearing event gave; `cause` and `q850` come from the same event."""
    if fact.kind not in ("connectionCleared", "failed", CLEARED):
        return
    cause, q850 = cause_data(fact)
    adds_nothing = cause in (None, call.cause) and q850 in (None, call.q850)
    if not adds_nothing:
        call.cause, call.q850 = cause, q850


# -- what is only noted, and the end -----------------------------------------------------------------------------------


def _cleared(call: Call, fact: Fact) -> None:
    if call.dialled:
        dialled.cause(call, fact, None)
    else:
        _note(call, fact)
    endings.ended(call, fact.at_ms, fact.kind)


def _table() -> Mapping[tuple[Phase, str], Handler]:
    opens: dict[str, Handler] = {
        **dict.fromkeys(("offered", "serviceInitiated", "originated"), _opening),
        "queued": _queued,
        "delivered": _delivered,
        "established": _established,
    }
    only_noted = ("digitsGenerated", "networkTone", "answeringMachineResult", "announcementEnded")
    moves: dict[str, Handler] = {
        **opens,
        **dict.fromkeys(("networkReached", "diverted", "failed", "connectionCleared"), _moved),
        "held": hold.held,
        "retrieved": hold.retrieved,
        **dict.fromkeys(("muted", "unmuted"), hold.muted),
        **dict.fromkeys(("silenceDetected", "speechDetected"), hold.silent),
        **dict.fromkeys(("transferred", "conferenced"), transfer.transferred),
        **dict.fromkeys(only_noted, extras.heard),
        **dict.fromkeys(AFTERWARDS_KINDS, extras.noted),
        **dict.fromkeys(GIVEN_UP_KINDS, endings.given_up),
        CLEARED: _cleared,
        PRESENT: extras.noted,
    }
    table: dict[tuple[Phase, str], Handler] = {(PHASE_NULL, kind): handler for kind, handler in opens.items()}
    table |= {(PHASE_NULL, kind): _resulting for kind in ("transferred", "conferenced")}
    table |= {(PHASE_NULL, kind): endings.early_end for kind in (CLEARED, "connectionCleared")}
    table |= {(PHASE_NULL, kind): endings.given_up for kind in GIVEN_UP_KINDS}
    table |= {(OPEN, kind): handler for kind, handler in moves.items()}
    table |= {(ENDED, kind): extras.noted for kind in AFTERWARDS_KINDS}
    table |= {(ENDED, STALE): endings.lacked}
    return table


TABLE: Final[Mapping[tuple[Phase, str], Handler]] = _table()
