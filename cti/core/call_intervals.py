"""How a call's intervals follow from its legs. Called by `call`, which owns the machine.

* An interval opens and closes when the state it measures begins and ends, whatever event caused that: queued while the
  customer's leg is queued, held while `silence_of` says so, talk while a leg of ours and his are connected or held, an
  offer while an agent's leg alerts.
* A call keeps its first INTERVALS_MAX intervals of each kind; its offers: `call_offers`.
"""

from dataclasses import replace
from typing import Final

from cti.core.call_legs import customer_of, silence_of, silencer_of
from cti.core.call_offers import INTERVALS_MAX, agent_answered, all_ended, close_offer, goes_on
from cti.core.call_state import Call, Hold, Talk, Wait
from cti.core.fact_data import cause_data, clearing_data, queue_of
from cti.core.facts import Fact
from cti.core.leg_set import Legs
from cti.core.legs import (
    ALERTING,
    AWAY,
    CONNECTED,
    CUSTOMER,
    JOINED,
    NEWLY_CONNECTED,
    QUEUED,
    SPEAKING,
    SPEAKING_AGENTS,
    Leg,
    joining,
)
from schemas.reasons import OfferResult

_NOT_ANSWERED: Final = frozenset({"callNotAnswered", "noAnswer", "callForwardNoAnswer", "alertTimeExpired"})
_REJECTED: Final = frozenset({"callRejected", "rejected", "doNotDisturb", "busy", "blocked"})


def settle(call: Call, legs: Legs, at_ms: int, cause: str) -> None:
    """Set the call's legs, and open and close its waits, holds and talks accordingly. `cause`: the event's id."""
    customer = customer_of(legs)
    waits = call.waits
    if waits and waits[-1].end_ms is None and (customer is None or customer.state is not QUEUED):
        last = waits[-1]
        call.waits = (*waits[:-1], Wait(last.cause, last.queue, last.leg, last.at_ms, at_ms))
        call.left_waiting = customer is None
    held = (bool(legs.traits & AWAY) or bool(call.holds)) and _settle_holds(call, legs, at_ms, cause)
    if not held and customer is not None and customer.state is CONNECTED and legs.traits & NEWLY_CONNECTED:
        legs = _joined(legs, _newly_with(call, legs))
    call.legs = legs
    if call.answered_ms is not None and (customer is not None or call.talks):
        _settle_talks(call, legs, customer, at_ms)


def _newly_with(call: Call, legs: Legs) -> list[Leg]:
    """Who is with the customer from now on. Whom an agent consulted while he held the customer stays apart when the
    agent takes the customer back: he joins by a transfer or a conference, or when no other agent is left.
    """
    newly, before = legs.having(NEWLY_CONNECTED), call.legs
    if not (legs.traits & JOINED and before.traits & NEWLY_CONNECTED and _speaks(before)):
        return newly
    return [leg for leg in newly if (was := before.named(leg.id)) is None or not was.traits & NEWLY_CONNECTED]


def _speaks(legs: Legs) -> bool:
    customer = customer_of(legs)
    return customer is not None and customer.state in SPEAKING


def _joined(legs: Legs, newly: list[Leg]) -> Legs:
    """The legs with these joined to the customer: one at a time as a rule."""
    if len(newly) == 1:
        return legs.with_leg(joining(newly[0], True))
    return legs.changed([(leg.id, joining(leg, True)) for leg in newly])


def _settle_holds(call: Call, legs: Legs, at_ms: int, cause: str) -> bool:
    """Open or close a hold: whether the customer hears nobody now."""
    holds, silence = call.holds, silence_of(legs)
    if silence is None and not holds:
        return False
    running = holds[-1] if holds and holds[-1].end_ms is None else None
    if running is not None and silence is not None and running.by_agent == silence.by_agent:
        if running.muted and not silence.muted:
            call.holds = (*holds[:-1], replace(running, muted=False))
        return True
    if running is not None:
        holds = (*holds[:-1], replace(running, end_ms=at_ms, retrieved=_taken_back(running, legs)))
    if silence is not None and len(holds) < INTERVALS_MAX:
        agent, leg = silencer_of(legs)
        holds = (*holds, Hold(cause, silence.by_agent, silence.muted, agent, leg, at_ms))
    call.holds = holds
    return silence is not None


def _taken_back(hold: Hold, legs: Legs) -> bool:
    """Whether the agent who held the customer is with him again: not one who has left by a transfer."""
    customer = customer_of(legs)
    if customer is None or customer.state is not CONNECTED:
        return False
    return any(leg.agent == hold.agent for leg in legs.having(SPEAKING_AGENTS))


