"""The work calendar, as a table: what `chinesecalendar` knows, and over it the year files of an operator.

A year file says one year's days off and working weekends, as the State Council announced them:

    year = 2027
    source = "..."
    holidays = [2027-01-01, ...]
    working_weekends = [2027-02-14, ...]

It replaces what is known of that year. Years that nobody has announced are provisional (campaigns/core/workdays.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Self

import chinese_calendar
from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from campaigns.core.workdays import SATURDAY, WorkCalendar, Year
from schemas.fields import YEAR_MAX, YEAR_MIN, Message
from schemas.profile import Contradiction, read_toml

PROFILES = Path(__file__).parent / "profiles"
STATUTORY_FILE = PROFILES / "statutory-days.toml"
YEAR_FILES_MAX = 100
HOLIDAYS_MAX = 80
"""Days off a year beside plain weekends; the announcements of 2004-2026 have 33 at most."""

Dates = Annotated[list[date], Field(max_length=HOLIDAYS_MAX)]
MonthDay = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class YearFile(Message):
    """One announced year."""

    year: Annotated[int, Field(ge=YEAR_MIN, le=YEAR_MAX)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    holidays: Dates
    working_weekends: Dates


class StatutoryFile(Message):
    """Days off by law: those of every year as month-day, and those that move, by year."""

    every_year: Annotated[list[MonthDay], Field(max_length=HOLIDAYS_MAX)]
    years: Annotated[dict[str, Dates], Field(max_length=200)]

    @field_validator("every_year")
    @classmethod
    def _exist_every_year(cls, days: list[str]) -> list[str]:
        for day in days:
            try:
                date.fromisoformat(f"2001-{day}")
            except ValueError:
                raise PydanticCustomError("date", "No day {day} is in every year", {"day": day}) from None
        return days

    @model_validator(mode="after")
    def _are_in_their_years(self) -> Self:
        for year, days in self.years.items():
            for day in days:
                if str(day.year) != year:
                    context = {"day": day.isoformat(), "year": year, "member": "years"}
                    raise PydanticCustomError("year", "{day} is not in {year}", context)
        return self


def read_year(text: str, where: str) -> YearFile:
    """A year file's text -> the year. Raises ProfileMistakes, which name file, line and field."""
    return read_toml(text, where, YearFile, _year_contradictions)


def read_statutory(text: str, where: str) -> StatutoryFile:
    return read_toml(text, where, StatutoryFile, lambda _: iter(()))


def work_calendar(year_files: Iterable[YearFile] = ()) -> WorkCalendar:
    """The shipped table with an operator's years; a later file of a year replaces an earlier one."""
    statutory = read_statutory(STATUTORY_FILE.read_text("utf-8"), STATUTORY_FILE.name)
    years = announced()
    for file in year_files:
        years[file.year] = Year(frozenset(file.holidays), frozenset(file.working_weekends))
    return WorkCalendar(
        years,
        {int(year): frozenset(days) for year, days in statutory.years.items()},
        frozenset((int(day[:2]), int(day[3:])) for day in statutory.every_year),
    )


def year_files(folder: Path) -> list[YearFile]:
    """All year files of a folder, by name."""
    paths = sorted(folder.glob("*.toml"))
    if len(paths) > YEAR_FILES_MAX:
        raise ValueError(f"{folder}: more than {YEAR_FILES_MAX} year files")
    return [read_year(path.read_text("utf-8"), str(path)) for path in paths]


def announced() -> dict[int, Year]:
    """The years that `chinesecalendar` knows."""
    holidays, working = defaultdict[int, set[date]](set), defaultdict[int, set[date]](set)
    for day in chinese_calendar.holidays:
        holidays[day.year].add(day)
    for day in chinese_calendar.workdays:
        working[day.year].add(day)
    return {year: Year(frozenset(days), frozenset(working[year])) for year, days in holidays.items()}


def _year_contradictions(file: YearFile) -> Iterator[Contradiction]:
    for field, days in (("holidays", file.holidays), ("working_weekends", file.working_weekends)):
        for index, day in enumerate(days):
            if day.year != file.year:
                yield (field, index), ("year", f"{day} is not in {file.year}")
            if day in days[:index]:
                yield (field, index), ("repeated", f"{day} is there twice")
    for index, day in enumerate(file.working_weekends):
        if day.weekday() < SATURDAY:
            yield ("working_weekends", index), ("weekend", f"{day} is no Saturday and no Sunday")
        if day in file.holidays:
            yield ("working_weekends", index), ("both", f"{day} is a holiday too")
    if date(file.year, 1, 1) not in file.holidays:
        yield ("holidays",), ("new_year", f"{file.year}-01-01 is always a day off")
