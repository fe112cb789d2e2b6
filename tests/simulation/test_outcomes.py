"""What the metrics say of commands: one outcome for each, from the closed list."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cti.gateway.results import Result, event_item
from cti.ports import Appending
from schemas.envelope import body_of, read_event
from schemas.reasons import DeadLetter, Ignored, InterventionOutcome, RefusalReason
from tests.scheduler import TENANT, Scene, scene
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


@pytest.mark.parametrize(
    ("results", "repeated", "aside"),
    [
        ([Result(state="done"), Result(state="done")], 1, 0),
        ([Result(state="refused", reason=reason) for reason in (RefusalReason.BUSY, RefusalReason.ERROR)], 0, 1),
    ],
    ids=["the same", "another reason"],
)
async def test_a_result_that_two_gateways_took_is_compared_without_the_time_they_gave_it(
    results: Sequence[Result], repeated: int, aside: int
) -> None:
    async with scene("memory:") as it:
        line = await Line.of(it, "s1")
        it.switches["s1"].answer = lambda _command, _now_s: ()
        await it.to(5)
        await line.say("call", "offered", CALLER)
        await line.say("call", "delivered", {**AGENT, "queue": "billing"})
        await it.to(18)
        row = await it.store.ledger.command(TENANT, it.received("s1")[0]["id"])
        assert row is not None
        for number, result in enumerate(results):
            item = event_item(row, result, it.clock.now_ms() + number)
            key = f"{TENANT}:{row.source}:call"
            await it.store.log.append([Appending(TENANT, key, body_of(item), read_event(item))])
        await it.settle()
        assert summed(it, "events_ignored", Ignored.DUPLICATE) == repeated
        assert summed(it, "events_dead_lettered", DeadLetter.ID_CONFLICT) == aside


def summed(it: Scene, name: str, reason: str) -> float:
    """A counter of the engine's."""
    registry = it.engine.work.telemetry.registry
    return registry.get_sample_value(f"ringback_{name}_total", {"reason": reason}) or 0
