"""Time zones as arithmetic: a zone is a list of spans of time, each with one offset from UTC.

All instants are milliseconds since the epoch. An instant always has exactly one local time; a local time may have none
(a gap, when clocks go forward) or two instants (an overlap, when they go back). Rules are therefore judged from the
instant to the local time, never the other way; only a deadline, which is a local time, is turned into an instant.
The IANA database is data of the interpreter: the same name gives the same zone as long as the process lives.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

DAY_MS = 86_400_000
EPOCH_DAY = date(1970, 1, 1).toordinal()
EARLIEST_MS = 0
LATEST_MS = (date(9000, 1, 1).toordinal() - EPOCH_DAY) * DAY_MS
"""Instants beyond these are refused: the standard library ends with the year 9999."""
STRETCH_MS = 128 * DAY_MS
"""A zone's offsets are looked up and kept for a stretch of this length."""
SAMPLE_MS = DAY_MS // 2
"""No zone changes its offset twice within this time."""
ZONES_KEPT = 1_024
OF_THE_MACHINE = frozenset({"localtime", "posixrules"})
"""Files beside the database: what they say is another thing on each machine."""
OTHER_COUNTS = ("posix/", "right/")
"""Folders beside it: the same zones again, with leap seconds and without."""
STRETCHES_KEPT = 8_192


class Span(NamedTuple):
    """From `start_ms`, up to `end_ms`, local time is UTC + `offset_ms`."""

    start_ms: int
    end_ms: int
    offset_ms: int


@lru_cache(maxsize=ZONES_KEPT)
def zone_named(name: str) -> ZoneInfo | None:
    """None for a name that the IANA database does not have."""
    if name in OF_THE_MACHINE or name.startswith(OTHER_COUNTS):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the database is an OSError
        return None


def zone_names() -> list[str]:
    """All that there are."""
    return sorted(listed_zones() - OF_THE_MACHINE)


@cache
def listed_zones() -> frozenset[str]:
    """Every name in the database, also those of the machine. It is read once: it has some 600 files."""
    return frozenset(available_timezones())


def spans(zone: str, from_ms: int, to_ms: int) -> Iterator[Span]:
    """The spans of [from_ms, to_ms), in order. Neighbours may have the same offset."""
    for stretch in range(from_ms // STRETCH_MS, -(-to_ms // STRETCH_MS)):
        for span in _stretch(zone, stretch):
            start, end = max(span.start_ms, from_ms), min(span.end_ms, to_ms)
            if start < end:
                yield Span(start, end, span.offset_ms)


def local_time(ms: int, zone: str) -> datetime:
    """Raises where the zone is not known."""
    known = zone_named(zone)
    assert known is not None, zone
    return datetime.fromtimestamp(ms // 1000, known) + timedelta(milliseconds=ms % 1000)


def local_day(ms: int, zone: str) -> date:
    return local_time(ms, zone).date()


def instant(day: date, time_ms: int, zone: str) -> int:
    """The first instant of the local time `time_ms` after midnight; in a gap the instant at which the gap ends."""
    wanted = (day.toordinal() - EPOCH_DAY) * DAY_MS + time_ms
    for span in spans(zone, wanted - DAY_MS, wanted + DAY_MS):
        if wanted < span.end_ms + span.offset_ms:
            return max(wanted - span.offset_ms, span.start_ms)
    raise AssertionError((day, time_ms, zone))


@lru_cache(maxsize=STRETCHES_KEPT)
def _stretch(zone: str, stretch: int) -> tuple[Span, ...]:
    """The last is empty where the offset changes as the stretch ends."""
    found: list[Span] = []
    start = stretch * STRETCH_MS
    end = start + STRETCH_MS
    before = _offset_ms(zone, start)
    for left in range(start, end, SAMPLE_MS):
        right = left + SAMPLE_MS
        after = _offset_ms(zone, right)
        if before != after:
            changed = _change(zone, left, right)
            found.append(Span(start, changed, before))
            start, before = changed, after
    found.append(Span(start, end, before))
    return tuple(found)


def _change(zone: str, left: int, right: int) -> int:
    """The first instant of the offset that holds at `right`; changes fall on whole seconds."""
    before = _offset_ms(zone, left)
    while right - left > 1000:
        middle = (left + right) // 2000 * 1000
        if _offset_ms(zone, middle) == before:
            left = middle
        else:
            right = middle
    return right


def _offset_ms(zone: str, ms: int) -> int:
    known = zone_named(zone)
    assert known is not None, zone
    offset = datetime.fromtimestamp(ms // 1000, known).utcoffset()
    assert offset is not None, zone
    return (offset.days * 86_400 + offset.seconds) * 1_000  # no zone has parts of a second
