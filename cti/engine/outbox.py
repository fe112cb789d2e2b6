"""Outbox of what was decided, on their way to the topics that integrators read.

A copy is written in its round's transaction and goes out after the commit; that it has arrived is written with a later
round. So a copy may come twice, with the same id, and none is lost: whoever takes a partition over sends again what is
still in the ledger.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from cti.errors import LogAway
from cti.ports import Clock, Publisher
from cti.rows import OutboxRow

WAITING_MAX = 20_000  # copies; beyond them the engine takes nothing in until some are out
TRY_AGAIN_MS = 1_000.0

log = structlog.get_logger()


class Outbox:
    """What waits to be published, in order. `run` is a task beside the engine's."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock
        self._waiting: deque[Sequence[OutboxRow]] = deque()
        self._count = 0
        self._more = asyncio.Event()
        self._arrived: dict[int, int] = {}

    def send(self, rows: Sequence[OutboxRow]) -> None:
        """A round that stands held these."""
        if rows:
            self._waiting.append(rows)
            self._count += len(rows)
            self._more.set()

    @property
    def too_many(self) -> bool:
        return self._count > WAITING_MAX

    def arrived(self) -> dict[int, int]:
        """The last number that has arrived, of each partition that has news."""
        found, self._arrived = self._arrived, {}
        return found

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while self._waiting:
                await self._publish(self._waiting[0])
                self._count -= len(self._waiting.popleft())
            self._more.clear()
            await self._more.wait()

    async def _publish(self, rows: Sequence[OutboxRow]) -> None:
        while True:
            try:
                await self._publisher.publish(rows)
            except LogAway as error:
                log.warning("copies wait", action="copies_wait", why=str(error), waiting=self._count)
                await self._clock.wait(asyncio.Event(), self._clock.now_ms() + TRY_AGAIN_MS)
                continue
            self._arrived.update({row.partition: row.no for row in rows})
            return
