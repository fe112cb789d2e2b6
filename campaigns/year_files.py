"""Which years the work calendar knows and from where, and how a year file is installed."""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path

from campaigns.calendars import STATUTORY_FILE, YEAR_FILES_MAX, YearFile, announced, read_statutory, year_files
from campaigns.core.workdays import SATURDAY

NEXT_YEAR_NEEDED_FROM_MONTH = 11
"""The State Council announces a year in the November before it, and deadlines of December count its days."""


class YearIsThere(Exception):
    """A file of the folder has this year already."""


def known_years(folder: Path | None) -> dict[int, str]:
    """Each year that is known -> where from; the last file of a year counts."""
    shipped = f"chinesecalendar {version('chinesecalendar')}"
    files = {} if folder is None else year_files(folder)
    return dict.fromkeys(announced(), shipped) | {file.year: f"{path}: {file.source}" for path, file in files.items()}


def spans_of_years(known: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    """(`2004-2026`, source) of years in a row that have one source."""
    years = sorted(known)
    first = years[0]
    for year, following in zip(years, [*years[1:], None], strict=True):
        if following != year + 1 or known[following] != known[year]:
            yield f"{first}" if first == year else f"{first}-{year}", known[year]
            first = following if following is not None else first


def needed_years(day: date) -> list[int]:
    """The years that deadlines of these days count."""
    return [day.year, day.year + 1] if day.month >= NEXT_YEAR_NEEDED_FROM_MONTH else [day.year]


def days_of_law_worked(file: YearFile) -> list[date]:
    """Days off by law that a year file makes working days: most likely a slip of the pen."""
    statutory = read_statutory(STATUTORY_FILE.read_text("utf-8"), STATUTORY_FILE.name)
    law = {date.fromisoformat(f"{file.year}-{day}") for day in statutory.every_year}
    law |= set(statutory.years.get(str(file.year), ()))
    holidays, weekends = set(file.holidays), set(file.working_weekends)
    return sorted(day for day in law if day in weekends or (day.weekday() < SATURDAY and day not in holidays))


def install_year(content: bytes, year: YearFile, folder: Path, replace: bool) -> Path:
    """Write a year file that was read into the folder as YEAR.toml, whole or not at all. Raises `YearIsThere`."""
    path = folder / f"{year.year}.toml"
    _check_room(year_files(folder), path, year, replace)
    new = path.with_suffix(".toml.new")
    try:
        with new.open("wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path


def _check_room(there: Mapping[Path, YearFile], path: Path, year: YearFile, replace: bool) -> None:
    same = [known for known, file in there.items() if file.year == year.year]
    for known in same:
        if known != path:
            raise YearIsThere(f"{year.year} is in {known} already: remove that file first")
        if not replace:
            raise YearIsThere(f"{year.year} is in {known} already: --replace takes its place")
    if not same and len(there) >= YEAR_FILES_MAX:
        raise ValueError(f"{path.parent}: more than {YEAR_FILES_MAX} year files")
