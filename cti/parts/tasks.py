"""The tasks and the retention rules of the parts in this process. None of them can hold up the call side or each other.

| what happens | what follows |
| --- | --- |
| `start` raises | the process does not start, and names the part |
| `start` takes longer than START_S | the process serves without it; it runs once it has started |
| `stop` raises, or takes longer than STOP_S | it is left; the others and the engine stop |
| a purge raises, or takes longer than PURGE_S | the part is broken; it is tried again a minute later |
| the ledger is away or full during a purge | the part is not to blame: /readyz shows the ledger's word |
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from cti.errors import LedgerAway, OutcomeUnknown, RingbackError, SettingsMistake
from cti.hosting import Purge, Task
from cti.parts.health import PURGE, START, STOP, Caught, PartHealth, bounded

START_S = 5.0  # for all tasks together
STOP_S = 0.5  # likewise
PURGE_S = 20.0  # a part, each minute
PURGES_MAX = 200  # bounded pieces of work in one go; what then remains goes a minute later

Supervise = Callable[[str, Coroutine[Any, Any, None]], None]


class PartTasks:
    """Starts and stops the tasks."""

    def __init__(self, tasks: Sequence[tuple[str, Task]], health: PartHealth, supervise: Supervise) -> None:
        """`supervise` runs a coroutine until the process stops."""
        self._tasks, self._health, self._supervise = tasks, health, supervise
        self._begun: list[tuple[str, Task]] = []

    async def start(self) -> None:
        """Start all, side by side. Raises errors.RingbackError, OSError."""
        self._begun = list(self._tasks)
        starting = [asyncio.create_task(_start(name, task)) for name, task in self._begun]
        try:
            if starting:
                await asyncio.wait(starting, timeout=START_S, return_when=asyncio.FIRST_EXCEPTION)
            for start in starting:
                if start.done():
                    start.result()
        except BaseException:
            for start in starting:
                start.cancel()
            await asyncio.wait(starting, timeout=STOP_S)
            raise
        for (name, task), start in zip(self._begun, starting, strict=True):
            if not start.done():
                self._health.failed(name, START, TimeoutError(f"it has not started within {START_S:g} s"))
            self._supervise(name, self._run(name, task, start))

    async def _run(self, name: str, task: Task, start: asyncio.Task[None]) -> None:
        await start
        self._health.well(name, START)
        await task.run()

    async def stop(self) -> None:
        """Stop all that have begun, side by side."""
        await asyncio.gather(*(self._stop(name, task) for name, task in self._begun))

    async def _stop(self, name: str, task: Task) -> None:
        with Caught(Exception) as caught:
            await bounded(task.stop(), STOP_S)
        if caught.fault is not None:
            self._health.failed(name, STOP, caught.fault)


async def _start(name: str, task: Task) -> None:
    with named(name, "start"):
        await task.start()


class PartPurges:
    """Drops what is too old in the parts' tables, side by side."""

    def __init__(self, purges: Sequence[tuple[str, Purge]] = (), health: PartHealth | None = None) -> None:
        self._purges, self._health = purges, health
        self._under_way: set[str] = set()  # such as one that ignores its cancellation

    async def turn(self, at_ms: int) -> None:
        """Once a minute."""
        await asyncio.gather(*(self._turn(part, purge, at_ms) for part, purge in self._purges))

    async def _turn(self, part: str, purge: Purge, at_ms: int) -> None:
        assert self._health is not None
        if part in self._under_way:
            self._health.failed(part, PURGE, TimeoutError("its last purge has not ended"))
            return
        self._under_way.add(part)
        with Caught(Exception) as caught:
            await bounded(self._purge(part, purge, at_ms), PURGE_S)
        if caught.fault is None:
            self._health.well(part, PURGE)
        elif not isinstance(caught.fault, LedgerAway | OutcomeUnknown):
            self._health.failed(part, PURGE, caught.fault)

    async def _purge(self, part: str, purge: Purge, at_ms: int) -> None:
        try:
            for _ in range(PURGES_MAX):
                if not await purge(at_ms):
                    return
        finally:
            self._under_way.discard(part)


@contextlib.contextmanager
def named(part: str, what: str) -> Iterator[None]:
    """Name the part whose own code raised; errors of our tree pass unchanged."""
    try:
        yield
    except (RingbackError, OSError):
        raise
    except Exception as fault:
        raise SettingsMistake(f"part {part} cannot {what}: {fault}") from fault
