"""Reading call records from a delimited text file: every line is accounted for, a damaged one never stops the rest.

Encoding: a byte-order mark decides; without one strict UTF-8, then GB18030. A line that cannot be read even so is
set aside by itself. Lines are numbered as an editor numbers them; blank lines are no records.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass

FILE_BYTES_MAX = 512 * 1024 * 1024
# a quoted cell may run over lines, but one stray quote must not swallow the rest of the file
LINES_PER_RECORD_MAX = 20
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


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
    """The header's column names, in order, and the records below it."""

    columns: list[str]
    rows: list[Row]


def read_table(content: bytes, delimiter: str) -> Table:
    """Split the bytes of a file into records.

    Raises FileRefused if the file is empty or too large, or its header names a column twice.
    """
    if len(content) > FILE_BYTES_MAX:
        raise FileRefused(f"larger than {FILE_BYTES_MAX} bytes")
    records = _records(decoded(content), delimiter)
    first = next(records, None)
    if first is None:
        raise FileRefused("empty: not even a header")
    columns = [name.strip() for name in first[1]]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise FileRefused(f"line {first[0]}: the header names a column twice: {', '.join(map(repr, twice))}")
    return Table(columns, [_row(columns, *record) for record in records])


def decoded(content: bytes) -> str:
    """The text of a file; bytes that fit no encoding become U+FFFD, so that only their own line suffers."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", errors="replace")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """(line, cells, damage) of each record that is not blank."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0
    while at < len(lines):
        taken = _lines_of_record(lines, at)
        record = "\n".join(lines[at : at + max(taken, 1)])
        if record.strip():
            yield (at + 1, *_cells(record, delimiter, closed=taken > 0))
        at += max(taken, 1)


def _lines_of_record(lines: list[str], at: int) -> int:
    """How many lines the record that begins at `at` takes; 0 if a quote is never closed."""
    quotes = 0
    for taken, line in enumerate(lines[at : at + LINES_PER_RECORD_MAX], start=1):
        quotes += line.count('"')
        if quotes % 2 == 0:
            return taken
    return 0


def _cells(record: str, delimiter: str, closed: bool) -> tuple[list[str], str]:
    if not closed:
        return [], "a quote is never closed"
    if UNREADABLE in record:
        return [], "bytes that are no text"
    try:
        return next(csv.reader([record], delimiter=delimiter)), ""
    except csv.Error as error:
        return [], str(error)


def _row(columns: list[str], line: int, cells: list[str], damage: str) -> Row:
    if not damage and len(cells) != len(columns):
        damage = f"{len(cells)} cells where the header has {len(columns)}"
    return Row(line, {}, damage) if damage else Row(line, dict(zip(columns, map(str.strip, cells), strict=True)))
