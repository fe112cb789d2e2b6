"""How a call's intervals follow from its legs. Called by `call`, which owns the machine.

* An interval opens and closes when the state it measures begins and ends, whatever event caused that: queued while the
  customer's leg is queued, held while `silence_of` says so, talk while a leg of ours and his are connected or held, an
  offer while an agent's leg alerts.
* A call keeps its first INTERVALS_MAX intervals of each kind.
"""

from dataclasses import replace

from cti.core.call_legs import agents_speaking, customer_of, silence_of
from cti.core.call_state import Call, Hold, Offer, Talk, Wait
from cti.core.fact_data import cause_data, clearing_data, party_data, queue_of
from cti.core.facts import Fact
from cti.core.legs import AGENT, ALERTING, CONNECTED, CUSTOMER, HOLD, QUEUED, SPEAKING, Leg, joining
from schemas.reasons import OfferResult, ReleasedBy

INTERVALS_MAX = 1_000
ANSWERED = OfferResult.ANSWERED
_NOT_ANSWERED = frozenset({"callNotAnswered", "noAnswer", "callForwardNoAnswer", "alertTimeExpired"})
_REJECTED = frozenset({"callRejected", "rejected", "doNotDisturb", "busy", "blocked"})


def settle(call: Call, legs: tuple[Leg, ...], at_ms: int, cause: str) -> None:
    """Set the call's legs, and open and close its waits, holds and talks accordingly. `cause`: the event's id."""
    customer, away = None, False
    for leg in legs:
        if leg.side is CUSTOMER:
            customer = leg if customer is None else customer
            away = away or leg.state is HOLD
        elif leg.muted or leg.state is HOLD:
            away = True
    waits = call.waits
    if waits and waits[-1].end_ms is None and (customer is None or customer.state is not QUEUED):
        last = waits[-1]
        call.waits = (*waits[:-1], Wait(last.cause, last.queue, last.leg, last.at_ms, at_ms))
        call.left_waiting = customer is None
    held = (away or bool(call.holds)) and _settle_holds(call, legs, at_ms, cause)
    if not held and customer is not None and customer.state is CONNECTED:
        legs = _joined(legs)
    call.legs = legs
    if call.answered_ms is not None and (customer is not None or call.talks):
        _settle_talks(call, legs, customer, at_ms)


def _settle_holds(call: Call, legs: tuple[Leg, ...], at_ms: int, cause: str) -> bool:
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
        holds = (*holds, Hold(cause, silence.by_agent, silence.muted, silence.agent, silence.leg, at_ms))
    call.holds = holds
    return silence is not None


def _taken_back(hold: Hold, legs: tuple[Leg, ...]) -> bool:
    """Whether the agent who held the customer is with him again: not one who has left by a transfer."""
    customer = customer_of(legs)
    if customer is None or customer.state is not CONNECTED:
        return False
    return any(leg.agent == hold.agent for leg in agents_speaking(legs))


