"""Work that one process does for all of them: whoever owns the one resource of a lease group."""

import asyncio
from typing import ClassVar

from campaigns.context import Context
from cti.errors import LedgerAway, OutcomeUnknown
from cti.hosting import Host
from cti.leases.ownership import HEARTBEAT_MS


class SoleTask:
    """`Task` of `cti.hosting`: looks at its lease, and where it is ours at what there is to do.

    `ours`: whether this process does the work. `every_ms`: from one look to the next.
    """

    away: ClassVar[tuple[type[Exception], ...]] = (LedgerAway, OutcomeUnknown)  # what is tried again at the next look

    def __init__(self, context: Context, host: Host, group: str, resource: str, idle_ms: float) -> None:
        """`idle_ms`: from one look to the next where no other process could own it."""
        self._context = context
        self._ownership = host.ownership(group, (resource,))
        self.every_ms = HEARTBEAT_MS if host.shared else idle_ms
        self.ours = False
        self._turned_ms = float("-inf")

    async def start(self) -> None:
        await self._ownership.start()

    async def run(self) -> None:
        while True:
            await self.step()
            await self._context.clock.wait(asyncio.Event(), self.next_ms())

    def next_ms(self) -> float:
        """When the next look is due."""
        return self._turned_ms + self.every_ms

    async def step(self) -> bool:
        """One look where one is due; whether anything was done."""
        now_ms = self._context.clock.now_ms()
        if now_ms < self._turned_ms + self.every_ms:
            return False
        self._turned_ms = now_ms
        try:
            lost = await self._look_at_lease()
            return await self._look(now_ms, lost=lost)
        except self.away as error:
            self._wait(error, now_ms)
            return False

    async def stop(self) -> None:
        await self._ownership.stop()

    async def _look_at_lease(self) -> bool:
        """Whether it was lost since the last look. Raises LedgerAway, OutcomeUnknown."""
        await self._ownership.turn()
        changes = self._ownership.changes()
        self._ownership.released(changes.release)
        lost = bool(changes.lost or changes.release)
        self.ours = (self.ours and not lost) or bool(changes.take)
        return lost

    async def _look(self, now_ms: float, *, lost: bool) -> bool:
        """The work, if it is ours; whether anything was done. Raises what is in `away`."""
        raise NotImplementedError

    def _wait(self, error: Exception, now_ms: float) -> None:
        """The work waits for the next look."""
        raise NotImplementedError
