"""How a call's offers begin and end, and which of them rang together. Called by `call` and `call_intervals`.

* An offer is open while an agent's leg alerts. A leg may have several that are open.
* Two offers ring together if both are open for a while at once; offers begin and end in the order of time.
* A call keeps its first INTERVALS_MAX offers. Only those that are open cost a step (`Call.ringing`): a thousand may
  have ended.
"""

from typing import Final

from cti.core.call_state import Call, Offer
from cti.core.fact_data import party_data
from cti.core.facts import Fact
from cti.core.legs import Leg
from schemas.reasons import OfferResult, ReleasedBy

INTERVALS_MAX: Final = 1_000
ANSWERED: Final = OfferResult.ANSWERED


def offered(call: Call, leg: Leg, fact: Fact) -> None:
    """Begin an offer; if the customer has left, it ends at once."""
    index = len(call.offers)
    if index >= INTERVALS_MAX:
        return
    queue, at_ms = party_data(fact).queue or call.queue, fact.at_ms
    if call.customer_left:
        new = Offer(fact.id, leg.id, leg.agent, leg.device, queue, at_ms, at_ms, OfferResult.ABANDONED)
        call.offers = (*call.offers, new)
        _alone_since(call, at_ms)
    else:
        goes_on(call)
        together = bool(call.ringing)
        if len(call.ringing) == 1:
            _mark(call, True)
        new = Offer(fact.id, leg.id, leg.agent, leg.device, queue, at_ms, together=together)
        call.offers = (*call.offers, new)
        call.ringing = {**call.ringing, index: leg.id}
    call.queue = call.queue or new.queue


def goes_on(call: Call) -> None:
    """The customer is still there and gets another agent: the agent who released did not end the call."""
    if call.release is not None and not call.customer_left and call.release.by is not ReleasedBy.CUSTOMER:
        call.release = None


def close_offer(call: Call, leg: str, at_ms: int, result: OfferResult) -> None:
    """Close the open offers of this leg."""
    if leg in call.ringing.values():
        _close(call, [index for index, name in call.ringing.items() if name == leg], at_ms, result)


def all_ended(call: Call, at_ms: int) -> None:
    """End all open offers: the customer no longer waits."""
    _close(call, list(call.ringing), at_ms, OfferResult.ABANDONED)


def agent_answered(call: Call, leg: str, at_ms: int) -> None:
    """Close an agent's answered offer, and the other offers: the caller no longer waits for the others who rang."""
    close_offer(call, leg, at_ms, ANSWERED)
    _close(call, list(call.ringing), at_ms, OfferResult.REDIRECTED)


def offer_renamed(call: Call, new_names: dict[str, str]) -> None:
    """Offers of legs that live on under other ids."""
    if new_names and any(offer.leg in new_names for offer in call.offers):
        call.offers = tuple([_named(offer, new_names.get(offer.leg, offer.leg)) for offer in call.offers])
        call.ringing = {index: call.offers[index].leg for index in call.ringing}


def _close(call: Call, indices: list[int], at_ms: int, result: OfferResult) -> None:
    """Close open offers one after the other, in this order."""
    if not indices:
        return
    offers, ringing = list(call.offers), call.ringing.copy()
    for index in indices:
        offer = offers[index]
        del ringing[index]
        rang = at_ms > offer.at_ms
        together = offer.together and rang and _rang_beside(call, offers, ringing, offer.at_ms, at_ms)
        offers[index] = Offer(
            offer.cause, offer.leg, offer.agent, offer.device, offer.queue, offer.at_ms, at_ms, result, together
        )
        if rang:
            call.rang_until_ms = at_ms
    call.offers, call.ringing = tuple(offers), ringing
    _alone_since(call, at_ms)


def _rang_beside(call: Call, offers: list[Offer], ringing: dict[int, str], since_ms: int, until_ms: int) -> bool:
    """Whether another offer, one that ended or one of those that ring, rang for a while between these times."""
    if call.rang_until_ms is not None and call.rang_until_ms > since_ms:
        return True
    return bool(ringing) and offers[next(iter(ringing))].at_ms < until_ms


def _alone_since(call: Call, at_ms: int) -> None:
    """The only offer that still rings, if it began just now, did not ring beside those that end now."""
    if len(call.ringing) == 1 and call.offers[next(iter(call.ringing))].at_ms >= at_ms:
        _mark(call, False)


def _mark(call: Call, together: bool) -> None:
    """Mark the only offer that rings."""
    index = next(iter(call.ringing))
    offer = call.offers[index]
    if offer.together is not together:
        marked = Offer(
            offer.cause, offer.leg, offer.agent, offer.device, offer.queue, offer.at_ms, together=together
        )  # fmt: skip
        call.offers = (*call.offers[:index], marked, *call.offers[index + 1 :])


def _named(offer: Offer, leg: str) -> Offer:
    if offer.leg == leg:
        return offer
    return Offer(
        offer.cause, leg, offer.agent, offer.device, offer.queue, offer.at_ms, offer.end_ms, offer.result,
        offer.together,
    )  # fmt: skip
