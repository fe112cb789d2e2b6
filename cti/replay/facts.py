"""From the cells of a record to facts, and from the facts of a call to its events. Pure: same cells, same bytes.

No event is invented: a line gives the events its mapping names, where their condition holds and their time is there.
"""

import re
from collections import Counter
from collections.abc import Mapping as Cells
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import to_json

from cti.core.times import rfc3339
from cti.replay.durations import seconds_ms
from cti.replay.mapping import (
    CLOSING,
    OPENING,
    PLACEHOLDER,
    ColumnValue,
    EventSource,
    Exclusion,
    FieldValue,
    Mapping,
    When,
)
from cti.replay.reasons import Damaged, Rejection
from cti.replay.times import Times
from schemas.envelope import AHEAD_MAX_MS, EARLIEST_MS, Refused, read_event

KEY_CHARS_MAX = 200
# The product refuses events more than a day ahead; the replay itself takes a while.
FUTURE_MAX_MS = AHEAD_MAX_MS - 3_600_000
YEAR_2200_MS = 7_258_118_400_000


class Fact(NamedTuple):
    """One event of one record, with the cells that it comes from."""

    at_ms: int
    source: EventSource
    cells: Cells[str, str]


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """One CloudEvent as it will be posted: its time at the switch (ms since the epoch) and its JSON bytes."""

    at_ms: int
    kind: str
    body: bytes


def key_of(cells: Cells[str, str], mapping: Mapping) -> str:
    """The key of a record's call; raises Damaged if it is missing."""
    words = [cells[column] for column in mapping.key]
    if not all(words) and mapping.key_else is not None:
        words = [cells[column] for column in mapping.key_else]
    key = "-".join(words)
    if not all(words) or len(key) > KEY_CHARS_MAX:
        raise Damaged(Rejection.NO_KEY, key[:KEY_CHARS_MAX])
    return key


def excluded_as(cells: Cells[str, str], mapping: Mapping) -> str | None:
    """The name of the first exclusion that takes this record, if any does."""
    return next((exclusion.name for exclusion in mapping.exclude if _holds(exclusion, cells)), None)


def facts_of(cells: Cells[str, str], mapping: Mapping, latest_ms: int = YEAR_2200_MS) -> list[Fact]:
    """The facts of one record; raises Damaged. Times of events whose condition does not hold are not read."""
    times = Times(cells, mapping)
    facts = [
        Fact(at_ms, source, cells)
        for source in mapping.event
        if _holds(source, cells) and (at_ms := times.at_ms(source.at)) is not None
    ]
    for fact in facts:
        if fact.at_ms < EARLIEST_MS:
            raise Damaged(Rejection.BAD_TIME, f"{fact.source.at}: before 1980")
        if fact.at_ms > latest_ms:
            raise Damaged(Rejection.BAD_TIME, f"{fact.source.at}: in the future")
    return facts


def opens_and_closes(facts: Sequence[Fact]) -> bool:
    """Whether these facts are a call by themselves."""
    kinds = {fact.source.kind for fact in facts}
    return CLOSING in kinds and not kinds.isdisjoint(OPENING)


def events_of(key: str, facts: Sequence[Fact], mapping: Mapping) -> list[TimedEvent]:
    """The events of one call; raises Damaged.

    Events of one name are distinguished by their number in the file: a file that has grown gives the same ids.
    """
    if mapping.rows == "leg":
        facts = _of_all_legs(facts)
    facts = _in_bounds(facts, mapping.rounding_s * 1000)
    numbers: Counter[str] = Counter()
    events = []
    for fact in facts:
        name = fact.source.key
        numbers[name] += 1
        event_id = f"{key}/{name}" if numbers[name] == 1 else f"{key}/{name}/{numbers[name]}"
        body = to_json(_item(fact, key, event_id, mapping))
        events.append(TimedEvent(fact.at_ms, fact.source.kind, body))
    return events


def _holds(part: EventSource | Exclusion, cells: Cells[str, str]) -> bool:
    return _is_so(part.when, cells) and not (part.unless and _is_so(part.unless, cells))


def _is_so(when: When, cells: Cells[str, str]) -> bool:
    return all(cells[column] in words for column, words in when.items())


def _of_all_legs(facts: Sequence[Fact]) -> list[Fact]:
    """Each leg opens and closes: the call opens with the first of them and closes with the last."""
    opening = min((fact for fact in facts if fact.source.kind in OPENING), key=_when, default=None)
    closing = max((fact for fact in facts if fact.source.kind == CLOSING), key=_when, default=None)
    kept = (opening, closing)
    return [fact for fact in facts if fact.source.kind not in {*OPENING, CLOSING} or any(fact is end for end in kept)]


def _when(fact: Fact) -> int:
    return fact.at_ms


def _in_bounds(facts: Sequence[Fact], rounding_ms: int) -> Sequence[Fact]:
    """A call opens once, closes once, and its facts follow each other as their kinds do.

    A time outside the call by no more than `rounding_ms` is that of its edge. Raises Damaged.
    """
    kinds = [fact.source.kind for fact in facts]
    if sum(kind in OPENING for kind in kinds) != 1:
        raise Damaged(Rejection.NO_OPENING, "not exactly one event opens the call")
    if kinds.count(CLOSING) != 1:
        raise Damaged(Rejection.NO_CLOSING, "not exactly one event closes the call")
    opens_ms = next(fact.at_ms for fact in facts if fact.source.kind in OPENING)
    closes_ms = next(fact.at_ms for fact in facts if fact.source.kind == CLOSING)
    for fact in facts:
        if not opens_ms - rounding_ms <= fact.at_ms <= closes_ms + rounding_ms or closes_ms < opens_ms:
            raise Damaged(Rejection.OUT_OF_ORDER, f"{fact.source.key} lies outside the call")
    if rounding_ms:
        facts = [fact._replace(at_ms=min(max(fact.at_ms, opens_ms), closes_ms)) for fact in facts]
    queued = [fact.at_ms for fact in facts if fact.source.kind == "queued"]
    answered = [fact.at_ms for fact in facts if fact.source.kind == "established"]
    if queued and answered and min(queued) > min(answered):
        raise Damaged(Rejection.OUT_OF_ORDER, "queued after it was answered")
    return facts


def _item(fact: Fact, key: str, event_id: str, mapping: Mapping) -> dict[str, Any]:
    source = fact.source
    data = {name: value for name, spec in source.data.items() if (value := _value(spec, fact.cells)) is not None}
    item = {
        "specversion": "1.0",
        "id": event_id,
        "source": mapping.source,
        "type": f"ringback.call.{source.kind}.v1",
        "subject": key,
        "time": rfc3339(fact.at_ms),
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
    none = spec.none or ()
    column = next((name for name in spec.column if cells[name] and cells[name] not in none), None)
    if column is None:
        return None
    word = cells[column]
    if spec.pattern is not None:
        return _number(spec, column, _matched(spec.pattern, word))
    return word in spec.is_ if spec.is_ is not None else _number(spec, column, word)


def _matched(pattern: str, word: str) -> str | None:
    found = re.search(pattern, word)
    return None if found is None else (found[1] if found.re.groups else found[0]) or None


def _number(spec: ColumnValue, column: str, word: str | None) -> str | int | float | None:
    if word is None or spec.as_ == "text":
        return word
    thousandths = seconds_ms(column, word)
    if spec.as_ == "decimal":
        return thousandths / 1000
    if thousandths % 1000:
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}")
    return thousandths // 1000
