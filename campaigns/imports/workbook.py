"""A workbook (xlsx) to records: the rows of one sheet, its cells as the text that the same columns have in a CSV.

Numbers are decimal text without exponent, with the 15 digits that a spreadsheet has; one with more digits before its
point is spoilt. Days are 2026-03-01, moments 2026-03-01 08:00:00, true and false yes and no; a formula is its last
value. Rows that hold nothing, or one cell merged over several columns (a title), are skipped.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from campaigns.imports.cells import FORM, SPOILT
from campaigns.imports.errors import UnreadableFile
from campaigns.imports.records import NOTHING_WRONG, RECORD_CHARS_MAX, SHOWN_CHARS, Record
from campaigns.imports.sheet_scan import Scan
from campaigns.imports.workbook_parts import checked

ROWS_MAX = 1_000_000  # without the header
WHOLE_BELOW = 10**15  # beyond it a spreadsheet has lost digits
NAMES_SHOWN = 20
SHEET_NAME_CHARS_MAX = 40
ERROR_CELL = "is an error of the spreadsheet, like #N/A"
DIGITS_LOST = "has more digits than a spreadsheet keeps: format the column as text"
DAMAGED = (
    CalamineError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip

Cell = int | float | str | bool | time | date | datetime | timedelta


class Sheet(NamedTuple):
    """`hidden`: the names of the workbook's hidden sheets."""

    name: str
    hidden: Sequence[str]
    rows: CalamineSheet
    scan: Scan


def opened(content: bytes, wanted: str | None) -> Sheet:
    """The sheet that is named, or the first that is not hidden. Raises UnreadableFile, which says what else it is."""
    try:
        parts = checked(content)
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
        hidden = [sheet.name for sheet in sheets if sheet.visible is not SheetVisibleEnum.Visible]
        shown = [sheet.name for sheet in sheets if sheet.name not in hidden]
        name = wanted if wanted is not None else next(iter(shown), None)
        if name is None or name not in (*shown, *hidden):
            raise UnreadableFile(_no_sheet(wanted, shown, hidden))
        scan = parts.get(name)
        if scan is None:
            raise UnreadableFile(f"damaged: nothing belongs to the sheet {name[:SHEET_NAME_CHARS_MAX]!r}")
        return Sheet(name, hidden, book.get_sheet_by_name(name), scan)
    except PasswordError:
        raise UnreadableFile("it is encrypted: save it without a password") from None
    except DAMAGED as error:
        raise UnreadableFile(f"it is damaged: {error}") from error


def _no_sheet(wanted: str | None, shown: Sequence[str], hidden: Sequence[str]) -> str:
    names = [*shown[:NAMES_SHOWN], *(f"{name} (hidden)" for name in hidden[:NAMES_SHOWN])]
    there = ", ".join(name[:SHEET_NAME_CHARS_MAX] for name in names) or "none"
    return f"no sheet {'that is shown' if wanted is None else repr(wanted)}; there are: {there}"


def records(sheet: Sheet) -> Iterator[Record]:
    """Those that hold something, the header among them. Raises UnreadableFile."""
    merged = sheet.rows.merged_cell_ranges or ()
    titles = {start for start, (_, right) in merged if right > start[1]}  # (row, column), from 0
    found = 0
    try:
        for at, cells in enumerate(sheet.rows.iter_rows()):
            record = _record(at + 1, cells, sheet.scan)
            filled = [column for column, cell in enumerate(record.cells) if cell or column in record.wrong]
            if not filled or (len(filled) == 1 and (at, filled[0]) in titles):
                continue
            found += 1
            if found > ROWS_MAX + 1:
                raise UnreadableFile(f"the sheet has more than {ROWS_MAX} rows")
            yield record
    except CalamineError as error:
        raise UnreadableFile(f"it is damaged: {error}") from error


def _record(row: int, cells: Sequence[Cell], scan: Scan) -> Record:
    texts = [_text(cell, column in scan.with_clock) for column, cell in enumerate(cells, 1)]
    if sum(map(len, texts)) > RECORD_CHARS_MAX:
        shown = ", ".join(text[:SHOWN_CHARS] for text in texts)[:SHOWN_CHARS]
        return Record(row, [shown], f"has more than {RECORD_CHARS_MAX} characters")
    wrong = {
        column: (SPOILT, f"{texts[column]!r} {DIGITS_LOST}")
        for column, cell in enumerate(cells)
        if type(cell) in (int, float) and _is_spoilt(cell)
    }
    if scan.errors:
        wrong |= {column - 1: (FORM, ERROR_CELL) for column in range(1, len(cells) + 1) if (row, column) in scan.errors}
    return Record(row, texts, None, wrong or NOTHING_WRONG)


def _is_spoilt(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not -WHOLE_BELOW < cell < WHOLE_BELOW


def _text(cell: Cell, clock: bool) -> str:
    """`clock`: whether cells of the column show a time of day."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return number_text(cell)
    if isinstance(cell, datetime):
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
    if isinstance(cell, date):
        return f"{cell.isoformat()} 00:00:00" if clock else cell.isoformat()
    if isinstance(cell, time):
        return cell.replace(microsecond=0).isoformat()
    return str(timedelta(seconds=round(cell.total_seconds())))


def number_text(value: float) -> str:
    """The decimal text of a spreadsheet's number; of one that is spoilt no more digits than a cell shows."""
    if _is_spoilt(value) or value != value:
        return f"{value:.6g}"
    if float(value).is_integer():
        return str(int(value))
    return _plain(f"{value:.15g}")


def _plain(text: str) -> str:
    """Without exponent: 1e-07 is 0.0000001."""
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, parts = mantissa.removeprefix("-").partition(".")
    return f"{sign}0.{'0' * (-int(exponent) - 1)}{whole}{parts}"
