"""A long call in slices, so that looking for what is due costs as much as the call is long, and not its square.

`core.dues` compares each interval with all interventions. For a call of thousands of intervals each slice is a call
with only some of them, and with their interventions.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cti.core.call_state import Call, Offer, Wait
from cti.core.dues import ALL, ANSWER, HOLDS, OFFERS, WAITS
from cti.core.rules import Intervention

WHOLE_MAX: Final = 16  # intervals, and interventions, of a call that is looked at whole
SLICE: Final = 8  # intervals


class DueView(NamedTuple):
    """The part of a call that is examined together. `causes`: of its intervals; None: the whole call."""

    call: Call
    moved: int  # bits of `core.dues`
    causes: tuple[str, ...] | None


def is_short(call: Call, done: Sequence[Intervention]) -> bool:
    """Whether the call is looked at whole."""
    return len(done) <= WHOLE_MAX and len(call.offers) + len(call.holds) + len(call.waits) <= WHOLE_MAX


def view_of(call: Call, done: Sequence[Intervention], cause: str) -> DueView:
    """The slice with the interval that this event opened; a short call whole."""
    if is_short(call, done):
        return DueView(call, ALL, None)
    return next((view for view in views(call, ALL) if view.causes and cause in view.causes), DueView(call, 0, ()))


def views(call: Call, moved: int) -> Iterator[DueView]:
    """The slices of a call, as far as `moved` says (bits of `core.dues`)."""
    if moved & OFFERS:
        for offers in _apart(call.offers):
            view = call.copy()
            view.offers = tuple(offers)
            yield DueView(view, OFFERS, tuple([offer.cause for offer in offers]))
    if moved & HOLDS:
        for start in range(0, len(call.holds), SLICE):
            view = call.copy()
            view.holds = call.holds[start : start + SLICE]
            yield DueView(view, HOLDS, tuple([hold.cause for hold in view.holds]))
    if moved & WAITS:
        for start in range(0, len(call.waits), SLICE):
            view = call.copy()
            view.waits = call.waits[start : start + SLICE]
            view.offers = tuple(_during(call.offers, view.waits))
            yield DueView(view, WAITS, tuple([wait.cause for wait in view.waits]))
    if moved & ANSWER and call.answer_cause is not None:
        yield DueView(call, ANSWER, (call.answer_cause,))


def _apart(offers: Sequence[Offer]) -> Iterator[list[Offer]]:
    """Slices of offers. Offers that rang at the same time are in one slice, because they are judged together."""
    some: list[Offer] = []
    until_ms: float = float("-inf")
    for offer in offers:
        if len(some) >= SLICE and offer.at_ms >= until_ms:
            yield some
            some, until_ms = [], float("-inf")
        some.append(offer)
        until_ms = max(until_ms, float("inf") if offer.end_ms is None else offer.end_ms)
    if some:
        yield some


def _during(offers: Sequence[Offer], waits: Sequence[Wait]) -> Iterator[Offer]:
    """The offers that rang while any of these waits ran."""
    begin = min(wait.at_ms for wait in waits)
    end = max(float("inf") if wait.end_ms is None else wait.end_ms for wait in waits)
    for offer in offers:
        if offer.at_ms < end and (offer.end_ms is None or offer.end_ms > begin):
            yield offer
