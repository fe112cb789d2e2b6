"""The last entries of a log, in memory with their parsed events, so that the engine beside it need not read SQL.

What the engine has read goes again, but for a few that it reads twice when a round fails; the bounds are for what
waits.
"""

from cti.ports import Entry

ENTRIES_MAX = 65_536  # a partition
BYTES_MAX = 96 * 1024 * 1024  # of all partitions: some 60,000 events
EVENT_BYTES = 1_200  # what a parsed event takes beside its body, roughly
READ_KEPT = 1_024  # entries of a partition that were read: two rounds
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
        self._size += _size(entry)
        while len(self._entries) > self._entries_max or (self._size > self._bytes_max and len(self._entries) > 1):
            self._drop_first()

    def _drop_first(self) -> None:
        self._size -= _size(self._entries.pop(self._first))
        self._first += 1

    def forget(self) -> None:
        """Hold nothing any more; where the log ends stays known."""
        self._first += len(self._entries)
        self._entries.clear()
        self._size = 0

    def read(self, after: int, limit: int) -> list[Entry]:
        """Up to `limit` entries behind a position; none where the next one is not held. What is long read goes."""
        end = self._first + len(self._entries)
        for _ in range(self._first, min(after + 1 - READ_KEPT, end)):
            self._drop_first()
        if not self._first <= after + 1 < end:
            return []
        return [self._entries[position] for position in range(after + 1, min(after + 1 + limit, end))]


def _size(entry: Entry) -> int:
    return len(entry.body) if entry.event is None else len(entry.body) + EVENT_BYTES
