"""What the event logs in memory and in SQL share: only the HTTP API appends, and all families lie in one log."""

import asyncio
from typing import ClassVar

from cti.adapters.log_clock import ServerClock
from cti.adapters.partitioning import partition_of
from cti.ports import Clock
from schemas.envelope import Family


class LocalEventLog:
    """Part of `EventLog` of `cti.ports`."""

    kinds: ClassVar[int] = 1

    def __init__(self, clock: Clock | ServerClock, partitions: int) -> None:
        self._clock, self._partitions = clock, partitions
        self._wakes: set[asyncio.Event] = set()

    @property
    def partitions(self) -> int:
        return self._partitions

    def partition_of(self, key: str, family: Family = "call") -> int:
        del family  # all are kept together here
        return partition_of(key, self._partitions)

    def passes_on(self, partition: int) -> bool:
        del partition  # only the HTTP API writes here, and it appends everywhere
        return False

    def now_ms(self) -> float:
        return self._clock.now_ms()

    def wake(self, event: asyncio.Event) -> None:
        self._wakes.add(event)

    def _wake_all(self) -> None:
        for event in self._wakes:
            event.set()
