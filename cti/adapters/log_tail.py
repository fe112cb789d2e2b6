"""The newest entries of a log, cached with their parsed events, so that the engine of this process need not read SQL.

Entries that the engine has read leave the cache, except the last few, which it reads again when a round fails. The
bounds are for entries it has not read yet.
"""

from typing import Final

from cti.ports import Entry

ENTRIES_MAX: Final = 65_536  # a partition
BYTES_MAX: Final = 96 * 1024 * 1024  # of all partitions: some 60,000 events
EVENT_BYTES: Final = 1_200  # memory of a parsed event beside its body, roughly
READ_KEPT: Final = 1_024  # entries of a partition kept after they were read: two rounds
UNKNOWN: Final = -1


class LogTail:
    """Consecutive entries of one partition, up to the last known."""

    __slots__ = ("_bytes_max", "_entries", "_entries_max", "_first", "_size", "last")

    def __init__(self, last: int, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._entries: dict[int, Entry] = {}
        self._size = 0
        self._first = last + 1
        self.last = last  # position; UNKNOWN while the log may hold more

    def add(self, entry: Entry) -> None:
        """Add the next entry; after a gap (another process appended) start over with it."""
        if entry.position != self._first + len(self._entries):
            self.forget()
            self._first = entry.position
        self._entries[entry.position] = entry
        self.last = entry.position
        self._size += _size(entry)
        while len(self._entries) > self._entries_max or (self._size > self._bytes_max and len(self._entries) > 1):
            self._drop_first()

    def _drop_first(self) -> None:
        self._size -= _size(self._entries.pop(self._first))
        self._first += 1

    def forget(self) -> None:
        """Drop all entries; the last position stays known."""
        self._first += len(self._entries)
        self._entries.clear()
        self._size = 0

    def read(self, after: int, limit: int) -> list[Entry]:
        """Up to `limit` entries after a position; none where the next is not cached. Drops entries read long ago."""
        end = self._first + len(self._entries)
        for _ in range(self._first, min(after + 1 - READ_KEPT, end)):
            self._drop_first()
        if not self._first <= after + 1 < end:
            return []
        return [self._entries[position] for position in range(after + 1, min(after + 1 + limit, end))]


def _size(entry: Entry) -> int:
    return len(entry.body) if entry.event is None else len(entry.body) + EVENT_BYTES
