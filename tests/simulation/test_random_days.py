"""Random days by seed: whatever the order of arrival and whenever the engine starts anew, the same comes of them.

The seed is in the name of a test that fails; `centre` checks its invariants after every step.
"""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from cti.core.times import rfc3339
from tests.scheduler import START_MS
from tests.simulation.centre import Centre
from tests.simulation.days import ON_TIME, ROUGH, Line, Told, arrivals, day

SEEDS = range(1, 6)
RESTARTS = 5


async def lived(seed: int, line: Line, restarts: int = 0, shaky: float = 0.0) -> Centre:
    """The day of this seed, over this line. `restarts`: so often another engine takes over; `shaky`: see Centre."""
    words = arrivals(day(seed), line, seed)
    chance = random.Random(f"restarts:{seed}")
    centre = Centre(seed, on_time=line is ON_TIME and not shaky, shaky=shaky)
    await centre.live(words, [chance.randint(0, words[-1][0]) for _ in range(restarts)])
    return centre


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_day_comes_to_what_its_script_says(seed: int) -> None:
    calls, records = day(seed), await (await lived(seed, ON_TIME)).records()
    assert len(records) == len(calls)
    for one in calls:
        _judge(one, records[f"/switches/{one.source}", one.subject, rfc3339(START_MS + one.events[0][0])])


def _judge(one: Told, record: Mapping[str, Any]) -> None:
    """Every ring-limit breach is recorded, and nothing that was not one."""
    rules = [breach["rule"] for breach in record["breaches"]]
    assert rules.count("RING-1") == one.ring_breaches, one
    assert rules.count("RING-2") == one.late_answer, one
    assert rules.count("END-1") == one.agent_first, one
    assert rules.count("HOLD-3") == sum(held > 60_000 for held in one.holds_ms), one
    assert sum(hold["notices_owed"] for hold in record["holds"]) == one.owed, one
    assert round(record["hold_s"] * 1000) == sum(one.holds_ms), one
    assert len(record["offers"]) == one.offers, one
    assert record["outcome"] == ("abandoned" if one.answered_ms is None else "answered"), one


@pytest.mark.parametrize("seed", SEEDS)
async def test_late_shuffled_and_repeated_words_come_to_the_same_records(seed: int) -> None:
    smooth, rough = await lived(seed, ON_TIME), await lived(seed, ROUGH)
    assert await rough.records() == await smooth.records()
    assert await rough.kept() == await smooth.kept()


@pytest.mark.parametrize("line", [ON_TIME, ROUGH], ids=["on time", "rough"])
@pytest.mark.parametrize("seed", SEEDS)
async def test_an_engine_that_starts_anew_in_the_middle_changes_nothing(seed: int, line: Line) -> None:
    through, anew = await lived(seed, line), await lived(seed, line, RESTARTS)
    assert await anew.records() == await through.records()
    assert await anew.kept() == await through.kept()
    assert await anew.set_aside() == await through.set_aside()
    if line is ON_TIME:
        assert await anew.interventions() == await through.interventions()


@pytest.mark.parametrize("seed", SEEDS[:3])
async def test_every_word_is_kept_once_and_every_contradiction_set_aside(seed: int) -> None:
    words = arrivals(day(seed), ROUGH, seed)
    centre = await lived(seed, ROUGH)
    kept = await centre.kept()
    assert set(kept.values()) == {1}
    assert {(one["subject"], one["id"]) for _, one in words} <= set(kept)
    conflicts = sum("private" in one["data"] for _, one in words)
    assert conflicts > 0
    assert await centre.set_aside() == {"id_conflict": conflicts}
