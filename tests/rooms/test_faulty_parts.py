"""A part that misbehaves: it is said, and costs the call side nothing."""

import asyncio
from pathlib import Path

import pytest

from cti.errors import SettingsMistake
from cti.hosting import Host, Opened, Part, find_parts
from cti.settings import Settings
from cti.wiring import serving
from tests.rooms.installed import install


async def next_turn() -> None:
    """Let the loop go round once."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


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
        await next_turn()
        if self._fault is not None:
            raise self._fault
        await next_turn()
        self.stopped = True


def part(*tasks: Stopping) -> Part:
    return Part(name="faulty", open=lambda _host: Opened(tasks=tasks))


def settings(folder: Path) -> Settings:
    return Settings.read(db=f"sqlite:///{folder}/ringback.db", listen="127.0.0.1:0")


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

    first, failing, never = Stopping(), Failing(), Stopping()
    with pytest.raises(SettingsMistake, match="faulty.*broken"):
        async with serving(settings(tmp_path), parts=[part(first, failing, never)]):
            pytest.fail("it serves")
    assert (first.stopped, failing.stopped, never.stopped) == (True, True, False)


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
