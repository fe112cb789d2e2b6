"""The plant as JSON and back: a switch that was stopped in good order goes on with the same calls and agents."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cti.switches.simulated.exchange import Exchange
from cti.switches.simulated.plant import Agent, Call, Doing, Due, Leg, Plant, Standing

FORMAT = 1
GAP_MAX_MS = 600_000  # a longer absence is a new day: nobody has stayed on the line
BACK_MAX_MS = 5_000  # a memory from the future was kept under another clock


def keep(plant: Plant) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(plant)}


def restore(kept: dict[str, Any], now_ms: int) -> Plant | None:
    """The plant as it was, or None where it cannot be gone on with.

    Raises KeyError, TypeError or ValueError where it is damaged.
    """
    kept = dict(kept)
    if kept.pop("format", None) != FORMAT or not -BACK_MAX_MS <= now_ms - kept["now_ms"] <= GAP_MAX_MS:
        return None
    kept["agents"] = {key: _agent(agent) for key, agent in kept["agents"].items()}
    kept["calls"] = {key: _call(call) for key, call in kept["calls"].items()}
    kept["agenda"] = [Due(*due) for due in kept["agenda"]]
    return Plant(**kept)


def reopened(kept: dict[str, Any], now_ms: int) -> Exchange | None:
    """The switch went on while it could not be heard: its calls lived, but no new caller came in."""
    plant = restore(kept, now_ms)
    if plant is None:
        return None
    exchange = Exchange(plant)
    taking, plant.taking_calls = plant.taking_calls, False
    plant.out = exchange.advance(now_ms)
    plant.agenda = sorted(due for due in plant.agenda if due.action != "arrive")
    exchange.take_calls(taking, now_ms)
    return exchange


def write(path: Path, kept: dict[str, Any]) -> None:
    """Whole or not at all."""
    aside = path.with_suffix(path.suffix + ".new")
    aside.write_text(json.dumps(kept), encoding="utf-8")
    aside.replace(path)


def _agent(kept: dict[str, Any]) -> Agent:
    return Agent(**{**kept, "doing": Doing(kept["doing"])})


def _call(kept: dict[str, Any]) -> Call:
    legs = {key: Leg(**{**leg, "standing": Standing(leg["standing"])}) for key, leg in kept["legs"].items()}
    return Call(**{**kept, "legs": legs})
