"""The background tasks of a process: each runs until the process stops. One that ends sooner is a failure of the whole.

How it ended does not matter: a task that returns leaves the process as incomplete as one that raises.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from cti.errors import PartEnded, RingbackError

log = structlog.get_logger()


class Supervision:
    """Starts tasks and watches them. `failed` gets the first failure; whoever serves must stop then."""

    def __init__(self) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._stopping = False

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task that is watched, and ended by `stop`."""
        self.watch(name, asyncio.create_task(work, name=name))

    def watch(self, name: str, task: asyncio.Task[Any]) -> None:
        """Watch a task that somebody else ends, after `stopping`."""
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    def stopping(self) -> None:
        """From now on tasks may end."""
        self._stopping = True

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        self.stopping()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.failed.done():
            self.failed.exception()  # nobody may have asked for it

    def _ended(self, task: asyncio.Task[Any]) -> None:
        fault = None if task.cancelled() else task.exception()
        if self._stopping or self.failed.done():
            return
        name = self._tasks[task]
        failure = PartEnded(name if fault is None else f"{name}: {fault}")
        failure.__cause__ = fault
        self.failed.set_exception(failure)  # first: whatever becomes of the line below, the process stops
        # What says itself why (a malformed database, a takeover) is a line; a defect of ours needs its traceback.
        shown = None if isinstance(fault, RingbackError) else fault
        log.error("a part has ended", action="engine_stopped", part=name, why=str(failure), exc_info=shown)
