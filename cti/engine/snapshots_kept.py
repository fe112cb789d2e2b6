"""The snapshots that a partition keeps of a switch, because events of before them may arrive after them (a spool).

* A snapshot is kept as the ids of the partition's calls that it names. A call that had opened before it and is not
  among them was absent then; what that means for the call and for the next one of its id is `core.call_endings` and
  `core.call_reuse`.
* Several are kept: between two of them an id may have been used again. The oldest go first, once there are more than
  SNAPSHOTS_MAX or they name more than NAMED_MAX calls; the newest always stays.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cti.core.facts import FIRST_KINDS, OPENING_KINDS, REINCARNATION_MS, Fact, rank_of

SNAPSHOTS_MAX: Final = 64  # of one switch in one partition: a line that fails every 10 minutes for half a day
NAMED_MAX: Final = 20_000  # calls in all of them together: some 2 MB


class Snapshot(NamedTuple):
    """A switch's snapshot, reduced to what calls that arrive after it need. Times in ms, by the switch's clock."""

    event_id: str
    at_ms: int
    calls: frozenset[str]

    def lacks(self, subject: str, opened_ms: int) -> bool:
        """Whether the call was open at that time and is not in the snapshot."""
        return opened_ms < self.at_ms and subject not in self.calls

    def derived(self, kind: str) -> Fact:
        """The fact that it gives for a call, with the snapshot's time."""
        return Fact(self.at_ms, -1, rank_of(kind), f"{self.event_id}:{kind}", kind, 0, {})


Kept = tuple[Snapshot, ...]
"""Oldest first."""


def kept_with(kept: Kept, snapshot: Snapshot) -> Kept:
    """These and one more, within the limits: an older one than all that are kept may not be among them."""
    if any(known.event_id == snapshot.event_id for known in kept):
        return kept
    newest_first = sorted((*kept, snapshot), key=_time, reverse=True)[:SNAPSHOTS_MAX]
    named, count = 0, 0
    for each in newest_first:
        named += len(each.calls)
        if count and named > NAMED_MAX:
            break
        count += 1
    return tuple(reversed(newest_first[:count]))


def lacked_between(kept: Kept, subject: str, after_ms: int, before_ms: int) -> Snapshot | None:
    """The last snapshot between these times that lacks the call."""
    for snapshot in reversed(kept):
        if snapshot.at_ms <= after_ms:
            return None
        if snapshot.at_ms < before_ms and subject not in snapshot.calls:
            return snapshot
    return None


def lacked_before_openings(kept: Kept, subject: str, opened_ms: int, facts: Iterable[Fact]) -> Iterable[Snapshot]:
    """For each fact that may begin another call of the id, the last snapshot before it that lacked this one.

    A stand-in for an opening begins another call only REINCARNATION_MS after the snapshot.
    """
    for fact in facts:
        if fact.kind in OPENING_KINDS:
            before_ms = fact.at_ms if fact.kind in FIRST_KINDS else fact.at_ms - REINCARNATION_MS
            snapshot = lacked_between(kept, subject, opened_ms, before_ms)
            if snapshot is not None:
                yield snapshot


def _time(snapshot: Snapshot) -> tuple[int, str]:
    return snapshot.at_ms, snapshot.event_id
