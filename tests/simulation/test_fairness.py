"""One partition that lags, one tenant's flood, one source with thousands of timers: the others' clocks go on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from cti.engine.gathering import TurnTime
from cti.engine.timers import TURN_TIMERS
from cti.ports import Appending
from cti.rows import CommandRow
from schemas.envelope import body_of, read_event
from tests.scheduler import START_MS, Scene, event
from tests.simulation.lines import AGENT, CALLER, HOLD, Line

FLOOD = 3_000
LATE_MAX_S = 0.5
TIMERS = 3 * TURN_TIMERS
ONE_ENTRY = TurnTime(cpu_ms=-1.0, looks_every=1)  # a turn is over after one
TURN_S = 0.002  # what a turn of one entry may take


def key_of(one: Mapping[str, Any], tenant: str = "flood") -> str:
    return f"{tenant}:{one['source']}:{one['subject']}"


def partition_of(it: Scene, switch: str, subject: str, tenant: str = "test") -> int:
    return it.store.log.partition_of(f"{tenant}:/switches/{switch}:{subject}")


async def flood(it: Scene, count: int, at_s: float, subject: str = "big") -> None:
    """Events of one call of another tenant, all at once, none of them in order."""
    events = [
        event("s9", subject, "digitsGenerated", at_s - n / 10_000, {"digits": "1"}, id=f"{subject}-{n}")
        for n in range(count)
    ]
    events = [event("s9", subject, "offered", at_s - 1, CALLER), *events]
    await it.store.log.append([Appending("flood", key_of(one), body_of(one), read_event(one)) for one in events])


async def turn_until(it: Scene, seconds: float) -> None:
    """The engine turns all the time, as under load, and each turn takes its time."""
    while it.now_s < seconds:
        it.clock.move_to(it.clock.now_ms() + TURN_S * 1000)
        await it.engine.step()
        if it.engine._commit is not None:
            await it.engine._settle()


class Issued(NamedTuple):
    """A command, and when it was committed."""

    at_s: float
    row: CommandRow

    @property
    def late_s(self) -> float:
        return self.at_s - (self.row.due_at_ms - START_MS) / 1000


def listen(it: Scene) -> list[Issued]:
    """Commands from now on."""
    heard: list[Issued] = []
    it.engine.pulse.subscribe(lambda rows, _: heard.extend(Issued(it.now_s, row) for row in rows or ()))
    return heard


@pytest.mark.parametrize("same", [False, True], ids=["other partitions", "its own partition too"])
async def test_a_backlog_in_one_partition_holds_up_no_other_s_timers(it: Scene, same: bool) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    busy = partition_of(it, "s9", "big", "flood")
    names = [f"call-{n}" for n in range(40)]
    names = [name for name in names if (partition_of(it, "s1", name) == busy) is same][:10]
    for name in names:
        await line.say(name, "offered", CALLER)
        await line.say(name, "delivered", {**AGENT, "queue": "b"})
    await it.to(21.9)
    if not same:  # one entry a turn: the flood lasts for many seconds
        it.engine.work.turn_time = ONE_ENTRY
    heard = listen(it)
    await flood(it, FLOOD, it.now_s)
    await turn_until(it, 24)
    lags = it.engine.positions[busy] < (await it.store.log.end()).positions[busy]
    assert lags is not same, "the backlog is still there, or was worked off at full speed"
    found = [one for one in heard if (one.row.rule, one.row.command) == ("RING-1", "deflectCall")]
    assert len(found) == len(names)
    assert {one.row.state for one in found} == {"open"}
    assert max(one.late_s for one in found) <= LATE_MAX_S


async def test_a_new_event_of_a_quiet_partition_does_not_wait_for_a_busy_one(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    busy = partition_of(it, "s9", "big", "flood")
    name = next(f"call-{n}" for n in range(40) if partition_of(it, "s1", f"call-{n}") != busy)
    await flood(it, FLOOD, it.now_s)
    it.engine.work.turn_time = ONE_ENTRY
    await turn_until(it, 10.5)
    it.running = False
    await it.post(line.told(name, "offered", CALLER, it.now_s))
    await turn_until(it, 11)
    assert it.engine.positions[busy] < FLOOD
    assert any(live.subject == name for live in it.engine.work.layers.base.calls.values())


async def test_one_source_with_many_timers_does_not_keep_another_from_its_turn(it: Scene) -> None:
    many, few = await Line.of(it, "many"), await Line.of(it, "few")
    await it.to(10)
    for n in range(TIMERS):
        await many.say(f"call-{n}", "offered", CALLER)
        await many.say(f"call-{n}", "established", AGENT)
        await many.say(f"call-{n}", "held", HOLD)
    await few.answered("call", ring_s=0)
    await few.say("call", "held", HOLD)
    await it.to(24.9)
    it.engine.work.turn_time = ONE_ENTRY  # each turn's time is over after one share
    it.clock.move_to(it.clock.now_ms() + 200)
    heard = listen(it)
    for _ in range(3):
        await it.engine.step()
        if it.engine._commit is not None:
            await it.engine._settle()
    sources = [one.row.source for one in heard if one.row.rule == "HOLD-2"]
    assert "/switches/few" in sources
    assert 0 < sources.count("/switches/many") < TIMERS


async def test_the_ends_of_partitions_are_asked_for_seldom_while_another_lags(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Kafka an answer takes as long as a reading that finds nothing."""
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.say("call", "offered", CALLER)
    await line.say("call", "delivered", {**AGENT, "queue": "b"})
    await flood(it, FLOOD, it.now_s)
    it.engine.work.turn_time = ONE_ENTRY
    asked: list[float] = []
    end = it.store.log.end

    async def counted() -> Any:
        asked.append(it.now_s)
        return await end()

    monkeypatch.setattr(it.store.log, "end", counted)
    await turn_until(it, 13)
    assert 1 <= len(asked) <= 31, "every 100 ms at most"
