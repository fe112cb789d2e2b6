"""The background tasks of a process: each runs until the process stops. If one ends sooner, the process has failed.

It does not matter how it ended: a task that returns is missing just like one that raises.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from cti.errors import PartEnded, RingbackError

log = structlog.get_logger()


class Supervision:
    """Starts tasks and watches them. `failed` gets the first failure; the server must then stop."""

    def __init__(self) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._stopping = False

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task that is watched, and ended by `stop`."""
        self.watch(name, asyncio.create_task(work, name=name))

    def watch(self, name: str, task: asyncio.Task[Any]) -> None:
        """Watch a task that other code ends, after `stopping`."""
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
            self.failed.exception()  # retrieve it, in case no caller has

    def _ended(self, task: asyncio.Task[Any]) -> None:
        fault = None if task.cancelled() else task.exception()
        if self._stopping or self.failed.done():
            return
        name = self._tasks[task]
        failure = PartEnded(name if fault is None else f"{name}: {fault}")
        failure.__cause__ = fault
        self.failed.set_exception(failure)  # first: whatever becomes of the line below, the process stops
        # An expected error (a malformed database, a takeover) needs only its message; a defect needs its traceback.
        shown = None if isinstance(fault, RingbackError) else fault
        log.error("a part has ended", action="engine_stopped", part=name, why=str(failure), exc_info=shown)
