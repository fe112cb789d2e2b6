"""Records from a workbook (xlsx, xls, ods): the rows of one sheet.

A cell that is a date, a time or a length is written in ISO's form, which is read whatever the mapping's format is.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook

from cti.replay.rows import Columns, FileRefused, Layout, Row, Table, drop_last
from cti.replay.sheet_reach import reach_of

UNPACKED_BYTES_MAX = 2 * 1024 * 1024 * 1024
# The most rows of a sheet, 19 columns wide. The reader makes room for the empty cells too: some 80 bytes each.
CELLS_MAX = 20_000_000
CHUNK_BYTES = 64 * 1024
Cell = int | float | str | bool | time | date | datetime | timedelta


def read_workbook(content: bytes, layout: Layout) -> Table:
    """The rows of the sheet named, or of the first; raises FileRefused."""
    _refuse_too_large(content)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if not names or (layout.sheet is not None and layout.sheet not in names):
            raise FileRefused(f"no sheet {layout.sheet!r} (there are: {', '.join(names)})")
        lines = book.get_sheet_by_name(layout.sheet or names[0]).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise FileRefused(f"no workbook that can be read: {error}") from error
    records = _records(lines, layout)
    if layout.columns:
        columns = Columns(layout.columns, layout, 1)
    elif records:
        columns = Columns(records[0][1], layout, records[0][0])
        del records[0]
    else:
        raise FileRefused("empty: not even a header")
    return Table(columns.names, [_row(columns, line, cells) for line, cells in records])


def _records(lines: Sequence[Sequence[Cell]], layout: Layout) -> list[tuple[int, list[str]]]:
    """(row number, cells) of each row that is neither blank nor skipped."""
    found = [
        (number, [_text(cell) for cell in cells])
        for number, cells in enumerate(lines, start=1)
        if number > layout.skip_lines
    ]
    drop_last(found, layout.skip_last_lines, lambda line: any(line[1]))
    return [
        (number, cells)
        for number, cells in found
        if any(cells) and not (layout.skip_prefix and cells[0].startswith(layout.skip_prefix))
    ]


def _row(columns: Columns, line: int, cells: list[str]) -> Row:
    """A sheet is as wide as its widest row: empty cells beyond the columns are none."""
    width = len(columns.names)
    if len(cells) > width and not any(cells[width:]):
        cells = cells[:width]
    return columns.row(line, cells + [""] * (width - len(cells)))


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, timedelta):
        return str(cell // timedelta(milliseconds=1) / 1000)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell).strip()


def _refuse_too_large(content: bytes) -> None:
    """A packed file of a few bytes may take more than the memory holds."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED_BYTES_MAX:
                raise FileRefused(f"unpacked it is larger than {UNPACKED_BYTES_MAX} bytes")
            for part in packed.infolist():
                _refuse_too_wide(packed, part)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise FileRefused(f"no workbook that can be read: {error}") from error


def _refuse_too_wide(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Only a part that is XML by its name must be sound: others are pictures, drawings and the like."""
    with packed.open(part) as unpacked:
        try:
            rows, columns = reach_of(iter(lambda: unpacked.read(CHUNK_BYTES), b""))
        except ValueError as error:
            if part.filename.lower().endswith(".xml"):
                raise FileRefused(f"no workbook that can be read: {part.filename}: {error}") from error
            return
    if rows * columns > CELLS_MAX:
        reach = f"cells down to row {rows} and across to column {columns}"
        raise FileRefused(
            f"{part.filename}: {reach}, more than {CELLS_MAX} cells: delete what stands far from the rest"
        )
