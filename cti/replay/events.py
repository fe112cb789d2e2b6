"""From call records to events, with an account of every line. Pure: the same lines give the same events, to the byte.

A line is accepted whole, excluded by name, or rejected with a reason; never half. If a call has several lines, it is
accepted whole or not at all: its lines are joined by their key.

* `rows = "call"`: a line is a call.
* `rows = "event"`: a line is a part of a call; `rows = "leg"`: a leg, which opens and closes by itself.
* Not said: a line that opens and closes a call is one; other lines of one key are put together.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cti.replay.facts import (
    FUTURE_MAX_MS,
    YEAR_2200_MS,
    Fact,
    TimedEvent,
    events_of,
    excluded_as,
    facts_of,
    key_of,
    opens_and_closes,
)
from cti.replay.mapping import Mapping
from cti.replay.reasons import Damaged, Rejection
from cti.replay.rows import Row


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was set aside."""

    line: int
    reason: Rejection
    detail: str


@dataclass(slots=True)
class Reading:
    """The account of a file's lines: accepted + excluded + rejected = lines_in."""

    lines_in: int = 0
    accepted: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    events: list[TimedEvent] = field(default_factory=list)

    def kinds(self) -> list[str]:
        """The kinds of event that these lines gave."""
        return sorted({event.kind for event in self.events})


@dataclass(slots=True)
class _Parts:
    """The lines of one call so far, and the first of them that was damaged."""

    lines: list[int] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    damaged_line: int | None = None


def read_events(rows: Iterable[Row], mapping: Mapping, now_ms: int | None = None) -> Reading:
    """Every event of the records, and the account of every line. `now_ms`: the present, if later times are wrong."""
    reader = _Reader(mapping, YEAR_2200_MS if now_ms is None else now_ms + FUTURE_MAX_MS)
    for row in rows:
        reader.read(row)
    return reader.finished()


class _Reader:
    def __init__(self, mapping: Mapping, latest_ms: int) -> None:
        self._mapping = mapping
        self._latest_ms = latest_ms
        self._reading = Reading(excluded=Counter({exclusion.name: 0 for exclusion in mapping.exclude}))
        self._keys: set[str] = set()
        self._parts: dict[str, _Parts] = {}

    def read(self, row: Row) -> None:
        """Account for one line."""
        reading = self._reading
        reading.lines_in += 1
        if row.damage:
            self._reject([row.line], Damaged(Rejection.UNREADABLE, row.damage))
            return
        exclusion = excluded_as(row.cells, self._mapping)
        if exclusion is not None:
            reading.excluded[exclusion] += 1
            return
        try:
            self._take(row)
        except Damaged as damaged:
            self._reject([row.line], damaged)

    def finished(self) -> Reading:
        """Judge the calls of several lines, now that the file has ended."""
        for key, parts in self._parts.items():
            try:
                self._refuse_damaged(parts)
                self._accept(key, parts.lines, parts.facts)
            except Damaged as damaged:
                self._reject(parts.lines, damaged)
        self._reading.rejected.sort(key=_line)
        return self._reading

    def _take(self, row: Row) -> None:
        key = key_of(row.cells, self._mapping)
        alone = self._mapping.rows not in {"event", "leg"}
        if alone and key in self._keys:
            raise Damaged(Rejection.KEY_TWICE, key)
        try:
            facts = facts_of(row.cells, self._mapping, self._latest_ms)
        except Damaged:
            if self._mapping.rows != "call":
                parts = self._parts.setdefault(key, _Parts())
                parts.damaged_line = parts.damaged_line or row.line
            raise
        if self._mapping.rows == "call" or (alone and opens_and_closes(facts)):
            self._accept(key, [row.line], facts)
            return
        parts = self._parts.setdefault(key, _Parts())
        parts.lines.append(row.line)
        parts.facts.extend(facts)

    def _accept(self, key: str, lines: list[int], facts: list[Fact]) -> None:
        if not lines:
            return
        events = events_of(key, facts, self._mapping)
        if key in self._keys:
            raise Damaged(Rejection.KEY_TWICE, key)
        self._keys.add(key)
        self._reading.accepted += len(lines)
        self._reading.events.extend(events)

    def _refuse_damaged(self, parts: _Parts) -> None:
        if parts.lines and parts.damaged_line is not None:
            raise Damaged(Rejection.CALL_DAMAGED, f"line {parts.damaged_line} of the same call was set aside")

    def _reject(self, lines: list[int], damaged: Damaged) -> None:
        self._reading.rejected += [Rejected(line, damaged.reason, damaged.detail) for line in lines]


def _line(rejected: Rejected) -> int:
    return rejected.line
