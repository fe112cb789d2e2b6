"""The outbox: commands, records and outcomes that are published to the topics that integrators read.

A row is written in its round's transaction and published after the commit. A later round writes that the topic has
acknowledged it. So a row may be published twice, with the same id, and none is lost: the next owner of a partition
publishes again the rows that are still in the ledger.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog

from cti.errors import LogAway
from cti.ports import Clock, Publisher
from cti.rows import OutboxRow

WAITING_MAX: Final = 20_000  # rows; beyond them the engine ingests nothing until some are published
RETRY_MS: Final = 1_000.0

log: Final = structlog.get_logger()


class Outbox:
    """The rows that wait to be published, in order. `run` is a task of its own."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock
        self._waiting: deque[Sequence[OutboxRow]] = deque()
        self._count = 0
        self._more = asyncio.Event()
        self._acknowledged: dict[int, int] = {}

    def enqueue(self, rows: Sequence[OutboxRow]) -> None:
        """Enqueue a committed round's outbox rows."""
        if rows:
            self._waiting.append(rows)
            self._count += len(rows)
            self._more.set()

    @property
    def too_many(self) -> bool:
        return self._count > WAITING_MAX

    def acknowledged(self) -> dict[int, int]:
        """By partition, the last number acknowledged since the previous call."""
        found, self._acknowledged = self._acknowledged, {}
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
                log.warning("outbox waits", action="copies_wait", why=str(error), waiting=self._count)
                await self._clock.wait(asyncio.Event(), self._clock.now_ms() + RETRY_MS)
                continue
            self._acknowledged.update({row.partition: row.no for row in rows})
            return
