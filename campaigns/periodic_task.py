"""Work that is done again and again, at its time."""

import asyncio
from typing import ClassVar

from campaigns.context import Context
from cti.errors import LedgerAway, OutcomeUnknown


class PeriodicTask:
    """`Task` of `cti.hosting` that holds nothing. `every_ms`: from one look to the next, unless a look says otherwise
    in `_next_ms`.
    """

    away: ClassVar[tuple[type[Exception], ...]] = (LedgerAway, OutcomeUnknown)  # what is tried again at the next look

    def __init__(self, context: Context, every_ms: float) -> None:
        self._context, self._every_ms = context, every_ms
        self._next_ms = float("-inf")

    async def start(self) -> None:
        """Nothing is held."""

    async def run(self) -> None:
        while True:
            await self.step()
            await self._context.clock.wait(asyncio.Event(), self.next_ms())

    def next_ms(self) -> float:
        """When the next look is due."""
        return self._next_ms

    async def step(self) -> bool:
        """One look where one is due; whether anything was done."""
        now_ms = self._context.clock.now_ms()
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + self._every_ms
        try:
            return await self._look(now_ms)
        except self.away as error:
            self._wait(error, now_ms)
            return False

    async def stop(self) -> None:
        """Nothing is held."""

    async def _look(self, now_ms: float) -> bool:
        """The work; whether anything was done. Raises what is in `away`."""
        raise NotImplementedError

    def _wait(self, error: Exception, now_ms: float) -> None:
        """The work waits for the next look."""
        raise NotImplementedError
