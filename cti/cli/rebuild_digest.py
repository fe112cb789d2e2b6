"""Compares the records of two ledgers in one pass: a page of each in memory, never all."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from cti.ports import Reads
from schemas.records import canonical, judged

PAGE = 1_000
DIFFERENT_SHOWN_MAX = 20


@dataclass(slots=True)
class Digest:
    """As `schemas.records.records_digest`, taken as the records come."""

    records: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, content: bytes) -> None:
        self.records += 1
        self._hash.update(content + b"\n")

    def as_json(self) -> dict[str, Any]:
        return {"records": self.records, "records_sha256": self._hash.hexdigest()}


@dataclass(slots=True)
class Comparison:
    """One tenant's records in two ledgers. `missing`: in the original alone; `new`: in the rebuilt one alone."""

    rebuilt: Digest = field(default_factory=Digest)
    original: Digest = field(default_factory=Digest)
    same: int = 0
    different: int = 0
    missing: int = 0
    new: int = 0
    calls: list[str] = field(default_factory=list)  # some that differ

    @property
    def equal(self) -> bool:
        return not (self.different or self.missing or self.new)

    def unlike(self, call: str) -> int:
        """1, for a counter; notes the call's id while the list is short."""
        if len(self.calls) < DIFFERENT_SHOWN_MAX:
            self.calls.append(call)
        return 1


async def contents(reads: Reads, tenant: str) -> AsyncIterator[tuple[str, bytes]]:
    """(call, what of its record follows from the events, canonical) in the order of calls."""
    after = ""
    while page := await reads.records(tenant, after, PAGE):
        for text in page:
            record = from_json(text)
            after = record["call"]
            yield after, canonical(judged(record))


async def digest(reads: Reads, tenant: str) -> Digest:
    """The digest alone, where there is no ledger to compare with."""
    found = Digest()
    async for _, content in contents(reads, tenant):
        found.add(content)
    return found


async def compare(rebuilt: Reads, original: Reads, tenant: str) -> Comparison:
    """Merge both in call-id order."""
    found = Comparison()
    ours, theirs = contents(rebuilt, tenant), contents(original, tenant)
    ours_next, theirs_next = await anext(ours, None), await anext(theirs, None)
    while ours_next is not None or theirs_next is not None:
        if theirs_next is None or (ours_next is not None and ours_next[0] < theirs_next[0]):
            assert ours_next is not None
            found.new += found.unlike(ours_next[0])
            found.rebuilt.add(ours_next[1])
            ours_next = await anext(ours, None)
        elif ours_next is None or theirs_next[0] < ours_next[0]:
            found.missing += found.unlike(theirs_next[0])
            found.original.add(theirs_next[1])
            theirs_next = await anext(theirs, None)
        else:
            found.rebuilt.add(ours_next[1])
            found.original.add(theirs_next[1])
            if ours_next[1] == theirs_next[1]:
                found.same += 1
            else:
                found.different += found.unlike(ours_next[0])
            ours_next, theirs_next = await anext(ours, None), await anext(theirs, None)
    return found