def _settle_talks(call: Call, legs: Legs, customer: Leg | None, at_ms: int) -> None:
    """Open and close talks: which of our legs are with the customer. An outbound call may play to them by itself.

    A call may have as many talks as events: only those that begin or end now cost a step.
    """
    ours: dict[str, int] = {}
    if customer is not None and customer.state in SPEAKING:
        ours = legs.numbers(JOINED)
        if not ours and conversing(call, legs):
            ours = {customer.id: 0}
    running, talks = call.talking, call.talks
    if not running and not ours:
        return
    over = [] if running.keys() <= ours.keys() else [name for name in running if name not in ours]
    begin: list[str] = []
    if len(talks) < INTERVALS_MAX and not ours.keys() <= running.keys():
        begin = list(ours.keys() - running.keys()) if running else list(ours)
        if len(begin) > 1:
            begin.sort(key=ours.__getitem__)
        del begin[INTERVALS_MAX - len(talks) :]
    if not over and not begin:
        return
    running, known = running.copy(), list(talks)
    for name in over:
        index = running.pop(name)
        known[index] = Talk(name, known[index].at_ms, at_ms)
    for name in begin:
        running[name] = len(known)
        known.append(Talk(name, at_ms))
    call.talks, call.talking = tuple(known), running


def talk_renamed(call: Call, new_names: dict[str, str]) -> None:
    """Talks of legs that live on under other ids."""
    if not new_names or not call.talks:
        return
    known, talking = list(call.talks), call.talking.copy()
    going_on = [(old, new) for old, new in new_names.items() if old in talking]
    indices = [(talking.pop(old), new) for old, new in going_on]  # first all, because two legs may swap their ids
    for index, new in indices:
        talking[new] = index
        known[index] = Talk(new, known[index].at_ms)
    if len(talking) < len(known):  # some are over
        known = [talk if talk.end_ms is None else _talk_as(talk, new_names) for talk in known]
    call.talks, call.talking = tuple(known), talking


def _talk_as(talk: Talk, new_names: dict[str, str]) -> Talk:
    return Talk(new_names.get(talk.leg, talk.leg), talk.at_ms, talk.end_ms)


def conversing(call: Call, legs: Legs) -> bool:
    """Whether the customer talks to somebody. On an outbound call without an agent, that may be the call itself."""
    customer = customer_of(legs)
    if customer is None or customer.state not in SPEAKING or call.answered_ms is None:
        return False
    if customer.agent is not None or legs.traits & SPEAKING_AGENTS:  # one connection may serve both parties
        return True
    return call.opening.direction == "outbound" and all(talk.leg == customer.id for talk in call.talks)


def queued(call: Call, legs: Legs, fact: Fact, leg: str) -> None:
    """Begin a wait; a call that moves to another queue goes on waiting. An earlier release ended nothing."""
    running = call.waits[-1] if call.waits and call.waits[-1].end_ms is None else None
    queue = queue_of(fact)
    settle(call, legs, fact.at_ms, fact.id)
    goes_on(call)
    call.queue = queue or call.queue
    if running is None:
        if len(call.waits) < INTERVALS_MAX:
            call.waits = (*call.waits, Wait(fact.id, queue, leg, fact.at_ms))
    elif queue is not None and queue != running.queue:
        call.waits = (*call.waits[:-1], replace(running, queue=queue))


def ended(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg ends: its offer ends; if it is the customer's leg, which is cleared or fails, all offers end."""
    if leg.side is CUSTOMER:
        if fact.kind in ("connectionCleared", "failed"):
            all_ended(call, fact.at_ms)
    elif leg.state is ALERTING and call.ringing:
        close_offer(call, leg.id, fact.at_ms, _result(call, leg, fact))


def answered(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg's offer was answered; the first answer is the call's.

    A new conversation cancels an earlier release.
    """
    call.release = None
    if call.answered_ms is not None:
        if _waits(call):
            agent_answered(call, leg.id, fact.at_ms)
        else:
            close_offer(call, leg.id, fact.at_ms, OfferResult.ANSWERED)
        return
    agent_answered(call, leg.id, fact.at_ms)
    call.answered_ms, call.answer_cause, call.first_agent = fact.at_ms, fact.id, leg.agent
    call.served_queue = call.queue


def is_released(call: Call, legs: Legs, leg: Leg) -> bool:
    """END-1: whether this leg's end is the conversation's, which leaves these legs; or the customer's, before any.

    An agent who leaves a conference, or whose ringing stopped, does not end the conversation.
    """
    if leg.side is CUSTOMER and call.release is None:
        return True
    return conversing(call, call.legs) and not conversing(call, legs)


def _waits(call: Call) -> bool:
    """Whether the customer is in a queue now."""
    customer = customer_of(call.legs)
    return customer is not None and customer.state is QUEUED


def _result(call: Call, leg: Leg, fact: Fact) -> OfferResult:
    """How an unanswered offer ended, from the switch's cause, else from who released."""
    cause, releasing = cause_data(fact)[0], clearing_data(fact).releasing_device
    if cause in _NOT_ANSWERED:
        return OfferResult.NOT_ANSWERED
    if cause in _REJECTED or (releasing is not None and releasing in (leg.device, leg.agent, leg.id)):
        return OfferResult.REJECTED
    if fact.kind == "failed" or releasing == "network":
        return OfferResult.FAILED
    if fact.kind in ("diverted", "transferred") or (call.answered_ms is not None and not _waits(call)):
        return OfferResult.REDIRECTED
    return OfferResult.ABANDONED
