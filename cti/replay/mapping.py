"""The model of a mapping: how the columns of call records become events (docs/replay.md tells each key).

A mapping is checked whole before a line is read (`mapping_file.py`).
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cti.replay.decoding import text_encoding
from cti.replay.moments import ISO
from cti.replay.rows import Format, Layout, format_of

OPENING = ("offered", "serviceInitiated", "originated")
CLOSING = "callCleared"
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
ROUNDING_S_MAX = 5
ISO_TIMES_OF_DAY = ("%H:%M:%S", "%H:%M:%S.%f")

Path = tuple[str | int, ...]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {name}") from error
    return name


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


Name = Annotated[str, Field(min_length=1, max_length=64)]
Column = Annotated[str, Field(min_length=1, max_length=128)]
Words = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
Columns = Annotated[list[Column], BeforeValidator(_listed), Field(min_length=1)]
Character = Annotated[str, Field(min_length=1, max_length=1)]
When = dict[Column, Words]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Conditional(_Part):
    """Holds if all of `when` is true, and not all of `unless`."""

    when: When = Field(default_factory=dict)
    unless: When = Field(default_factory=dict)

    def columns_of_conditions(self) -> Iterator[tuple[Path, str]]:
        yield from ((("when",), column) for column in self.when)
        yield from ((("unless",), column) for column in self.unless)


class Exclusion(_Conditional):
    """Lines that are no calls: left out, and counted under `name`."""

    name: Name

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not self.when and not self.unless:
            raise ValueError("needs when or unless")
        return self


class TimeSource(_Part):
    """One named time: read from a column, chosen among others, or another time with lengths added and taken off.

    column: the column it is read from, by `format` instead of the mapping's `time_format`. `after`: the time whose day
    it shares; with `duration_s` (a column of seconds, possibly negative) the day is the one for which `this - after` is
    exactly that duration, and there must be one.
    earliest, first: the earliest, or the first that exists, of the times named.
    start with plus_s, minus_s, plus_ms, minus_ms: a time, and columns of lengths (0 or more) to add or to take off.
    none: words that mean "there is none" in a column of this time ("" among them, if an empty cell does).
    """

    column: Column | None = None
    format: Words | None = None
    none: Words | None = None
    after: Name | None = None
    duration_s: Column | None = None
    earliest: Words | None = None
    first: Words | None = None
    start: Name | None = None
    plus_s: Columns = Field(default_factory=list, validate_default=False)
    minus_s: Columns = Field(default_factory=list, validate_default=False)
    plus_ms: Columns = Field(default_factory=list, validate_default=False)
    minus_ms: Columns = Field(default_factory=list, validate_default=False)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in ("column", "earliest", "first", "start") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise ValueError("needs exactly one of column, earliest, first, start")
        if (self.start is None) == any((self.plus_s, self.minus_s, self.plus_ms, self.minus_ms)):
            raise ValueError("start and plus_s, minus_s, plus_ms or minus_ms belong together")
        if self.column is None and (self.format or self.after or self.duration_s):
            raise ValueError("format, after and duration_s belong to a column")
        if self.none and (self.earliest or self.first):
            raise ValueError("none belongs to a column or to start")
        if self.duration_s is not None and self.after is None:
            raise ValueError("duration_s needs after")
        return self

    def times_named(self) -> list[str]:
        """The other times this one rests on."""
        single = [name for name in (self.after, self.start) if name is not None]
        return single + (self.earliest or []) + (self.first or [])

    def columns_named(self) -> list[str]:
        """The columns this one reads."""
        single = [name for name in (self.column, self.duration_s) if name is not None]
        return single + self.plus_s + self.minus_s + self.plus_ms + self.minus_ms


class ColumnValue(_Part):
    """A field of `data` that is read from a column: the first of those listed whose cell says something.

    `none`: words for which the field is left out (an empty cell always is). `pattern`: a regular expression; the field
    is its first group, or all that it matches, and is left out where nothing matches. `is`: the field is true or
    false, true if the cell is one of these words. `as`: "text" (default), "int" or "decimal".
    """

    column: Columns
    none: Words | None = None
    pattern: Annotated[str, AfterValidator(_expression)] | None = None
    is_: Words | None = Field(default=None, alias="is")
    as_: Literal["text", "int", "decimal"] = Field(default="text", alias="as")


FieldValue = str | bool | int | ColumnValue


class EventSource(_Conditional):
    """One event that a line gives: `kind` at time `at`, where its conditions hold and the time exists."""

    kind: Name
    at: Name
    name: Name | None = None
    data: dict[Name, FieldValue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """Distinguishes this event from the others of its line: part of the event's id."""
        return self.name or self.kind


