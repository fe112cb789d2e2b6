"""The server's own clock is set, and perhaps back again: commands come again within a minute, no call is closed for it,
and nothing is measured otherwise (contract, Time). The switch's clock is true all the time.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cti.adapters.clock import SystemClock, VirtualClock
from tests.scheduler import HEARTBEAT_S, Scene, scene
from tests.simulation.lines import AGENT, CALLER, HOLD, Line

HOUR_S, YEAR_S = 3_600.0, 365 * 86_400.0
AGAIN_WITHIN_S = 60.0
ORDERS_OF_A_HOLD = [(0.0, "HOLD-1"), (15.0, "HOLD-2"), (30.0, "HOLD-2"), (31.0, "HOLD-1")]


class Machine:
    """The server: its monotonic clock is the test's, its wall clock is that and what somebody has set it off by."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.off_s = 0.0
        self._system = self._booted()

    def _booted(self) -> SystemClock:
        return SystemClock(lambda: self._clock.now_ms() / 1000, lambda: self._clock.now_ms() / 1000 + self.off_s)

    def restart(self) -> None:
        """Another process: it knows no more than what the wall clock says now."""
        self._system = self._booted()

    def now_ms(self) -> float:
        return self._system.now_ms()

    wait = VirtualClock.wait


class Site:
    """A scene on a machine."""

    def __init__(self, it: Scene, machine: Machine) -> None:
        self.it, self.machine = it, machine

    async def restart(self) -> None:
        self.machine.restart()
        await self.it.restart()


@contextlib.asynccontextmanager
async def site_at(url: str) -> AsyncIterator[Site]:
    made: list[Machine] = []

    def wall(clock: VirtualClock) -> Machine:
        made.append(Machine(clock))
        return made[0]

    async with scene(url, wall=wall) as it:
        yield Site(it, made[0])


@pytest.fixture(params=["memory", "sqlite"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'ringback.db'}"
    async with site_at(url) as running:
        yield running


async def a_hold(it: Scene, line: Line, name: str) -> list[tuple[float, str]]:
    """A call is answered and held for 31 s; what was ordered of it, by the time from the beginning of the hold."""
    seen = len(line.seen)
    await line.say(name, "offered", CALLER)
    await line.say(name, "delivered", {**AGENT, "queue": "billing"})
    await it.to(it.now_s + 3)
    await line.say(name, "established", AGENT)
    start = it.now_s
    await line.say(name, "held", HOLD)
    await it.to(start + 31)
    await line.say(name, "retrieved", HOLD)
    return [(round(one.what[0] - start, 1), one.what[1]) for one in line.seen[seen:]]


JUMPS = {
    "an hour on for 12 s": (HOUR_S, 12.0),
    "an hour on for 12 s, seen by the clock": (HOUR_S, SystemClock.SETTLE_MS / 1000 + 12),
    "an hour back": (-HOUR_S, 40.0),
    "an hour back for 12 s": (-HOUR_S, 12.0),
    "ten years on": (10 * YEAR_S, 90.0),
    "ten years back": (-10 * YEAR_S, 90.0),
}


@pytest.mark.parametrize("restarts", ["never", "in the middle", "after it"])
@pytest.mark.parametrize("jump", JUMPS)
async def test_commands_come_again_within_a_minute(site: Site, jump: str, restarts: str) -> None:
    it, (off_s, for_s) = site.it, JUMPS[jump]
    line = await Line.of(it, "s1")
    await it.to(20)
    assert await a_hold(it, line, "before") == ORDERS_OF_A_HOLD
    await line.answered("lives-on")
    await line.say("rings", "offered", CALLER)
    site.machine.off_s = off_s
    await it.to(it.now_s + for_s / 2)
    if restarts == "in the middle":
        await site.restart()
    await line.say("rings", "delivered", {**AGENT, "queue": "billing"})
    await it.to(it.now_s + for_s / 2 - 1)
    await line.say("rings", "established", AGENT)
    await it.to(it.now_s + 1)
    site.machine.off_s = 0.0
    if restarts == "after it":
        await site.restart()
    await it.to(it.now_s + AGAIN_WITHIN_S - 35)
    assert await a_hold(it, line, "after") == ORDERS_OF_A_HOLD
    assert line.stale() == []
    ring_s = for_s / 2 - 1
    assert {one["rule"] for one in (await line.ends("rings"))["breaches"]} == (
        {"RING-1", "RING-2"} if ring_s > 12 else set()
    )
    for name in ("before", "after", "lives-on"):
        record = await line.ends(name)
        assert (record["outcome"], record["breaches"]) == ("answered", [])


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_jump_fires_no_timer_before_its_time(site: Site, jump: str) -> None:
    """A ring of 3 s is deflected by nobody, although by the server's clock it is an hour old."""
    it, (off_s, for_s) = site.it, JUMPS[jump]
    line = await Line.of(it, "s1")
    await it.to(20)
    for n in range(int(for_s // 4)):
        if n == 1:
            site.machine.off_s = off_s
        await line.say(f"ring-{n}", "offered", CALLER)
        await line.say(f"ring-{n}", "delivered", {**AGENT, "queue": "billing"})
        await it.to(it.now_s + 3)
        await line.say(f"ring-{n}", "established", AGENT)
        await it.to(it.now_s + 1)
    site.machine.off_s = 0.0
    await it.to(it.now_s + HEARTBEAT_S + 20)
    assert line.seen == []
    for n in range(int(for_s // 4)):
        record = await line.ends(f"ring-{n}")
        assert (record["breaches"], record["interventions"]) == ([], [])
