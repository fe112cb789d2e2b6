"""The model of a mapping: how the columns of a call record become events (docs/replay.md tells each field).

A mapping is checked whole before a line is read (`mapping_file.py`).
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

OPENING = ("offered", "serviceInitiated", "originated")
CLOSING = "callCleared"
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Place = tuple[str | int, ...]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {name}") from error
    return name


Name = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
When = dict[Name, Words]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Exclusion(_Part):
    """Lines that are no calls: left out, and counted under `name`."""

    name: Name
    when: When = Field(min_length=1)


class TimeSource(_Part):
    """One named time: read from a column, chosen among others, or another time plus seconds.

    column: the column it is read from. `none`: words that mean "there is none" ("" among them, if an empty cell does).
    `after`: the time whose day it shares; with `duration_s` (a column of seconds, possibly negative) the day is the
    one for which `this - after` is exactly that duration, and there must be one.
    earliest, first: the earliest, or the first that exists, of the times named.
    start and plus_s: a time, and a column of seconds (0 or more) to add.
    """

    column: Name | None = None
    none: Words | None = None
    after: Name | None = None
    duration_s: Name | None = None
    earliest: Words | None = None
    first: Words | None = None
    start: Name | None = None
    plus_s: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in ("column", "earliest", "first", "start") if getattr(self, way) is not None]
        if len(ways) != 1:
            raise ValueError("needs exactly one of column, earliest, first, start")
        if (self.start is None) != (self.plus_s is None):
            raise ValueError("start and plus_s belong together")
        if self.column is None and (self.none or self.after or self.duration_s):
            raise ValueError("none, after and duration_s belong to a column")
        if self.duration_s is not None and self.after is None:
            raise ValueError("duration_s needs after")
        return self

    def times_named(self) -> list[str]:
        """The other times this one rests on."""
        single = [name for name in (self.after, self.start) if name is not None]
        return single + (self.earliest or []) + (self.first or [])

    def columns_named(self) -> list[str]:
        """The columns this one reads."""
        return [name for name in (self.column, self.duration_s, self.plus_s) if name is not None]


class ColumnValue(_Part):
    """A field of `data` that is read from one column.

    `none`: words for which the field is left out (an empty cell always is). `is`: the field is true or false,
    true if the cell is one of these words. `as`: "text" (default), "int" or "decimal".
    """

    column: Name
    none: Words | None = None
    is_: Words | None = Field(default=None, alias="is")
    as_: Literal["text", "int", "decimal"] = Field(default="text", alias="as")


FieldValue = str | bool | int | ColumnValue


class EventSource(_Part):
    """One event a line gives: `kind` at time `at`, where `when` holds and the time exists."""

    kind: Name
    at: Name
    name: Name | None = None
    when: When = Field(default_factory=dict)
    data: dict[Name, FieldValue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells this event from the others of its line: part of the event's id."""
        return self.name or self.kind


class Mapping(_Part):
    """A whole mapping file (docs/replay.md)."""

    name: Name
    switch: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    time_zone: Annotated[str, AfterValidator(_zone)]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    date_column: Name | None = None
    date_format: Name | None = None
    time_format: Name
    key: Words
    service_type: Literal["called", "calling", "queue", "trunk"] | None = None
    exclude: list[Exclusion] = Field(default_factory=list)
    times: dict[Name, TimeSource] = Field(min_length=1)
    event: list[EventSource] = Field(min_length=2)

    @property
    def source(self) -> str:
        """The CloudEvents source of every event of this mapping."""
        return f"/switches/{self.switch}"

    def facts(self) -> list[str]:
        """The kinds of event these records can give: what the switch declares."""
        return sorted({event.kind for event in self.event})

    def columns(self) -> Iterator[tuple[Place, str]]:
        """Every column the mapping reads, with the place in the file that names it."""
        if self.date_column is not None:
            yield ("date_column",), self.date_column
        yield from ((("key",), column) for column in self.key)
        for index, exclusion in enumerate(self.exclude):
            yield from ((("exclude", index, "when"), column) for column in exclusion.when)
        for name, source in self.times.items():
            yield from ((("times", name), column) for column in source.columns_named())
        for index, event in enumerate(self.event):
            yield from ((("event", index, "when"), column) for column in event.when)
            for field, value in event.data.items():
                yield from ((("event", index, "data", field), column) for column in _columns_in(value))


def _columns_in(value: FieldValue) -> list[str]:
    if isinstance(value, ColumnValue):
        return [value.column]
    return PLACEHOLDER.findall(value) if isinstance(value, str) else []
