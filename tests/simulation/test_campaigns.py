"""Whole campaigns with faults anywhere, in pieces; `make simulate` plays 20,000 of them."""

import pytest

from tests.simulation.campaigns.many import histories, reported
from tests.simulation.campaigns.planted import ALL, SEEDS_MAX, caught
from tests.simulation.campaigns.site import HISTORIES_MAX
from tests.simulation.outbound.campaign import quiet

HISTORIES = 500
SOON_CAUGHT = (  # `make simulate` plants every change
    "hours of the first zone alone", "claim takes sent orders again", "an order without its attempt",
    "an unanswered question is not dialled", "withdraws what was sent", "no cap a day", "a notice for whoever is final",
    "a notice after the first attempt", "notices are not written", "notices are forgotten",
    "a payment closes nobody", "nobody asks the do-not-call list", "closed hours move no callback",
    "every promise is kept", "an emergency is never over", "an emergency that is asked for holds",
    "draining cancels nobody", "a campaign's hours stay as they were", "a change takes any version",
    "a test call goes to the customer", "who was told is not told again",
)  # fmt: skip
FIRST = range(1, HISTORIES + 1, HISTORIES_MAX)  # seeds of the pieces


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("first", FIRST)
async def test_whatever_happens_nothing_is_violated(first: int) -> None:
    quiet()
    seeds = range(first, min(first + HISTORIES_MAX, HISTORIES + 1))
    lived = await histories(seeds)
    found = reported(lived)
    assert [(one.told.seed, one.told.violations) for one in lived if one.told.violations] == []
    assert found["histories"] == len(seeds)
    assert found["dials"] > 0
    assert found["outcomes"]


@pytest.mark.usefixtures("logging_as_it_was")
async def test_a_seed_is_played_again_as_it_was() -> None:
    """Three short ones, which have half of the kinds of faults between them."""
    quiet()
    some, again = [await histories([1, 3, 7]) for _ in range(2)]
    assert some == again


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("name", SOON_CAUGHT)
async def test_a_planted_change_is_caught(name: str) -> None:
    quiet()
    (planted,) = (one for one in ALL if one.name == name)
    found = await caught(planted, 1)
    assert found is not None
    assert found < SEEDS_MAX


def test_each_kind_has_two_changes_that_give_it_away() -> None:
    kinds = [one.kind for one in ALL]
    assert {kind: kinds.count(kind) for kind in set(kinds) if kinds.count(kind) < 2} == {}
    assert len({one.name for one in ALL}) == len(ALL)