class Mapping(_Part):
    """A whole mapping file (docs/replay.md)."""

    name: Name
    switch: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    time_zone: Annotated[str, AfterValidator(_zone)]
    format: Format | None = None
    encoding: Annotated[str, AfterValidator(text_encoding)] | None = None
    delimiter: Character = ","
    quote: Annotated[str, Field(max_length=1)] = '"'
    columns: Columns | None = None
    columns_optional: Columns = Field(default_factory=list, validate_default=False)
    cells_min: Annotated[int, Field(ge=1)] | None = None
    skip_lines: Annotated[int, Field(ge=0)] = 0
    skip_last_lines: Annotated[int, Field(ge=0)] = 0
    skip_prefix: Words | None = None
    sheet: Name | None = None
    rows: Literal["call", "event", "leg"] | None = None
    date_column: Column | None = None
    date_format: Words | None = None
    time_format: Words
    rounding_s: Annotated[int, Field(ge=0, le=ROUNDING_S_MAX)] = 0
    key: Columns
    key_else: Columns | None = None
    service_type: Literal["called", "calling", "queue", "trunk"] | None = None
    exclude: list[Exclusion] = Field(default_factory=list)
    times: dict[Name, TimeSource] = Field(min_length=1)
    event: list[EventSource] = Field(min_length=2)

    @property
    def source(self) -> str:
        """The CloudEvents source of every event of this mapping."""
        return f"/switches/{self.switch}"

    def layout(self, file: str = "") -> Layout:
        """How the bytes of a file of this name become cells."""
        return Layout(
            format=self.format or format_of(file),
            delimiter=self.delimiter,
            quote=self.quote,
            encoding=self.encoding,
            columns=self.columns,
            optional=self.columns_optional,
            cells_min=self.cells_min,
            skip_lines=self.skip_lines,
            skip_last_lines=self.skip_last_lines,
            skip_prefix=tuple(self.skip_prefix or ()),
            sheet=self.sheet,
            used=frozenset(column for _, column in self.columns_used()),
        )

    def with_iso_times(self) -> "Mapping":
        """The same, reading ISO's forms of times and dates too: a workbook's own times are written so."""
        more = [ISO] if self.date_column is None else [*ISO_TIMES_OF_DAY, ISO]
        update: dict[str, object] = {"time_format": [*self.time_format, *more]}
        if self.date_format is not None:
            update["date_format"] = [*self.date_format, ISO]
        update["times"] = {
            name: time if time.format is None else time.model_copy(update={"format": [*time.format, *more]})
            for name, time in self.times.items()
        }
        return self.model_copy(update=update)

    def columns_used(self) -> Iterator[tuple[Path, str]]:
        """Every column the mapping reads, with the key of the file that names it."""
        if self.date_column is not None:
            yield ("date_column",), self.date_column
        yield from ((("key",), column) for column in self.key)
        yield from ((("key_else",), column) for column in self.key_else or ())
        for index, exclusion in enumerate(self.exclude):
            yield from ((("exclude", index, *path), column) for path, column in exclusion.columns_of_conditions())
        for name, source in self.times.items():
            yield from ((("times", name), column) for column in source.columns_named())
        for index, event in enumerate(self.event):
            yield from ((("event", index, *path), column) for path, column in event.columns_of_conditions())
            for field, value in event.data.items():
                yield from ((("event", index, "data", field), column) for column in _columns_in(value))


def _columns_in(value: FieldValue) -> list[str]:
    if isinstance(value, ColumnValue):
        return value.column
    return PLACEHOLDER.findall(value) if isinstance(value, str) else []
