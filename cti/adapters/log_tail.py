"""The last entries of a log, in memory with their parsed events, so that the engine beside it need not read SQL."""

from cti.ports import Entry

ENTRIES_MAX = 4_096  # a partition
BYTES_MAX = 16 * 1024 * 1024  # a partition
UNKNOWN = -1


class LogTail:
    """Entries of one partition without a gap, ending with the last one known."""

    __slots__ = ("_bytes_max", "_entries", "_entries_max", "_first", "_size", "last")

    def __init__(self, last: int, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._entries: dict[int, Entry] = {}
        self._size = 0
        self._first = last + 1
        self.last = last  # position; UNKNOWN while the log may hold more than was seen

    def add(self, entry: Entry) -> None:
        """The next entry; after a gap (another process appended) the stretch begins anew."""
        if entry.position != self._first + len(self._entries):
            self.forget()
            self._first = entry.position
        self._entries[entry.position] = entry
        self.last = entry.position
        self._size += len(entry.body)
        while len(self._entries) > self._entries_max or (self._size > self._bytes_max and len(self._entries) > 1):
            self._size -= len(self._entries.pop(self._first).body)
            self._first += 1

    def forget(self) -> None:
        """Hold nothing any more; where the log ends stays known."""
        self._first += len(self._entries)
        self._entries.clear()
        self._size = 0

    def read(self, after: int, limit: int) -> list[Entry]:
        """Up to `limit` entries behind a position; none where the next one is not held."""
        end = self._first + len(self._entries)
        if not self._first <= after + 1 < end:
            return []
        return [self._entries[position] for position in range(after + 1, min(after + 1 + limit, end))]
