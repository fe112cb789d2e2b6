"""From call records to events. Pure: the same lines give the same events, to the byte.

No event is invented: a line gives the events its mapping names, where their condition holds and their time is there.
A line is accepted whole, excluded by name, or rejected with a reason; never half.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Cells
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from cti.core.times import rfc3339
from cti.replay.mapping import CLOSING, OPENING, PLACEHOLDER, ColumnValue, EventSource, FieldValue, Mapping, When
from cti.replay.reasons import Damaged, Rejection
from cti.replay.rows import Row
from cti.replay.times import seconds_ms, times_of
from schemas.envelope import Refused, read_event

KEY_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """One CloudEvent as it will be posted: its time at the switch (ms since the epoch) and its JSON bytes."""

    at_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was set aside."""

    line: int
    reason: Rejection
    detail: str


@dataclass(slots=True)
class Reading:
    """What became of a file's lines: accepted + excluded + rejected = lines_in."""

    lines_in: int = 0
    accepted: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    events: list[TimedEvent] = field(default_factory=list)


def read_events(rows: Iterable[Row], mapping: Mapping) -> Reading:
    """Every event of the records, in file order, and the account of every line."""
    reading = Reading(excluded=Counter({exclusion.name: 0 for exclusion in mapping.exclude}))
    seen: set[str] = set()
    for row in rows:
        reading.lines_in += 1
        name = excluded_as(row, mapping)
        if name is not None:
            reading.excluded[name] += 1
            continue
        try:
            items = events_of(row, mapping, seen)
        except Damaged as damaged:
            reading.rejected.append(Rejected(row.line, damaged.reason, damaged.detail))
            continue
        reading.accepted += 1
        reading.events.extend(items)
    return reading


def excluded_as(row: Row, mapping: Mapping) -> str | None:
    """The name of the first exclusion that takes this line, if any does."""
    if row.damage:
        return None
    return next((one.name for one in mapping.exclude if _holds(one.when, row.cells)), None)


def events_of(row: Row, mapping: Mapping, keys_seen: set[str]) -> list[TimedEvent]:
    """The events of one record, opening first and closing last; raises Damaged. Adds its key to `keys_seen`."""
    if row.damage:
        raise Damaged(Rejection.UNREADABLE, row.damage)
    key = _key(row.cells, mapping)
    if key in keys_seen:
        raise Damaged(Rejection.KEY_TWICE, key)
    times = times_of(row.cells, mapping)
    found: list[tuple[int, EventSource]] = []
    for source in mapping.event:
        at_ms = times[source.at]
        if at_ms is not None and _holds(source.when, row.cells):
            found.append((at_ms, source))
    _refuse_disorder(found)
    events = [TimedEvent(at_ms, to_json(_item(at_ms, source, key, row.cells, mapping))) for at_ms, source in found]
    keys_seen.add(key)
    return events


def _key(cells: Cells[str, str], mapping: Mapping) -> str:
    words = [cells[column] for column in mapping.key]
    key = "-".join(words)
    if not all(words) or len(key) > KEY_CHARS_MAX:
        raise Damaged(Rejection.NO_KEY, key[:KEY_CHARS_MAX])
    return key


def _holds(when: When, cells: Cells[str, str]) -> bool:
    return all(cells[column] in words for column, words in when.items())


def _refuse_disorder(found: list[tuple[int, EventSource]]) -> None:
    """A call opens once, closes once, and its facts follow each other as their kinds do."""
    kinds = [source.kind for _, source in found]
    if sum(kind in OPENING for kind in kinds) != 1:
        raise Damaged(Rejection.NO_OPENING, "not exactly one event opens the call")
    if kinds.count(CLOSING) != 1:
        raise Damaged(Rejection.NO_CLOSING, "not exactly one event closes the call")
    opens_ms = next(at_ms for at_ms, source in found if source.kind in OPENING)
    closes_ms = next(at_ms for at_ms, source in found if source.kind == CLOSING)
    for at_ms, source in found:
        if not opens_ms <= at_ms <= closes_ms:
            raise Damaged(Rejection.OUT_OF_ORDER, f"{source.key} lies outside the call")
    queued = [at_ms for at_ms, source in found if source.kind == "queued"]
    answered = [at_ms for at_ms, source in found if source.kind == "established"]
    if queued and answered and min(queued) > min(answered):
        raise Damaged(Rejection.OUT_OF_ORDER, "queued after it was answered")


def _item(at_ms: int, source: EventSource, key: str, cells: Cells[str, str], mapping: Mapping) -> dict[str, Any]:
    data = {name: value for name, spec in source.data.items() if (value := _value(spec, cells)) is not None}
    item = {
        "specversion": "1.0",
        "id": f"{key}/{source.key}",
        "source": mapping.source,
        "type": f"ringback.call.{source.kind}.v1",
        "subject": key,
        "time": rfc3339(at_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
    try:
        read_event(item)
    except Refused as error:
        first = error.problems[0]
        raise Damaged(Rejection.BAD_FIELD, f"{source.key}{first.pointer}: {first.detail}") from error
    return item


def _value(spec: FieldValue, cells: Cells[str, str]) -> str | bool | int | float | None:
    if isinstance(spec, str):
        return PLACEHOLDER.sub(lambda match: cells[match[1]], spec) or None
    if not isinstance(spec, ColumnValue):
        return spec
    word = cells[spec.column]
    if word == "" or word in (spec.none or []):
        return None
    if spec.is_ is not None:
        return word in spec.is_
    if spec.as_ == "text":
        return word
    thousandths = seconds_ms(spec.column, word)
    if spec.as_ == "decimal":
        return thousandths / 1000
    if thousandths % 1000:
        raise Damaged(Rejection.BAD_NUMBER, f"{spec.column}: {word!r}")
    return thousandths // 1000
