"""The event log in memory: for tests and tools; gone when the process ends."""

from collections.abc import Mapping, Sequence

from cti.adapters.clock import STEP_MS
from cti.adapters.event_log_local import LocalEventLog
from cti.adapters.event_log_sql import EVER_MS, PURGE_ENTRIES
from cti.adapters.partitioning import partition_of
from cti.errors import LogTruncated
from cti.ports import Appending, Clock, Entry, LogEnd


class MemoryEventLog(LocalEventLog):
    """`EventLog` of `cti.ports`, dated by `clock`."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        super().__init__(clock, partitions)
        self._parts = [_Partition(number) for number in range(partitions)]

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        now_ms = int(self.now_ms())
        positions = [self._keep(item, now_ms) for item in items]
        if positions:
            self._wake_all()
        return positions

    def _keep(self, item: Appending, now_ms: int) -> tuple[int, int]:
        parts = self._parts if item.everywhere else [self._parts[partition_of(item.key, self.partitions)]]
        positions = [part.keep(item, now_ms) for part in parts]
        return parts[0].number, positions[0]

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        share = max(1, limit // max(1, len(after)))
        return [
            entry for number, position in sorted(after.items()) for entry in self._parts[number].read(position, share)
        ]

    async def end(self) -> LogEnd:
        return LogEnd({part.number: part.last for part in self._parts}, self.now_ms())

    async def purge(self, before_ms: int, latest_ms: int | None = None) -> int:
        return sum(part.purge(before_ms, EVER_MS if latest_ms is None else latest_ms) for part in self._parts)


class _Partition:
    """Entries by position, without a gap."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.last = 0
        self._first = 1
        self._dated_ms = 0
        self._entries: dict[int, Entry] = {}

    def keep(self, item: Appending, now_ms: int) -> int:
        self.last += 1
        if not 0 <= self._dated_ms - now_ms <= STEP_MS:  # a larger difference: the clock was set
            self._dated_ms = now_ms
        entry = Entry(self.number, self.last, self._dated_ms, item.tenant, item.body, item.event)
        self._entries[self.last] = entry
        return self.last

    def read(self, after: int, limit: int) -> list[Entry]:
        if after + 1 < self._first:
            raise LogTruncated(f"partition {self.number}: position {after + 1} has gone")
        return [self._entries[position] for position in range(after + 1, min(after + limit, self.last) + 1)]

    def purge(self, before_ms: int, latest_ms: int) -> int:
        """As in SQL."""
        last = self._first - 1
        for position in range(self._first, self.last + 1):
            at_ms = self._entries[position].appended_at_ms
            if before_ms <= at_ms <= latest_ms or last >= self._first + PURGE_ENTRIES:
                break
            if at_ms < before_ms:
                last = position
        start, end = self._first, min(last, self._first + PURGE_ENTRIES - 1)
        for position in range(start, end + 1):
            del self._entries[position]
        self._first = end + 1
        return self._first - start
