"""How a call's intervals follow from its legs. Called by `call`, which owns the machine.

An interval opens and closes when the state it measures begins and ends, whatever event caused that: queued while the
customer's
leg is queued, held while `silence_of` says so, an offer while an agent's leg alerts.
"""

from dataclasses import replace

from cti.core.call_state import Call, Hold, Offer, Wait, agents_speaking, customer_of, silence_of
from cti.core.facts import Fact
from cti.core.legs import ALERTING, CUSTOMER, QUEUED, SPEAKING, Leg
from schemas.reasons import OfferResult

ANSWERED = OfferResult.ANSWERED
_NOT_ANSWERED = frozenset({"callNotAnswered", "noAnswer", "callForwardNoAnswer", "alertTimeExpired"})
_REJECTED = frozenset({"callRejected", "rejected", "doNotDisturb", "busy", "blocked"})


def settle(call: Call, legs: tuple[Leg, ...], fact: Fact) -> None:
    """Give the call these legs; its waiting and silent intervals open and close as they say."""
    call.legs = legs
    waits, holds = call.waits, call.holds
    if waits and waits[-1].end_ms is None:
        customer = customer_of(legs)
        if customer is None or customer.state is not QUEUED:
            last = waits[-1]
            call.waits = (*waits[:-1], Wait(last.cause, last.queue, last.leg, last.at_ms, fact.at_ms))
    silence = silence_of(legs)
    if silence is None and not holds:
        return
    running = holds[-1] if holds and holds[-1].end_ms is None else None
    if running is not None and silence is not None and running.by_agent == silence.by_agent:
        if running.muted and not silence.muted:
            holds = (*holds[:-1], replace(running, muted=False))
    elif running is not None or silence is not None:
        if running is not None:
            retrieved = conversing(call, legs)
            holds = (*holds[:-1], replace(running, end_ms=fact.at_ms, retrieved=retrieved))
        if silence is not None:
            holds = (*holds, Hold(fact.id, silence.by_agent, silence.muted, silence.agent, silence.leg, fact.at_ms))
    call.holds = holds


def conversing(call: Call, legs: tuple[Leg, ...]) -> bool:
    """The customer speaks with somebody; a call that we placed may speak with him by itself."""
    customer = customer_of(legs)
    if customer is None or customer.state not in SPEAKING or call.answered_ms is None:
        return False
    return not call.inbound or any(agents_speaking(legs))


def queued(call: Call, legs: tuple[Leg, ...], fact: Fact, leg: str) -> None:
    """A wait begins; a waiting call that moves to another queue goes on waiting."""
    running = call.waits[-1] if call.waits and call.waits[-1].end_ms is None else None
    queue = fact.data.get("queue")
    settle(call, legs, fact)
    call.queue = queue or call.queue
    if running is None:
        call.waits = (*call.waits, Wait(fact.id, queue, leg, fact.at_ms))
    elif queue is not None and queue != running.queue:
        call.waits = (*call.waits[:-1], replace(running, queue=queue))


def offered(call: Call, leg: Leg, fact: Fact) -> None:
    """An offer begins."""
    new = Offer(fact.id, leg.id, leg.agent, leg.device, fact.data.get("queue"), fact.at_ms)
    call.offers = _together((*call.offers, new))
    call.queue = call.queue or new.queue


def _together(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Marks what rings together: offers whose intervals share more than an instant."""
    if len(offers) == 1:
        return offers
    return tuple(
        replace(offer, together=any(_overlap(offer, other) for other in offers if other is not offer))
        for offer in offers
    )


def _overlap(one: Offer, other: Offer) -> bool:
    starts = max(one.at_ms, other.at_ms)
    return all(offer.end_ms is None or offer.end_ms > starts for offer in (one, other))


def answered(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg's offer was answered; the first answer is the call's.

    A new conversation takes back an earlier release.
    """
    _close_offer(call, leg.id, fact.at_ms, ANSWERED)
    call.release = None
    if call.answered_ms is None:
        for offer in call.offers:
            if offer.end_ms is None:  # who else rang for this caller, nobody waits for any more
                _close_offer(call, offer.leg, fact.at_ms, OfferResult.REDIRECTED)
        call.answered_ms, call.answer_cause, call.first_agent = fact.at_ms, fact.id, leg.agent


def ended(call: Call, leg: Leg, fact: Fact) -> None:
    """The leg leaves: its offer ends, and with the customer's leg all offers do."""
    if leg.side is CUSTOMER:
        if fact.kind == "connectionCleared":
            all_ended(call, fact)
    elif leg.state is ALERTING and call.offers:
        _close_offer(call, leg.id, fact.at_ms, _result(call, leg, fact))


def all_ended(call: Call, fact: Fact) -> None:
    """Whatever still rings, nobody waits for it any more."""
    for offer in call.offers:
        if offer.end_ms is None:
            _close_offer(call, offer.leg, fact.at_ms, OfferResult.ABANDONED)


def _result(call: Call, leg: Leg, fact: Fact) -> OfferResult:
    """How an offer ended that was not answered, from the switch's cause, else from who let go."""
    cause, releasing = fact.data.get("cause"), fact.data.get("releasingDevice")
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
    for place, offer in enumerate(call.offers):
        if offer.leg == leg and offer.end_ms is None:
            closed = Offer(
                offer.cause, leg, offer.agent, offer.device, offer.queue, offer.at_ms, at_ms, result, offer.together
            )
            call.offers = _together((*call.offers[:place], closed, *call.offers[place + 1 :]))
