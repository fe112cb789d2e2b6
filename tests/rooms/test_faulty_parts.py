"""A part that misbehaves: it is said, and costs the call side nothing."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from cti import supervision, wiring
from cti.adapters import store
from cti.adapters.clock import VirtualClock
from cti.errors import LedgerAway, OutcomeUnknown, RingbackError, SettingsMistake
from cti.hosting import Host, Opened, Part, Purge, find_parts
from cti.parts import tasks
from cti.parts.health import PartHealth
from cti.parts.tasks import PartPurges
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.wiring import serving
from tests.loop_turn import loop_turn
from tests.rooms import notes
from tests.rooms.faulty import named, patient, ready, scraped, settings
from tests.rooms.installed import install

__all__ = ("patient",)

pytestmark = pytest.mark.usefixtures("patient")


class Stopping:
    """A task that ends badly, or does not end."""

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault, self.started, self.stopped = fault, False, False

    async def start(self) -> None:
        self.started = True

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def step(self) -> bool:
        return False

    def next_ms(self) -> float:
        return float("inf")

    async def stop(self) -> None:
        await loop_turn()
        if self._fault is not None:
            raise self._fault
        await loop_turn()
        self.stopped = True


def part(*tasks: Stopping) -> Part:
    return Part(name="faulty", open=lambda _host: Opened(tasks=tasks))


async def test_a_task_that_fails_to_stop_keeps_nobody_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = Stopping(ValueError("broken")), Stopping()
    stopped: list[str] = []
    async with serving(settings(tmp_path), parts=[part(bad, good)]) as service:
        ends = service.engine.stop

        async def stop() -> None:
            await ends()
            stopped.append("engine")

        monkeypatch.setattr(service.engine, "stop", stop)
    assert (good.stopped, stopped) == (True, ["engine"])


async def test_a_task_that_cannot_start_is_named_and_what_has_begun_is_stopped(tmp_path: Path) -> None:
    class Failing(Stopping):
        async def start(self) -> None:
            raise ValueError("broken")

    first, failing, last = Stopping(), Failing(), Stopping()
    with pytest.raises(SettingsMistake, match="faulty.*broken"):
        async with serving(settings(tmp_path), parts=[part(first, failing, last)]):
            pytest.fail("it serves")
    assert (first.stopped, failing.stopped, last.stopped) == (True, True, True), "they start side by side"


async def test_a_part_that_cannot_open_is_named(tmp_path: Path) -> None:
    def cannot(_host: Host) -> Opened:
        raise ValueError("broken")

    with pytest.raises(SettingsMistake, match="faulty.*broken"):
        async with serving(settings(tmp_path), parts=[Part(name="faulty", open=cannot)]):
            pytest.fail("it serves")


async def test_a_part_that_writes_beside_rounds_is_refused_on_a_store_in_memory() -> None:
    beside = Part(name="faulty", open=lambda _host: Opened(beside_round=lambda _connection, _round: None))
    with pytest.raises(SettingsMistake, match="faulty.*database"):
        async with serving(Settings.read(db="memory:", listen="127.0.0.1:0"), parts=[beside]):
            pytest.fail("it serves")


def test_a_part_whose_module_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_part.py").write_text("1 / 0\n", "utf-8")
    monkeypatch.syspath_prepend(str(install(tmp_path, "[ringback.parts]\nbroken = broken_part:PART\n")))
    with pytest.raises(SettingsMistake, match="part broken cannot be loaded: division by zero"):
        find_parts()


# -- parts that hang ---------------------------------------------------------------------------------------------------


class Stubborn:
    """Hangs where it is told to until it is let go, and ignores its first cancellation."""

    def __init__(self, *hangs: str) -> None:
        self._hangs, self.let_go, self.did = hangs, asyncio.Event(), list[str]()

    async def _do(self, what: str) -> None:
        if what in self._hangs:
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()
            await self.let_go.wait()
        self.did.append(what)

    async def start(self) -> None:
        await self._do("start")

    async def run(self) -> None:
        await self._do("run")
        await asyncio.Event().wait()

    async def step(self) -> bool:
        return False

    def next_ms(self) -> float:
        return float("inf")

    async def stop(self) -> None:
        await self._do("stop")

    async def purge(self, _at_ms: int) -> int:
        await self._do("purge")
        return 0


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a part that hangs is given; what does not hang must be able to end within it on a busy machine."""
    monkeypatch.setattr(tasks, "START_S", 0.05)
    monkeypatch.setattr(tasks, "PURGE_S", 0.05)
    for module in (tasks, supervision):
        monkeypatch.setattr(module, "STOP_S", 0.3)


@pytest.mark.usefixtures("short")
async def test_a_start_that_hangs_is_named_and_the_service_serves_without_it(tmp_path: Path) -> None:
    hangs, other = Stubborn("start"), Stopping()
    async with (
        asyncio.timeout(20),
        serving(settings(tmp_path), parts=[named("faulty", hangs), named("other", other)]) as service,
    ):
        assert other.started
        status, checks = await ready(service)
        assert (status, checks["part faulty"]) == (200, "broken: start")
        assert "part other" not in checks
        assert 'ringback_part_broken{part="faulty"} 1.0' in await scraped(service)
        hangs.let_go.set()
        while "run" not in hangs.did:
            await loop_turn()
        assert "part faulty" not in (await ready(service))[1], "late, but well"


