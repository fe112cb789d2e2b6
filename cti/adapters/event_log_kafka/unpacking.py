"""Records with header names that are not UTF-8, as C clients may write them: aiokafka fails on such a record, returns
nothing after it, and would do so for ever. Here such a batch is decoded a second time, with these bytes escaped.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_UNPACK = "_unpack_records"  # the client's method that decodes a fetched partition
_original = vars(fetcher.PartitionRecords)[_UNPACK]
_LENGTH_AT, _AFTER_LENGTH = 8, 12  # of a batch: its length field; the length counts from after it


def tolerate_any_header() -> None:
    """Patch the clients of this process to read them."""
    fetcher.MemoryRecords = _KeptRecords
    setattr(fetcher.PartitionRecords, _UNPACK, _tolerant)


class _KeptRecords:
    """`MemoryRecords` that keeps its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        records = MemoryRecords(data)
        self.size_in_bytes, self.has_next, self.next_batch = (
            records.size_in_bytes, records.has_next, records.next_batch,
        )  # fmt: skip


def _tolerant(fetched: Any) -> Iterator[Any]:
    """A fetched partition, decoded by the client until it fails on a header name."""
    try:
        yield from _original(fetched)
    except UnicodeDecodeError:
        kept = vars(fetched)
        kept["_records"] = _LenientRecords(kept["_records"].data)  # records already returned are before its next offset
        yield from _original(fetched)


class _LenientRecords:
    """The same records, slower."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _end(self) -> int:
        """Where the next batch ends; after the data where no whole batch is left."""
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
    """A batch whose text decodes leniently."""

    def __init__(self, batch: _DefaultRecordBatchPy) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        unpacked: Iterator[Any] = iter(self._batch)
        vars(unpacked)["_buffer"] = _Lenient(vars(unpacked)["_buffer"])
        return unpacked


class _Lenient(bytearray):
    """Bytes that always decode: invalid ones are escaped."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        del errors
        return super().decode(encoding, "backslashreplace")
