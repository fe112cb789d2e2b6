"""Records whose headers have names that are no UTF-8, as clients in C may write them: Kafka's client breaks off at one,
gives nothing of what follows, and would do so for ever. Here such a batch is read once more, with these bytes written
out.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_UNPACK = "_unpack_records"  # what the client calls for what it has fetched of a partition
_as_ever = vars(fetcher.PartitionRecords)[_UNPACK]
_LENGTH_AT, _AFTER_LENGTH = 8, 12  # of a batch: its length, counted from behind it


def tolerate_any_header() -> None:
    """From now on the clients of this process read them."""
    fetcher.MemoryRecords = _Kept
    setattr(fetcher.PartitionRecords, _UNPACK, _tolerant)


class _Kept:
    """`MemoryRecords`, whose bytes are still to be had."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        records = MemoryRecords(data)
        self.size_in_bytes, self.has_next, self.next_batch = (
            records.size_in_bytes, records.has_next, records.next_batch,
        )  # fmt: skip


def _tolerant(fetched: Any) -> Iterator[Any]:
    """What was fetched of a partition: as the client reads it, as far as it can."""
    try:
        yield from _as_ever(fetched)
    except UnicodeDecodeError:
        kept = vars(fetched)
        kept["_records"] = _WrittenOut(kept["_records"].data)  # what was given already is behind its next offset
        yield from _as_ever(fetched)


class _WrittenOut:
    """The same records, slower."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _end(self) -> int:
        """Where the next batch ends; behind the data where there is no whole one."""
        if len(self._data) < self._at + _AFTER_LENGTH:
            return len(self._data) + 1
        length: int = struct.unpack_from(">i", self._data, self._at + _LENGTH_AT)[0]
        return self._at + _AFTER_LENGTH + length

    def has_next(self) -> bool:
        return self._end() <= len(self._data)

    def next_batch(self) -> "_Batch":
        begin, self._at = self._at, self._end()
        return _Batch(_DefaultRecordBatchPy(self._data[begin : self._at]))


class _Batch:
    """A batch of the client's, with lenient text in it."""

    def __init__(self, batch: _DefaultRecordBatchPy) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        unpacked: Iterator[Any] = iter(self._batch)
        vars(unpacked)["_buffer"] = _Lenient(vars(unpacked)["_buffer"])
        return unpacked


class _Lenient(bytearray):
    """Bytes that are always text."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        del errors
        return super().decode(encoding, "backslashreplace")