@pytest.mark.usefixtures("short")
async def test_in_a_process_of_its_own_a_broken_part_is_not_ready(postgres_url: str) -> None:
    hangs = Stubborn("start")
    part = Part(name="faulty", open=lambda _host: Opened(tasks=[hangs]), runs_in="alone")
    alone = Settings.read(db=postgres_url, listen="127.0.0.1:0")
    async with asyncio.timeout(20), serving(alone, parts=[part], roles={"alone"}) as service:
        status, checks = await ready(service)
        assert (status, checks["part faulty"]) == (503, "broken: start")
        hangs.let_go.set()


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("hangs", [("run",), ("stop",), ("run", "stop"), ("start", "run", "stop")])
async def test_a_part_that_does_not_end_keeps_nobody_from_stopping(
    tmp_path: Path, hangs: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stubborn, good, stopped = Stubborn(*hangs), Stopping(), list[str]()
    async with asyncio.timeout(20):
        async with serving(settings(tmp_path), parts=[named("faulty", stubborn), named("good", good)]) as service:
            ends = service.engine.stop

            async def stop() -> None:
                await ends()
                stopped.append("engine")

            monkeypatch.setattr(service.engine, "stop", stop)
    assert (good.stopped, stopped) == (True, ["engine"])
    assert capsys.readouterr().out.count("faulty") >= 1, "it is named"
    stubborn.let_go.set()
    for _ in range(5):
        await loop_turn()


def purging(*purges: tuple[str, Purge]) -> tuple[PartPurges, PartHealth, Telemetry]:
    telemetry = Telemetry()
    health = PartHealth(telemetry, VirtualClock(0))
    return PartPurges(purges, health), health, telemetry


@pytest.mark.usefixtures("short")
async def test_a_purge_that_raises_or_hangs_is_named_and_the_others_run() -> None:
    done: list[int] = []
    hangs, works = Stubborn("purge"), asyncio.Event()

    async def cannot(_at_ms: int) -> int:
        if not works.is_set():
            raise LookupError("broken")
        return 0

    async def cancelled(_at_ms: int) -> int:
        raise asyncio.CancelledError

    async def good(at_ms: int) -> int:
        done.append(at_ms)
        return len(done) < 3

    purges, health, telemetry = purging(
        ("hangs", hangs.purge), ("cannot", cannot), ("cancelled", cancelled), ("good", good)
    )
    async with asyncio.timeout(20):
        await purges.turn(5)
        assert done == [5, 5, 5], "until nothing is left"
        assert health.broken() == {"hangs": "purge", "cannot": "purge", "cancelled": "purge"}
        works.set()
        await purges.turn(6)
        assert set(health.broken()) == {"hangs", "cancelled"}
        assert hangs.did == [], "it is not begun a second time beside itself"
        hangs.let_go.set()
        await loop_turn()
        await purges.turn(7)
        assert set(health.broken()) == {"cancelled"}
    counted = telemetry.registry.get_sample_value
    assert counted("ringback_part_faults_total", {"part": "hangs", "doing": "purge"}) == 2


@pytest.mark.parametrize("fault", [LedgerAway("no room", "full"), OutcomeUnknown("closed")])
async def test_a_part_is_not_to_blame_for_a_ledger_that_is_away(fault: RingbackError) -> None:
    async def purge(_at_ms: int) -> int:
        raise fault

    purges, health, _ = purging(("blameless", purge))
    assert (await purges.turn(5), health.broken()) == (None, {})


async def test_a_purge_that_never_has_enough_ends() -> None:
    begun: list[int] = []

    async def greedy(at_ms: int) -> int:
        begun.append(at_ms)
        return 1

    purges, health, _ = purging(("greedy", greedy))
    await purges.turn(5)
    assert len(begun) == tasks.PURGES_MAX
    assert health.broken() == {}


async def test_retention_runs_the_parts_purges_after_its_own(tmp_path: Path) -> None:
    async with serving(settings(tmp_path), parts=[named("faulty", purge=Stubborn().purge)]) as service:
        stubborn = Stubborn()
        retention = service._retention()
        retention._parts = PartPurges([("faulty", stubborn.purge)], service.health)
        await retention.turn()
        assert stubborn.did == ["purge"]


# -- writers -----------------------------------------------------------------------------------------------------------


async def test_writers_are_checked_side_by_side_and_one_of_a_part_is_named(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two writers that do not answer takes all of the time; the door is ready without the part's."""
    go, busy = threading.Event(), list[asyncio.Future[Any]]()

    def wait(_: Connection, asked: Sequence[None]) -> Sequence[None]:
        go.wait(20)
        return asked

    db = Settings.read(db=postgres_url, listen="127.0.0.1:0")
    async with serving(db, parts=[notes.PART]) as service:
        database = service.store.database
        assert database is not None
        assert await service.store.check(20) == {}
        busy.append(asyncio.ensure_future(database.writer("notes").run(wait, None)))
        with monkeypatch.context() as hurried:
            hurried.setattr(wiring, "READY_S", 1.0)
            status, checks = await ready(service)
        assert (status, checks["ledger"], checks["part notes"]) == (200, "ok", "broken: write (away)")
        busy.append(asyncio.ensure_future(database.writer("heartbeat-writer").run(wait, None)))
        asked = asyncio.Barrier(len(database.writers))
        word_of = store._word_of

        async def together(*args: Any) -> str | None:
            async with asyncio.timeout(20):
                await asked.wait()
            return await word_of(*args)

        monkeypatch.setattr(store, "_word_of", together)
        assert await service.store.check(1.0) == {"notes": "away", "heartbeat-writer": "away"}, "side by side"
        go.set()
        await asyncio.gather(*busy)
