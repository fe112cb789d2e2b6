"""The log's clock: our own, or our own adjusted every 10 s to that of the server that dates the entries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from cti.adapters.clock import STEP_MS
from cti.errors import RingbackError
from cti.ports import Clock

RESET_MS: Final = 10_000
SAMPLES: Final = 3  # of which the one with the shortest round trip counts

logger: Final = structlog.get_logger()


class ServerClock:
    """A local clock plus its distance from the server's.

    It never goes back by less than STEP_MS. A larger step of the server's clock is followed, in either direction, when
    the next setting agrees with it. `local` is monotonic: a setting of this machine's clock does not touch it.
    """

    def __init__(self, local: Clock, ask: Callable[[], Awaitable[float]]) -> None:
        self._local = local
        self._ask = ask
        self._ahead_ms: float | None = None  # the server's clock minus ours
        self._doubtful_ms: float | None = None  # another distance, seen once
        self._last_ms = float("-inf")
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def now_ms(self) -> float:
        now = self._local.now_ms() + (self._ahead_ms or 0.0)
        self._last_ms = now if self._last_ms - now > STEP_MS else max(self._last_ms, now)
        return self._last_ms

    async def start(self) -> None:
        await self.set()
        self._task = asyncio.create_task(self._keep_set())

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def set(self) -> None:
        """Ask the server a few times and adopt its time. Raises what the query raises."""
        samples = [await self._sample() for _ in range(SAMPLES)]
        ahead_ms = min(samples)[1]
        step_ms = 0.0 if self._ahead_ms is None else ahead_ms - self._ahead_ms
        if abs(step_ms) > STEP_MS:
            confirmed = self._doubtful_ms is not None and abs(ahead_ms - self._doubtful_ms) <= STEP_MS
            if not confirmed:
                self._doubtful_ms = ahead_ms
                return
            logger.warning("the clock of the log was set", action="clock_set", by_ms=round(step_ms))
        self._ahead_ms, self._doubtful_ms = ahead_ms, None

    async def _sample(self) -> tuple[float, float]:
        """(round trip, the server's lead), both ms."""
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
            except RingbackError as fault:
                logger.warning("the log's clock could not be set", action="log_clock_unset", error=str(fault))
            except Exception as fault:  # the boundary: a defect in our code must not leave the clock unset for good
                logger.exception("the log's clock could not be set", action="log_clock_unset", error=str(fault))
