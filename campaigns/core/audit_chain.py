"""The chain of a tenant's audit log: each entry's hash covers the entry, its number and the hash before it. Pure.

A hash is SHA-256, in hexadecimal, of the entry in canonical JSON (RFC 8785): its members are those of `Entry` and
`before`, the hash of the entry with the number below; before the first stands GENESIS. `details` is covered as the text
that is kept, byte for byte.

Retention removes entries from the beginning, and says so in an entry of its own (PURGED) that names the last one that
went: the checkpoint, from which the rest still verifies.
"""

import hashlib
import json
from enum import StrEnum
from typing import NamedTuple

GENESIS = "0" * 64
PURGED = "audit_purged"  # `what` of the entry that retention makes; its details are those of `Checkpoint`


class Entry(NamedTuple):
    """What is covered by the hash. `campaign`: which it is about, if it is about one; `details`: JSON."""

    tenant: str
    no: int
    at_ms: int
    who: str
    what: str
    about: str
    details: str
    campaign: str | None


class Link(NamedTuple):
    """A place in the chain."""

    no: int
    hash: str


NOTHING = Link(0, GENESIS)


class FaultKind(StrEnum):
    """What can be wrong at a number."""

    MISSING = "missing"  # the number is not there, others after it are
    CHANGED = "changed"  # the entry, or the hash before it, is not what its hash was made of
    UNSEALED = "unsealed"  # it has no hash
    CUT = "cut"  # the newest entries are not there
    BEYOND = "beyond"  # entries after the newest that is on record
    CHECKPOINT = "checkpoint"  # no entry of retention says that what is gone went by age
    ANCHOR = "anchor"  # another hash than the given one, or no such entry
    ANCHOR_PURGED = "anchor_purged"  # its entry went by age: take a newer anchor


class Fault(NamedTuple):
    """The first thing that is wrong with a tenant's log, and at which number."""

    tenant: str
    no: int
    what: FaultKind


def canonical(entry: Entry, before: str) -> bytes:
    """RFC 8785: members in order, no blanks, UTF-8. Bytes that are no text are kept as they are, so that they show."""
    members = {**entry._asdict(), "before": before}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=repr)
    return text.encode("utf-8", "surrogateescape")


def sealed(entry: Entry, before: str) -> str:
    """The hash of an entry."""
    return hashlib.sha256(canonical(entry, before)).hexdigest()


def checkpoint_of(last: Link, entries: int) -> dict[str, str | int]:
    """The details of a PURGED entry: how many entries went, and the last of them."""
    return {"entries": entries, "hash": last.hash, "upto": last.no}


class Walk:
    """Takes the entries of one tenant in the order of their numbers, and knows the first fault.

    `newest`: the last entry that is on record; `purged`: the last that went by age. `anchor`: of earlier, from outside.
    """

    def __init__(self, tenant: str, newest: Link, purged: Link, anchor: Link | None = None) -> None:
        self._tenant, self._newest, self._purged, self._anchor = tenant, newest, purged, anchor
        self._last = purged
        self._details = ""  # of the last entry of retention
        self._held = anchor == purged  # the anchor has been found as it was given
        self.fault: Fault | None = None
        if anchor is not None and anchor.no < purged.no:
            self._found(anchor.no, FaultKind.ANCHOR_PURGED)

    def take(self, entry: Entry, kept: str | None) -> None:
        """The next entry, and the hash that is kept with it."""
        expected = self._last.no + 1
        if entry.no != expected:
            self._found(expected, FaultKind.MISSING)
        elif kept is None:
            self._found(entry.no, FaultKind.UNSEALED)
        elif sealed(entry, self._last.hash) != kept:
            self._found(entry.no, FaultKind.CHANGED)
        if self.fault is not None:
            return
        self._last = Link(entry.no, kept or "")
        self._held = self._held or self._last == self._anchor
        if entry.what == PURGED:
            self._details = entry.details

    def end(self) -> Fault | None:
        """The first fault, after the last entry."""
        last, newest, purged, anchor = self._last, self._newest, self._purged, self._anchor
        if last.no < newest.no:
            self._found(last.no + 1, FaultKind.CUT)
        elif last.no > newest.no:
            self._found(newest.no + 1, FaultKind.BEYOND)
        elif last != newest:
            self._found(newest.no, FaultKind.CHANGED)
        if _stated(self._details) != purged:
            self._found(purged.no, FaultKind.CHECKPOINT)
        if anchor is not None and not self._held:
            self._found(anchor.no, FaultKind.ANCHOR)
        return self.fault

    def _found(self, no: int, what: FaultKind) -> None:
        self.fault = self.fault or Fault(self._tenant, no, what)


def _stated(details: str) -> Link | None:
    """The checkpoint that an entry of retention states; None: it states none."""
    if not details:
        return NOTHING
    try:
        stated = json.loads(details)
        return Link(stated["upto"], stated["hash"])
    except (ValueError, LookupError, TypeError):
        return None
