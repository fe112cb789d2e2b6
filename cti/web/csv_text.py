"""CSV for spreadsheets: UTF-8 with mark, CR LF (RFC 4180), and no cell that a spreadsheet would run as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CSV = "text/csv"


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows under a heading; a column that a row lacks stays empty."""
    return csv_heading(columns) + csv_rows(columns, rows)


def csv_heading(titles: Sequence[str]) -> bytes:
    """How a file begins: the mark, and a title for each column."""
    return (MARK + _written([titles])).encode()


def csv_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """How it goes on."""
    return _written([cell(row.get(column)) for column in columns] for row in rows).encode()


def _written(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


def cell(value: Any) -> Any:
    """A value as a cell. Text that begins like a formula, or with a control character, gets an apostrophe in front;
    numbers stay numbers.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value if value.startswith(FORMULA_STARTS) or CONTROLS.match(value) else value
    if isinstance(value, (list, tuple)):
        return cell(" ".join(str(each) for each in value))
    return value
