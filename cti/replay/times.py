"""The times of one record, from its cells to milliseconds UTC. Pure.

A time is worked out when an event asks for it, so that a cell of an event that does not happen may hold anything.
A time of day has no date of its own. It belongs to the day of the time it follows, and to the day before or after
only if the duration column shows it; when clocks are set back, the duration also decides which of the two hours it is.
"""

from collections.abc import Mapping as Cells
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cti.replay.durations import seconds_ms
from cti.replay.mapping import Mapping, TimeSource
from cti.replay.moments import EPOCH, has_date, moment
from cti.replay.reasons import Damaged, Rejection

DAYS_TRIED = (0, 1, -1)
MILLISECOND = timedelta(milliseconds=1)


class Times:
    """The named times of one record, each worked out once, when it is asked for."""

    __slots__ = ("_cells", "_day", "_known", "_mapping", "_zone")

    def __init__(self, cells: Cells[str, str], mapping: Mapping) -> None:
        """Raises Damaged if the record's day cannot be read."""
        self._cells = cells
        self._mapping = mapping
        self._zone = ZoneInfo(mapping.time_zone)
        self._known: dict[str, int | None] = {}
        self._day: date | None = None
        if mapping.date_column is not None and mapping.date_format is not None:
            self._day = self._day_in(mapping.date_column, mapping.date_format)

    def at_ms(self, name: str) -> int | None:
        """The time in ms since 1970, or None where the record has none; raises Damaged."""
        if name not in self._known:
            try:
                self._known[name] = self._time(self._mapping.times[name])
            except OverflowError as error:
                raise Damaged(Rejection.BAD_TIME, f"{name}: outside the calendar") from error
        return self._known[name]

    def _time(self, source: TimeSource) -> int | None:
        if source.column is not None:
            return self._of_column(source, source.column)
        if source.start is not None:
            return self._shifted(source, source.start)
        if source.first is not None:
            return next((at_ms for name in source.first if (at_ms := self.at_ms(name)) is not None), None)
        there = [at_ms for name in source.earliest or () if (at_ms := self.at_ms(name)) is not None]
        return min(there, default=None)

    def _shifted(self, source: TimeSource, start: str) -> int | None:
        """A time with lengths added and taken off; what is added must not come to less than is taken off."""
        start_ms, none = self.at_ms(start), source.none or ()
        if start_ms is None or any(self._cells[column] in none for column in source.columns_named()):
            return None
        added_ms = sum(self._length_ms(column) for column in source.plus_s)
        added_ms += sum(self._length_ms(column) // 1000 for column in source.plus_ms)
        taken_ms = sum(self._length_ms(column) for column in source.minus_s)
        taken_ms += sum(self._length_ms(column) // 1000 for column in source.minus_ms)
        if (source.plus_s or source.plus_ms) and added_ms < taken_ms:
            columns = ", ".join(f"{column}: {self._cells[column]}" for column in source.columns_named())
            raise Damaged(Rejection.NEGATIVE, columns)
        return start_ms + added_ms - taken_ms

    def _length_ms(self, column: str) -> int:
        length_ms = seconds_ms(column, self._cells[column])
        if length_ms < 0:
            raise Damaged(Rejection.NEGATIVE, f"{column}: {self._cells[column]}")
        return length_ms

    def _of_column(self, source: TimeSource, column: str) -> int | None:
        word = self._cells[column]
        if word in (source.none or ()):
            return None
        local, form = self._read(column, word, source.format or self._mapping.time_format)
        of_day = self._day is not None and not has_date(form)
        if of_day and self._day is not None:
            local = datetime.combine(self._day, local.timetz())
        if source.after is None:
            return _instant_ms(local)
        anchor_ms = self.at_ms(source.after)
        if anchor_ms is None:
            return None
        if of_day:
            day = (EPOCH + anchor_ms * MILLISECOND).astimezone(local.tzinfo).date()
            local = datetime.combine(day, local.timetz())
        return _instant_ms(local) if source.duration_s is None else self._agreed(source, local, anchor_ms, of_day)

    def _agreed(self, source: TimeSource, local: datetime, anchor_ms: int, of_day: bool) -> int:
        """The moment, on this day, the next or the previous one, whose distance from `after` is the duration."""
        assert source.duration_s is not None
        length_ms = seconds_ms(source.duration_s, self._cells[source.duration_s])
        for days in DAYS_TRIED if of_day else (0,):
            for fold in (0, 1):
                at_ms = _instant_ms(local + timedelta(days=days), fold)
                if at_ms - anchor_ms == length_ms:
                    return at_ms
        duration_text, column = self._cells[source.duration_s], source.column
        raise Damaged(Rejection.DURATION, f"{column}: {local.time()} is not {duration_text} s ({source.duration_s}) on")

    def _day_in(self, column: str, forms: Sequence[str]) -> date:
        """The day in the mapping's zone, if the cell holds an instant; raises Damaged."""
        word = self._cells[column]
        try:
            return self._read(column, word, forms)[0].astimezone(self._zone).date()
        except OverflowError as error:
            raise Damaged(Rejection.BAD_TIME, f"{column}: {word!r}") from error

    def _read(self, column: str, word: str, forms: Sequence[str]) -> tuple[datetime, str]:
        """A cell's moment, and the first of the formats that reads it; raises Damaged."""
        for form in forms:
            try:
                return moment(word, form, self._zone), form
            except (ValueError, OverflowError):
                continue
        raise Damaged(Rejection.BAD_TIME, f"{column}: {word!r}")


def _instant_ms(local: datetime, fold: int = 0) -> int:
    return (local.replace(fold=fold) - EPOCH) // MILLISECOND
