"""Random days over a ledger that goes away during commits: before it wrote, after it wrote, and nobody knows which."""

import pytest

from tests.simulation.days import ROUGH
from tests.simulation.test_random_days import RESTARTS, SEEDS, lived

SHAKY = 0.05


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_ledger_that_goes_away_in_the_middle_changes_nothing(seed: int) -> None:
    through, shaken = await lived(seed, ROUGH), await lived(seed, ROUGH, RESTARTS, SHAKY)
    assert shaken.ledger.failed > 20
    assert await shaken.records() == await through.records()
    assert await shaken.kept() == await through.kept()
    assert await shaken.set_aside() == await through.set_aside()