def _joined(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs, with every agent joined to the customer who hears them."""
    for leg in legs:
        if leg.side is AGENT and not leg.joined and leg.state is CONNECTED:
            return tuple(
                joining(known, True) if known.side is AGENT and known.state is CONNECTED else known for known in legs
            )
    return legs


def _settle_talks(call: Call, legs: tuple[Leg, ...], customer: Leg | None, at_ms: int) -> None:
    """Open and close talks: which of our legs are with the customer. An outbound call may play to them by itself."""
    ours: tuple[str, ...] = ()
    if customer is not None and customer.state in SPEAKING:
        ours = tuple([leg.id for leg in legs if leg.side is AGENT and leg.joined and leg.state in SPEAKING])
        if not ours and conversing(call, legs):
            ours = (customer.id,)
    talks: list[Talk] = []
    speaking: list[str] = []
    changed = False
    for talk in call.talks:
        if talk.end_ms is None:
            if talk.leg in ours:
                speaking.append(talk.leg)
            else:
                talk, changed = Talk(talk.leg, talk.at_ms, at_ms), True
        talks.append(talk)
    for name in ours:
        if name not in speaking and len(talks) < INTERVALS_MAX:
            talks.append(Talk(name, at_ms))
            changed = True
    if changed:
        call.talks = tuple(talks)


def conversing(call: Call, legs: tuple[Leg, ...]) -> bool:
    """Whether the customer talks to somebody. On an outbound call without an agent, that may be the call itself."""
    customer = customer_of(legs)
    if customer is None or customer.state not in SPEAKING or call.answered_ms is None:
        return False
    if customer.agent is not None or any(agents_speaking(legs)):  # one connection may serve both parties
        return True
    return call.opening.direction == "outbound" and all(talk.leg == customer.id for talk in call.talks)


def queued(call: Call, legs: tuple[Leg, ...], fact: Fact, leg: str) -> None:
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


def offered(call: Call, leg: Leg, fact: Fact) -> None:
    """Begin an offer; if the customer has left, it ends at once."""
    if len(call.offers) >= INTERVALS_MAX:
        return
    new = Offer(fact.id, leg.id, leg.agent, leg.device, party_data(fact).queue or call.queue, fact.at_ms)
    if call.customer_left:
        new.end_ms, new.result = fact.at_ms, OfferResult.ABANDONED
    else:
        goes_on(call)
    call.offers = _together((*call.offers, new), len(call.offers))
    call.queue = call.queue or new.queue


def goes_on(call: Call) -> None:
    """The customer is still there and gets another agent: the agent who released did not end the call."""
    if call.release is not None and not call.customer_left and call.release.by is not ReleasedBy.CUSTOMER:
        call.release = None


def _together(offers: tuple[Offer, ...], index: int) -> tuple[Offer, ...]:
    """Marks what rings together with the offer at `index`, which began or ended now: both ring for a while.

    A call may have a thousand offers: those that ended before this one began are skipped without a function call.
    """
    changed = offers[index]
    at_ms, end_ms = changed.at_ms, changed.end_ms
    near = [n for n, other in enumerate(offers) if other.end_ms is None or other.end_ms >= at_ms]
    marks = {index: False}
    for n in near:
        other = offers[n]
        if n == index:
            continue
        if _overlap(changed, other):
            marks[n] = marks[index] = True
        elif other.together and end_ms is not None and other.at_ms >= end_ms:
            marks[n] = _shares(offers, n)
    different = [n for n, together in marks.items() if offers[n].together is not together]
    if not different:
        return offers
    marked = list(offers)
    for n in different:
        marked[n] = replace(offers[n], together=marks[n])
    return tuple(marked)


def _shares(offers: tuple[Offer, ...], index: int) -> bool:
    return any(n != index and _overlap(offers[index], other) for n, other in enumerate(offers))


def _overlap(offer: Offer, other: Offer) -> bool:
    starts = max(offer.at_ms, other.at_ms)
    return (offer.end_ms is None or offer.end_ms > starts) and (other.end_ms is None or other.end_ms > starts)


def answered(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg's offer was answered; the first answer is the call's.

    A new conversation cancels an earlier release.
    """
    _close_offer(call, leg.id, fact.at_ms, ANSWERED)
    call.release = None
    if call.answered_ms is None:
        _others_redirected(call, fact.at_ms)
        call.answered_ms, call.answer_cause, call.first_agent = fact.at_ms, fact.id, leg.agent
        call.served_queue = call.queue


def offer_answered(call: Call, leg: Leg, at_ms: int) -> None:
    """Close an agent's answered offer, and the other offers to this customer."""
    _close_offer(call, leg.id, at_ms, ANSWERED)
    _others_redirected(call, at_ms)
    goes_on(call)


def _others_redirected(call: Call, at_ms: int) -> None:
    """Close the offers that are still open: the caller no longer waits for the others who rang."""
    for offer in call.offers:
        if offer.end_ms is None:
            _close_offer(call, offer.leg, at_ms, OfferResult.REDIRECTED)


def ended(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg ends: its offer ends; if it is the customer's leg, all offers end."""
    if leg.side is CUSTOMER:
        if fact.kind == "connectionCleared":
            all_ended(call, fact.at_ms)
    elif leg.state is ALERTING and call.offers:
        _close_offer(call, leg.id, fact.at_ms, _result(call, leg, fact))


def all_ended(call: Call, at_ms: int) -> None:
    """End all open offers: the customer no longer waits."""
    for offer in call.offers:
        if offer.end_ms is None:
            _close_offer(call, offer.leg, at_ms, OfferResult.ABANDONED)


def is_released(call: Call, legs: tuple[Leg, ...], leg: Leg) -> bool:
    """END-1: whether this leg's end is the conversation's, which leaves these legs; or the customer's, before any.

    An agent who leaves a conference, or whose ringing stopped, does not end the conversation.
    """
    if leg.side is CUSTOMER and call.release is None:
        return True
    return conversing(call, call.legs) and not conversing(call, legs)


def _result(call: Call, leg: Leg, fact: Fact) -> OfferResult:
    """How an unanswered offer ended, from the switch's cause, else from who released."""
    cause, releasing = cause_data(fact)[0], clearing_data(fact).releasing_device
    if cause in _NOT_ANSWERED:
        return OfferResult.NOT_ANSWERED
    if cause in _REJECTED or (releasing is not None and releasing in (leg.device, leg.agent, leg.id)):
        return OfferResult.REJECTED
    if fact.kind == "failed" or releasing == "network":
        return OfferResult.FAILED
    if fact.kind in ("diverted", "transferred") or call.answered_ms is not None:
        return OfferResult.REDIRECTED
    return OfferResult.ABANDONED


def _close_offer(call: Call, leg: str, at_ms: int, result: OfferResult) -> None:
    for index, offer in enumerate(call.offers):
        if offer.leg == leg and offer.end_ms is None:
            closed = Offer(
                offer.cause, leg, offer.agent, offer.device, offer.queue, offer.at_ms, at_ms, result, offer.together
            )
            call.offers = _together((*call.offers[:index], closed, *call.offers[index + 1 :]), index)


def offer_renamed(call: Call, new_names: dict[str, str]) -> None:
    """Offers of legs that live on under other ids."""
    if any(new_names.get(offer.leg, offer.leg) != offer.leg for offer in call.offers):
        call.offers = tuple(replace(offer, leg=new_names.get(offer.leg, offer.leg)) for offer in call.offers)


def held_apart(leg: Leg) -> bool:
    """Whether an agent's leg was put on hold by somebody else: he is not with the customer then."""
    return leg.side is AGENT and leg.state is HOLD and leg.held_by not in (None, leg.device, leg.agent, leg.id)
