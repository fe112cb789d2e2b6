"""A log as a rebuild reads it: from its start to a fixed end, on the clock of its entries. Appends nothing."""

import asyncio
from collections.abc import Mapping, Sequence

from cti.ports import Appending, Clock, Entry, EventLog, LogEnd
from schemas.envelope import Family

NOWHERE = (0, 0)


class LogToRebuild:
    """`EventLog` of `cti.ports` over another log, which it does not change."""

    def __init__(self, log: EventLog, clock: Clock, begins: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """`begins`: the last deleted position of each partition; `ends`: where the rebuild ends."""
        self._log, self._clock = log, clock
        self._begins, self._ends = dict(begins), ends
        self._seen_ms = 0.0  # the latest append time of what was read ...
        self._seen_at_ms = clock.now_ms()  # ... and when it was

    @property
    def partitions(self) -> int:
        return self._log.partitions

    @property
    def kinds(self) -> int:
        return self._log.kinds

    def partition_of(self, key: str, family: Family = "call") -> int:
        return self._log.partition_of(key, family)

    def passes_on(self, partition: int) -> bool:
        return self._log.passes_on(partition)

    def now_ms(self) -> float:
        """The time of the entries, so that idle calls close and ended calls are evicted as they were then."""
        return self._seen_ms + self._clock.now_ms() - self._seen_at_ms

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        """Discards: what an engine would append was appended then, and is in this log."""
        return [NOWHERE] * len(items)

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        unread = {partition: at for partition, at in after.items() if at < self._ends[partition]}
        if not unread:
            return []
        entries: list[Entry] = []
        for entry in await self._log.read(unread, limit):
            end = self._ends[entry.partition]
            if entry.position <= end:
                entries.append(entry)
            elif unread[entry.partition] < end:  # only Kafka's control records are left before the end
                entries.append(Entry(entry.partition, end, 0, entry.tenant, b""))
            unread[entry.partition] = entry.position
        if entries:
            now_ms = self.now_ms()
            self._seen_ms = max(now_ms, *(entry.appended_at_ms for entry in entries))
            self._seen_at_ms = self._clock.now_ms()
        return entries

    async def end(self) -> LogEnd:
        """The fixed end. It still asks the log, which then checks its reader for a stall."""
        await self._log.end()
        return LogEnd(self._ends, self.now_ms())

    def wake(self, event: asyncio.Event) -> None:
        self._log.wake(event)

    async def purge(self, before_ms: int, latest_ms: int | None = None) -> int:
        """Deletes nothing."""
        del before_ms, latest_ms
        return 0

    # -- how far it is -------------------------------------------------------------------------------------------------

    def is_read(self, positions: Mapping[int, int]) -> bool:
        """Whether an engine at these positions has read all of it."""
        return all(positions.get(partition, 0) >= end for partition, end in self._ends.items())

    def progress(self, positions: Mapping[int, int]) -> tuple[int, int]:
        """(entries read, entries in all), as far as positions count them."""
        read = sum(max(at - self._begins[partition], 0) for partition, at in positions.items())
        return read, sum(end - self._begins[partition] for partition, end in self._ends.items())

    @property
    def ends(self) -> Mapping[int, int]:
        return self._ends

    @property
    def complete(self) -> bool:
        """Whether the log still holds its first entry."""
        return not any(self._begins.values())
