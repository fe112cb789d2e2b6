"""The records of a file, whatever its format: cells by column name. Every line is accounted for.

The readers: `rows_delimited.py`, `rows_json.py`, `rows_workbook.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeVar

Line = TypeVar("Line")
Format = Literal["csv", "jsonl", "xlsx"]
FILE_BYTES_MAX = 512 * 1024 * 1024
SUFFIXES: dict[str, Format] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "xlsx"),
}


class FileRefused(Exception):
    """The file as a whole is no table of call records."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: cells by column name, or why it has none (`damage`)."""

    line: int
    cells: dict[str, str]
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The records of a file. `columns`: the column names in order; None where every record has its own members."""

    columns: list[str] | None
    rows: list[Row]
    encoding: str | None = None

    def never_filled(self, columns: Iterable[str]) -> list[str]:
        """Those of the columns that are empty in every record: nothing else tells a name that is misspelt."""
        empty = set(columns)
        for row in self.rows:
            if not empty:
                break
            empty -= {column for column in empty if row.cells.get(column)}
        return sorted(empty)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file's bytes become cells; docs/replay.md tells each key. `used`: the columns to keep, None for all."""

    format: Format = "csv"
    delimiter: str = ","
    quote: str = '"'
    encoding: str | None = None
    columns: Sequence[str] | None = None
    optional: Sequence[str] = ()
    cells_min: int | None = None
    skip_lines: int = 0
    skip_last_lines: int = 0
    skip_prefix: tuple[str, ...] = ()
    sheet: str | None = None
    used: frozenset[str] | None = None


class Columns:
    """Where in a record the used cells are. Raises FileRefused if a used column has its name twice."""

    def __init__(self, names: Sequence[str], layout: Layout, line: int) -> None:
        self.names = list(names)
        wanted = set(names) if layout.used is None else layout.used
        twice = sorted(name for name in wanted if self.names.count(name) > 1)
        if twice:
            raise FileRefused(f"line {line}: a column that is used is there twice: {', '.join(map(repr, twice))}")
        self._at = [(name, index) for index, name in enumerate(self.names) if name in wanted]
        self._absent = {name: "" for name in layout.optional if name not in self.names}
        self._width, self._cells_min = len(self.names), layout.cells_min

    def row(self, line: int, cells: Sequence[str]) -> Row:
        """The used cells of one record."""
        count = len(cells)
        if count == self._width:
            return Row(line, {name: cells[index].strip() for name, index in self._at} | self._absent)
        if self._cells_min is None:
            return Row(line, {}, f"{count} cells where there are {self._width} columns")
        if count < self._cells_min:
            return Row(line, {}, f"{count} cells, fewer than {self._cells_min}")
        there = {name: cells[index].strip() if index < count else "" for name, index in self._at}
        return Row(line, there | self._absent)


def drop_last(lines: list[Line], count: int, is_filled: Callable[[Line], bool]) -> None:
    """Without the last lines, blank ones not counted."""
    while count and lines:
        count -= is_filled(lines.pop())


def filled(line: str) -> bool:
    """Whether a line of text is not blank."""
    return bool(line.strip())


def format_of(file: str) -> Format:
    """The format by the file's name; delimited text if the name does not show it."""
    return SUFFIXES.get(PurePath(file).suffix.lower(), "csv")
