"""The times of one call record: local wall clocks become milliseconds UTC. Pure.

A time of day has no date of its own. It belongs to the day of the time it follows, and to the day before or after
only where the duration column says so; where clocks are set back the duration also tells the hour that comes twice.
"""

from collections.abc import Mapping as Cells
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from cti.replay.mapping import Mapping, TimeSource
from cti.replay.reasons import Damaged, Rejection

DAYS_TRIED = (0, 1, -1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SECONDS_MAX = Decimal(10**9)

Times = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class _Wall:
    """What every time of one record shares: its zone, its formats and its date."""

    zone: ZoneInfo
    mapping: Mapping
    day: date | None

    def read(self, column: str, word: str) -> datetime:
        """The local time a cell says, on the record's day (or its own date, where the format has one)."""
        moment = _parsed(column, word, self.mapping.time_format, self.zone)
        return moment if self.day is None else datetime.combine(self.day, moment.timetz())

    def instant_ms(self, local: datetime, fold: int = 0) -> int:
        return (local.replace(fold=fold) - EPOCH) // MILLISECOND

    def day_of(self, at_ms: int) -> date:
        return (EPOCH + at_ms * MILLISECOND).astimezone(self.zone).date()


def times_of(cells: Cells[str, str], mapping: Mapping) -> Times:
    """Every named time of a record in ms since the epoch, None where it has none; raises Damaged."""
    zone, day = ZoneInfo(mapping.time_zone), None
    if mapping.date_column is not None and mapping.date_format is not None:
        day = _parsed(mapping.date_column, cells[mapping.date_column], mapping.date_format, zone).date()
    wall = _Wall(zone, mapping, day)
    times: Times = {}
    for name, source in mapping.times.items():
        times[name] = _time(source, cells, times, wall)
    return times


def seconds_ms(column: str, word: str) -> int:
    """A cell of whole or decimal seconds, in ms; raises Damaged."""
    try:
        seconds = Decimal(word)
    except InvalidOperation as error:
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}") from error
    if not seconds.is_finite() or abs(seconds) > SECONDS_MAX:
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}")
    return int(seconds * 1000)


def _time(source: TimeSource, cells: Cells[str, str], times: Times, wall: _Wall) -> int | None:
    if source.column is not None:
        return _column_time(source, source.column, cells, times, wall)
    if source.start is not None and source.plus_s is not None:
        start_ms, length_ms = times[source.start], seconds_ms(source.plus_s, cells[source.plus_s])
        if length_ms < 0:
            raise Damaged(Rejection.NEGATIVE, f"{source.plus_s}: {cells[source.plus_s]}")
        return None if start_ms is None else start_ms + length_ms
    there = [at_ms for name in source.first or source.earliest or [] if (at_ms := times[name]) is not None]
    if not there:
        return None
    return there[0] if source.first else min(there)


def _column_time(source: TimeSource, column: str, cells: Cells[str, str], times: Times, wall: _Wall) -> int | None:
    word = cells[column]
    if word in (source.none or []):
        return None
    local = wall.read(column, word)
    if source.after is None:
        return wall.instant_ms(local)
    anchor_ms = times[source.after]
    if anchor_ms is None:
        return None
    if wall.day is not None:
        local = datetime.combine(wall.day_of(anchor_ms), local.timetz())
    if source.duration_s is None:
        return wall.instant_ms(local)
    length_ms = seconds_ms(source.duration_s, cells[source.duration_s])
    for days in DAYS_TRIED if wall.day is not None else (0,):
        for fold in (0, 1):
            at_ms = wall.instant_ms(local + timedelta(days=days), fold)
            if at_ms - anchor_ms == length_ms:
                return at_ms
    raise Damaged(Rejection.DURATION, f"{column} {word} is not {cells[source.duration_s]} s ({source.duration_s}) on")


def _parsed(column: str, word: str, form: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(word, form).replace(tzinfo=zone)
    except ValueError as error:
        raise Damaged(Rejection.BAD_TIME, f"{column}: {word!r}") from error
