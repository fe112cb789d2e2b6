"""A long call in slices has the same due as the call whole."""

import random

import pytest

from cti.core.call_state import Call, Hold, Offer, Wait
from cti.core.dues import ALL, due_now
from cti.core.rules import Abilities, Due
from cti.engine.due_views import SLICE, is_short, view_of, views
from cti.wiring import read_book
from schemas.reasons import OfferResult

RULES = read_book("power-95598").interventions_for(
    "s1", None, Abilities(frozenset({"deflectCall", "promptAgent", "playMessage", "setAgentState"}), True)
)


def lived(seed: int, intervals: int) -> Call:
    """A call with so many offers, some of which rang together, waits and holds."""
    chance, call, at_ms = random.Random(seed), Call("call"), 0
    offers, waits, holds = [], [], []
    for n in range(intervals):
        length = chance.randint(1, 40_000)
        offers.append(
            Offer(f"o{n}", f"a{n}", f"1{n}", f"8{n}", "q", at_ms, at_ms + length, OfferResult.REDIRECTED, n % 3 == 0)
        )
        if n % 3 == 0:
            both = Offer(
                f"p{n}", f"b{n}", f"2{n}", f"9{n}", "q", at_ms + 1, at_ms + length, OfferResult.REDIRECTED, True
            )
            offers.append(both)
        waits.append(Wait(f"w{n}", "q", "c", at_ms, at_ms + 2 * length))
        at_ms += 2 * length
        holds.append(Hold(f"h{n}", True, n % 5 == 0, "1001", "c", at_ms, at_ms + length, True))
        at_ms += length
    call.offers, call.waits, call.holds = tuple(offers), tuple(waits), tuple(holds)
    call.first_delivered_ms, call.answered_ms, call.answer_cause = 0, 20_000, "answer"
    return call


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("intervals", [1, 24 * SLICE])
def test_slices_find_what_the_whole_call_has(seed: int, intervals: int) -> None:
    call = lived(seed, intervals)
    whole, _ = due_now(call, RULES, (), 1e12, ALL)
    found: list[Due] = []
    for view in views(call, ALL):
        found += due_now(view.call, RULES, (), 1e12, view.moved)[0]
    assert sorted(found, key=repr) == sorted(whole, key=repr)
    assert len({due.cause for due in whole}) > intervals


def test_a_short_call_is_looked_at_whole() -> None:
    call = lived(1, 4)
    assert is_short(call, ())
    assert view_of(call, (), "h1") == (call, ALL, None)
    assert not is_short(lived(1, 20), ())


def test_the_slice_of_one_interval_is_found_by_its_cause() -> None:
    call = lived(2, 24 * SLICE)
    for cause in ("o150", "h7", "w191", "answer"):
        view = view_of(call, (), cause)
        assert view.causes is not None
        assert cause in view.causes
    assert view_of(call, (), "nothing").moved == 0
