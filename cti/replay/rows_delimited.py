"""Records from delimited text. A damaged line never stops the rest.

Lines are numbered as an editor numbers them; blank lines and skipped ones are no records.
"""

import csv
from collections.abc import Iterator

from cti.replay.decoding import UNREADABLE, decoded, unreadable
from cti.replay.rows import Columns, FileRefused, Layout, Row, Table, drop_last, filled

# A quoted cell may run over lines, but one stray quote must not swallow the rest of the file.
LINES_PER_RECORD_MAX = 20


def read_delimited(content: bytes, layout: Layout) -> Table:
    """Split text into records; raises FileRefused if it has no header, or one that cannot be used."""
    text, encoding = decoded(content, layout.encoding)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileRefused(f"line {line}: a NUL character: if this is UTF-16, say so by encoding in the mapping")
    records = _records(text, layout)
    columns = Columns(layout.columns, layout, 1) if layout.columns else _header(records, layout, encoding)
    rows = [
        Row(line, {}, _explained(damage, encoding)) if damage else columns.row(line, cells)
        for line, cells, damage in records
    ]
    return Table(columns.names, rows, encoding)


def _header(records: Iterator[tuple[int, list[str], str]], layout: Layout, encoding: str) -> Columns:
    first = next(records, None)
    if first is None:
        raise FileRefused("empty: not even a header")
    line, cells, damage = first
    if damage:
        raise FileRefused(f"line {line}: the header cannot be read: {_explained(damage, encoding)}")
    return Columns([name.strip() for name in cells], layout, line)


def _explained(damage: str, encoding: str) -> str:
    return f"bytes that are no {encoding}: say encoding in the mapping" if damage == UNREADABLE else damage


def _records(text: str, layout: Layout) -> Iterator[tuple[int, list[str], str]]:
    """(line, cells, damage) of each record that is neither blank nor skipped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    drop_last(lines, layout.skip_last_lines, filled)
    at = layout.skip_lines
    while at < len(lines):
        if layout.skip_prefix and lines[at].startswith(layout.skip_prefix):
            at += 1
            continue
        taken = _lines_of_record(lines, at, layout.quote)
        record = lines[at] if taken < 2 else "\n".join(lines[at : at + taken])
        if record.strip():
            yield (at + 1, *_cells(record, layout, closed=taken > 0))
        at += max(taken, 1)


def _lines_of_record(lines: list[str], at: int, quote: str) -> int:
    """How many lines the record that begins at `at` takes; 0 if a quote is never closed."""
    if not quote or quote not in lines[at]:
        return 1
    quotes = 0
    for taken, line in enumerate(lines[at : at + LINES_PER_RECORD_MAX], start=1):
        quotes += line.count(quote)
        if quotes % 2 == 0:
            return taken
    return 0


def _cells(record: str, layout: Layout, closed: bool) -> tuple[list[str], str]:
    if not closed:
        return [], "a quote is never closed"
    if unreadable(record):
        return [], UNREADABLE
    if not layout.quote:
        return record.split(layout.delimiter), ""
    try:
        return next(csv.reader([record], delimiter=layout.delimiter, quotechar=layout.quote)), ""
    except csv.Error as error:
        return [], str(error)
