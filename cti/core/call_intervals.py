"""How a call's intervals follow from its legs. Called by `call`, which owns the machine.

An interval opens and closes when the state it measures begins and ends, whatever event caused that: queued while the
customer's
leg is queued, held while `silence_of` says so, an offer while an agent's leg alerts.
"""

from cti.core.call_state import Call, Hold, Offer, Wait, agents_speaking, customer_of, silence_of
from cti.core.facts import Fact
from cti.core.legs import SPEAKING, Leg, LegState, Side
from schemas.reasons import OfferResult

_NOT_ANSWERED = frozenset({"callNotAnswered", "noAnswer", "callForwardNoAnswer", "alertTimeExpired"})
_REJECTED = frozenset({"callRejected", "rejected", "doNotDisturb", "busy", "blocked"})


def settle(call: Call, legs: tuple[Leg, ...], fact: Fact) -> Call:
    """The call with these legs, its waiting and silent intervals opened and closed as they say."""
    waits, holds = call.waits, call.holds
    customer = customer_of(legs)
    if waits and waits[-1].end_ms is None and (customer is None or customer.state is not LegState.QUEUED):
        waits = (*waits[:-1], waits[-1]._replace(end_ms=fact.at_ms))
    silence = silence_of(legs)
    running = holds[-1] if holds and holds[-1].end_ms is None else None
    if running is not None and silence is not None and running.by_agent == silence.by_agent:
        if running.muted and not silence.muted:
            holds = (*holds[:-1], running._replace(muted=False))
    elif running is not None or silence is not None:
        if running is not None:
            retrieved = conversing(call, legs)
            holds = (*holds[:-1], running._replace(end_ms=fact.at_ms, retrieved=retrieved))
        if silence is not None:
            holds = (*holds, Hold(fact.id, *silence, fact.at_ms))
    return call._replace(legs=legs, waits=waits, holds=holds)


def conversing(call: Call, legs: tuple[Leg, ...]) -> bool:
    """The customer speaks with somebody; a call that we placed may speak with him by itself."""
    customer = customer_of(legs)
    if customer is None or customer.state not in SPEAKING or call.answered_ms is None:
        return False
    return not call.inbound or any(agents_speaking(legs))


def queued(call: Call, legs: tuple[Leg, ...], fact: Fact, leg: str) -> Call:
    """A wait begins; a waiting call that moves to another queue goes on waiting."""
    running = call.waits[-1] if call.waits and call.waits[-1].end_ms is None else None
    queue = fact.data.get("queue")
    after = settle(call, legs, fact)
    named = queue or call.queue
    if running is None:
        return after._replace(waits=(*after.waits, Wait(fact.id, queue, leg, fact.at_ms)), queue=named)
    if queue is not None and queue != running.queue:
        return after._replace(waits=(*after.waits[:-1], running._replace(queue=queue)), queue=named)
    return after


def offered(call: Call, leg: Leg, fact: Fact) -> Call:
    """An offer begins."""
    new = Offer(fact.id, leg.id, leg.agent, leg.device, fact.data.get("queue"), fact.at_ms)
    return call._replace(offers=_together((*call.offers, new)), queue=call.queue or new.queue)


def _together(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Marks what rings together: offers whose intervals share more than an instant."""
    return tuple(
        offer._replace(together=any(_overlap(offer, other) for other in offers if other is not offer))
        for offer in offers
    )


def _overlap(one: Offer, other: Offer) -> bool:
    starts = max(one.at_ms, other.at_ms)
    return all(offer.end_ms is None or offer.end_ms > starts for offer in (one, other))


def answered(call: Call, leg: Leg, fact: Fact) -> Call:
    """The leg's offer was answered; the first answer is the call's.

    A new conversation takes back an earlier release.
    """
    after = _close_offer(call, leg.id, fact.at_ms, OfferResult.ANSWERED)._replace(release=None)
    if after.answered_ms is not None:
        return after
    return after._replace(answered_ms=fact.at_ms, answer_cause=fact.id, first_agent=leg.agent)


def ended(call: Call, leg: Leg, fact: Fact) -> Call:
    """The leg leaves: its offer ends, and with the customer's leg all offers do."""
    if leg.side is Side.CUSTOMER:
        return _all_offers(call, fact.at_ms) if fact.kind == "connectionCleared" else call
    if leg.state is not LegState.ALERTING or not call.offers:
        return call
    return _close_offer(call, leg.id, fact.at_ms, _result(call, leg, fact))


def all_ended(call: Call, fact: Fact) -> Call:
    """The call is over: whatever rings, nobody waits for it any more."""
    return _all_offers(call, fact.at_ms) if call.offers else call


def _all_offers(call: Call, at_ms: int) -> Call:
    for offer in call.offers:
        if offer.end_ms is None:
            call = _close_offer(call, offer.leg, at_ms, OfferResult.ABANDONED)
    return call


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


def _close_offer(call: Call, leg: str, at_ms: int, result: OfferResult) -> Call:
    offers = tuple(
        offer._replace(end_ms=at_ms, result=result) if offer.leg == leg and offer.end_ms is None else offer
        for offer in call.offers
    )
    return call._replace(offers=_together(offers))
