"""What the metrics say of commands: one outcome for each, from the closed list."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.reasons import InterventionOutcome
from tests.scheduler import Scene, scene
from tests.simulation.lines import AGENT, CALLER, Line

ANSWERS = {"playMessage": (("accepted", None), ("done", None)), "promptAgent": (("refused", "busy"),)}


def answers(command: Mapping[str, Any], _now_s: float) -> Sequence[tuple[str, str | None]]:
    """It speaks to callers, shows agents nothing, and never says what became of anything else."""
    return ANSWERS.get(command["command"], ())


def counted(it: Scene) -> dict[str, float]:
    """Outcome -> how many commands had it."""
    told: dict[str, float] = {}
    for sample in (one for metric in it.engine.work.telemetry.registry.collect() for one in metric.samples):
        if sample.name == "ringback_interventions_total":
            told[sample.labels["outcome"]] = told.get(sample.labels["outcome"], 0) + sample.value
    return told


async def test_a_command_is_counted_once_by_what_became_of_it() -> None:
    async with scene("memory:") as it:
        line = await Line.of(it, "s1")
        it.switches["s1"].answer = answers
        await it.to(5)
        await line.say("call", "offered", CALLER)
        await line.say("call", "queued", {"connection": "c", "queue": "billing"})
        await it.to(40)
        await line.say("call", "delivered", {**AGENT, "queue": "billing"})
        await it.to(70)
        await line.say("call", "established", AGENT)
        await it.to(90)
        told = counted(it)
        assert set(told) <= set(InterventionOutcome)
        assert min(told.get(outcome, 0) for outcome in ("done", "refused", "unanswered")) >= 1
        assert told["done"] + told["refused"] + told["unanswered"] == len(it.received("s1"))
