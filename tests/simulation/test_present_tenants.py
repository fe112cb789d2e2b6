"""The engine says whose switches are there: a tenant that is alone delays nobody else."""

from cti.engine.sources import PRESENT_MS
from tests.scheduler import TENANT, Scene
from tests.simulation.lines import CALLER, HOLD, Line
from tests.simulation.test_fairness import flood

PRESENT_S = PRESENT_MS / 1000


async def test_a_tenant_is_alone_until_another_is_heard_and_again_a_minute_later(it: Scene) -> None:
    assert it.engine.pulse.only_tenant is None
    line = await Line.of(it, "s1")
    await it.to(10)
    assert it.engine.pulse.only_tenant == TENANT
    await line.say("call", "offered", CALLER)
    await it.to(11)
    await flood(it, 3, it.now_s)  # its call has no rule that could be fired
    await it.to(12)
    assert it.engine.pulse.only_tenant is None
    await it.to(11 + PRESENT_S - 1)
    assert it.engine.pulse.only_tenant is None
    await it.to(11 + PRESENT_S + 2)
    assert it.engine.pulse.only_tenant == TENANT


async def test_a_tenant_whose_call_has_a_timer_is_there_however_silent_its_switch_is(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.answered("call", ring_s=0)
    await line.say("call", "held", HOLD)
    it.switches["s1"].heartbeats = False
    await it.to(11 + 2 * PRESENT_S)
    await flood(it, 3, it.now_s)
    await it.to(13 + 2 * PRESENT_S)
    assert it.engine.pulse.only_tenant is None


async def test_an_engine_of_some_partitions_does_not_know_who_is_there(it: Scene) -> None:
    await Line.of(it, "s1")
    await it.to(10)
    assert it.engine.pulse.only_tenant == TENANT
    it.engine._leave(frozenset({0}))
    await it.engine.step()
    assert it.engine.pulse.only_tenant is None
