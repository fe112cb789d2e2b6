"""The log's clock: ours, or ours set every 10 s against that of the server which dates the entries."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from cti.errors import LedgerAway, LogAway
from cti.ports import Clock

RESET_MS = 10_000
SAMPLES = 3  # of which the one with the shortest way there and back counts

logger = structlog.get_logger()


class ServerClock:
    """A local clock plus its distance from the server's; never goes back."""

    def __init__(self, local: Clock, ask: Callable[[], Awaitable[float]]) -> None:
        self._local = local
        self._ask = ask
        self._ahead_ms = 0.0  # the server's clock minus ours
        self._last_ms = 0.0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def now_ms(self) -> float:
        self._last_ms = max(self._last_ms, self._local.now_ms() + self._ahead_ms)
        return self._last_ms

    async def start(self) -> None:
        await self.set()
        self._task = asyncio.create_task(self._keep_set())

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def set(self) -> None:
        """Ask the server a few times and take over its time. Raises what asking raises."""
        samples = [await self._sample() for _ in range(SAMPLES)]
        self._ahead_ms = min(samples)[1]

    async def _sample(self) -> tuple[float, float]:
        """(there and back, the server's lead), both ms."""
        before_ms = self._local.now_ms()
        server_ms = await self._ask()
        after_ms = self._local.now_ms()
        return after_ms - before_ms, server_ms - (before_ms + after_ms) / 2

    async def _keep_set(self) -> None:
        while True:
            await self._local.wait(self._stopping, self._local.now_ms() + RESET_MS)
            if self._stopping.is_set():
                return
            try:
                await self.set()
            except (LedgerAway, LogAway) as fault:
                logger.warning("the log's clock could not be set", action="log_clock_unset", error=str(fault))
