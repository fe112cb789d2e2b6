"""What a restart, a backlog, a snapshot and a slow switch must not do to the calls that live."""

from pathlib import Path

import pytest

from cti.engine.gathering import TurnTime
from tests.scheduler import Scene, event, scene
from tests.simulation.lines import AGENT, CALLER, LEAVES, Line
from tests.simulation.test_time import ORDERS_OF_A_HOLD, both_hold, orders


@pytest.mark.parametrize("off_s", [-1.0, -1.9, 0.4])
async def test_what_the_gateway_dates_says_nothing_of_the_switchs_clock(it: Scene, off_s: float) -> None:
    """Results without a `time` are dated by the log's clock: taken as lag 0 they shift every timer of a slow switch."""
    line = await Line.of(it, "slow", off_s)
    await it.to(20)
    await both_hold(it, line)
    assert orders(line, 30) == ORDERS_OF_A_HOLD
    assert line.stale() == []


async def test_a_snapshot_may_open_several_calls_in_one_partition(tmp_path: Path) -> None:
    for url in ("memory:", f"sqlite:///{tmp_path / 'a.db'}"):
        async with scene(url, partitions=1) as it:
            await it.declare("s1")
            calls = [
                {"call": f"c{n}", "connections": [{"connection": "c", "state": "queued"}], "queue": "q"}
                for n in range(3)
            ]
            await it.post(event("s1", "s1", "switchSnapshot", 0.0, {"calls": calls}, family="switch"))
            _, told = await it.call("GET", "/v1/calls")
            assert sorted(one["subject"] for one in told["calls"]) == ["c0", "c1", "c2"]
            for one in told["calls"]:
                _, whole = await it.call("GET", f"/v1/calls/{one['call']}")
                assert [e["kind"] for e in whole["timeline"]] == ["offered", "queued", "present"], (
                    url,
                    whole["timeline"],
                )
            await it.to(1.0)
            await it.post(*[event("s1", f"c{n}", "callCleared", 1.0) for n in range(3)])
            assert len(await it.records()) == 3


async def test_a_call_that_a_snapshot_opens_began_in_the_millisecond_an_event_would_say(it: Scene) -> None:
    await it.declare("s1")
    opened = "2026-03-02T00:59:59.0009Z"
    calls = [{"call": "c", "openedAt": opened, "connections": []}]
    await it.post(event("s1", "s1", "switchSnapshot", 0.0, {"calls": calls}, family="switch"))
    await it.post({**event("s1", "d", "offered", 0.0, CALLER), "time": opened})
    _, told = await it.call("GET", "/v1/calls")
    assert {one["subject"]: one["opened_at"] for one in told["calls"]} == dict.fromkeys("cd", f"{opened[:23]}Z")


async def test_a_late_event_finds_its_incarnation_after_a_restart_too(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await line.answered("call")
    await line.ends("call")
    await it.to(400)
    await line.say("call", "offered", CALLER)
    assert len((await it.call("GET", "/v1/calls"))[1]["calls"]) == 2
    await it.restart()
    late = line.told("call", "surveyScored", {"score": 4}, 2.0)
    await it.post(late)
    assert (await it.record("s1", "call"))["survey"] == 4, "it belongs to the call that had ended"


async def test_a_partition_that_was_not_read_yet_has_no_time(it: Scene) -> None:
    """After a restart with a backlog: what one partition has read says nothing of the others."""
    line = await Line.of(it, "s1")
    await it.to(10)
    names = [f"call-{n}" for n in range(12)]  # over all partitions
    for name in names:
        await line.say(name, "offered", CALLER)
        await line.say(name, "delivered", {**AGENT, "queue": "b"})
    it.running = False
    await it.to(15)
    for name in names:
        await line.say(name, "established", AGENT)
    await it.to(25)  # 15 s after the ringing began: the limit would be of use still
    it.engine.work.turn_time = TurnTime(cpu_ms=-1.0)  # one entry a turn, as under load
    await it.restart()
    it.running = True
    await it.settle()
    assert line.seen == [], "everybody had answered"


async def test_a_call_stays_in_memory_between_reading_and_taking_an_event_of_it(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(3)
    await line.say("call", "offered", CALLER)
    await line.ends("call")  # at 3 s; it lingers until 13 s
    await it.to(12.9)
    it.engine.work.turn_time = TurnTime(cpu_ms=-1.0)
    it.running = False
    key = it.store.log.partition_of
    same = [f"x{n}" for n in range(100) if key(f"test:/switches/s1:x{n}") == key("test:/switches/s1:call")][:2]
    others = [line.told(name, "offered", CALLER, 12.9) for name in same]
    await it.post(*others, line.told("call", "surveyScored", {"score": 3}, 4.0))
    await it.engine.step()  # reads all three, takes one
    it.clock.move_to(it.clock.now_ms() + 500)
    it.running = True
    await it.settle()
    record = await it.record("s1", "call")
    assert record is not None
    assert record["survey"] == 3


async def test_a_clearing_that_comes_after_the_id_was_used_again_loses_no_call(it: Scene) -> None:
    """Contract, Identity: what is earlier than the clearing belongs to that call, whatever arrived first."""
    line = await Line.of(it, "s1")
    await line.say("call", "offered", CALLER)
    cleared = [line.told("call", "connectionCleared", LEAVES, 50.0), line.told("call", "callCleared", {}, 50.0)]
    await it.to(400)
    await line.say("call", "offered", CALLER)
    await it.to(420)
    await it.post(*cleared)
    await it.to(430)
    await line.ends("call")
    found = sorted((one["opened_at"], one["ended_at"]) for one in await it.records())
    assert [(o[14:19], e[14:19]) for o, e in found] == [("00:00", "00:50"), ("06:40", "07:10")]
