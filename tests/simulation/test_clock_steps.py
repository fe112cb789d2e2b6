"""The server's own clock is set, and perhaps back again: commands come again within a minute, no call is closed for it,
and nothing is measured otherwise (contract, Time). The switch's clock is true all the time.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cti.adapters.clock import SystemClock, VirtualClock
from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.log_clock import ServerClock
from cti.engine.live_calls import Layers
from cti.engine.sources import Sources
from cti.engine.time_steps import TimeSteps
from cti.engine.times import Times
from cti.retention import Retention
from cti.rows import CallFilter, CallListing
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.wiring import read_book
from tests.scheduler import HEARTBEAT_S, TENANT, Scene, scene
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

    async with scene(url, wall=wall, parts=()) as it:
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
    "twenty hours back": (-20 * HOUR_S, 90.0),  # a day back the door takes true times for times of the future
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


# -- the clock of a server that dates the entries ----------------------------------------------------------------------


class Server:
    """The clock of a database's server, asked by a process whose own monotonic clock is true."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.off_s = clock, 0.0
        self._seen = ServerClock(clock, self._asked)

    async def _asked(self) -> float:
        return self.dating_ms()

    def dating_ms(self) -> float:
        return self._clock.now_ms() + self.off_s * 1000

    async def look(self) -> None:
        await self._seen.set()

    def now_ms(self) -> float:
        return self._seen.now_ms()

    wait = VirtualClock.wait


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("first_look_s", [1.0, 9.0])
async def test_a_servers_jump_is_over_a_minute_after_it(
    jump: str, first_look_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries bear the server's dates at once; the process looks at its clock every ten seconds."""
    servers: list[Server] = []

    def made(clock: VirtualClock) -> Server:
        servers.append(Server(clock))
        return servers[0]

    async with scene("memory:", wall=made) as it:
        (server,), (off_s, for_s) = servers, JUMPS[jump]
        await server.look()
        keep = it.store.log.__getattribute__("_keep")
        monkeypatch.setattr(it.store.log, "_keep", lambda item, _: keep(item, int(server.dating_ms())))
        line, other = await Line.of(it, "s1"), await Line.of(it, "s2")
        await it.to(20)
        await other.answered("lives-on")
        server.off_s = off_s
        for second in range(int(for_s)):
            if second % 10 == first_look_s:
                await server.look()
            if second % 4 == 0:
                await line.say(f"ring-{second}", "offered", CALLER)
                await line.say(f"ring-{second}", "delivered", {**AGENT, "queue": "billing"})
            if second % 4 == 3:
                await line.say(f"ring-{second - 3}", "established", AGENT)
            await it.to(it.now_s + 1)
        assert line.seen == other.seen == [], "rings of 3 s"
        server.off_s = 0.0
        for second in range(int(AGAIN_WITHIN_S) - 25):
            if second % 10 == first_look_s:
                await server.look()
            await it.to(it.now_s + 1)
        assert await a_hold(it, line, "after") == ORDERS_OF_A_HOLD
        assert line.stale() == []
        assert (await other.ends("lives-on"))["outcome"] == "answered"
        assert (await line.ends("ring-0"))["breaches"] == []


# -- retention ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarts", [False, True])
async def test_retention_drops_nothing_for_a_jump(site: Site, jump: str, restarts: bool) -> None:
    it, (off_s, for_s) = site.it, JUMPS[jump]

    def retention() -> Retention:
        return Retention(it.store, Settings(db="memory:"), Telemetry(), it.clock, lambda: True)

    async def minutes(count: int) -> None:
        for _ in range(count):
            await it.to(it.now_s + 60)
            await keeper.turn()

    keeper = retention()
    await keeper.turn()
    line = await Line.of(it, "s1")
    await line.answered("before")
    await line.ends("before")
    await minutes(3)
    site.machine.off_s = off_s
    if restarts:
        await site.restart()
        keeper = retention()
        await keeper.turn()
    await line.answered("within")
    await line.ends("within")
    await minutes(max(2, int(for_s // 60)))
    site.machine.off_s = 0.0
    await minutes(3)
    kept = await it.store.ledger.stored_calls([one.row.call_id for one in await all_calls(it)])
    assert sorted(one.row.subject for one in kept if one.timeline) == ["before", "within"]
    assert await it.store.log.read(dict.fromkeys(range(4), 0), 1), "nothing has gone from the log"


async def all_calls(it: Scene) -> list[CallListing]:
    return await it.store.ledger.calls(TENANT, CallFilter(), None, 10)


class Moved:
    """Notes by how much it was moved."""

    def __init__(self) -> None:
        self.by_ms: list[float] = []

    def move(self, by_ms: float) -> None:
        self.by_ms.append(by_ms)


@pytest.mark.parametrize("interventions", [True, False])
def test_a_log_that_is_worked_once_more_has_the_time_of_its_entries(interventions: bool) -> None:
    """Its clock leaps from entry to entry; that is no step, and calls fall silent by it as they did then."""
    clock, moved = VirtualClock(0), Moved()
    machine = VirtualClock(0)
    sources, log = Sources(read_book("power-95598")), MemoryEventLog(clock, 1)
    steps = TimeSteps(Layers(), sources, Times(), log, machine, enabled=interventions)
    steps.move_with(moved)
    assert steps.now_ms() == 0
    clock.move_to(HOUR_S * 1000)
    assert steps.now_ms() == HOUR_S * 1000
    assert moved.by_ms == ([HOUR_S * 1000] if interventions else [])
