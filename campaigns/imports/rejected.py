"""What an import says of itself, and its rejected rows as a file that can be mended and sent again."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from campaigns.context import Context
from campaigns.imports.taking import taken_of
from campaigns.ledger import imports
from campaigns.ledger.rows import ImportRow
from cti.web.instants import optional_rfc3339, rfc3339

PAGE_ROWS = 100  # read at a time: a row may have 64 Ki characters
PIECE_ROWS, PIECE_CHARS = 500, 262_144  # a piece has no more than these, or one row: making it delays nobody
MARK = "\ufeff"
ERROR = "error"
RejectedCells = tuple[Sequence[str], str]  # and what is wrong

_FORMULA = re.compile(r"[=+\-@\t\r\x00-\x1f]")
_FIGURE = re.compile(r"[+\-][0-9.,\s-]*", re.ASCII)


def shown(row: ImportRow) -> Mapping[str, Any]:
    """An import in JSON. received = accepted + rejected + merged, also while it is running."""
    counts = {name: getattr(row, name) for name in ("received", "accepted", "rejected", "merged", "contacts")}
    error = {} if row.error is None else {"error": row.error}
    return {
        "n": row.no, "file": row.file, "state": row.state, **counts, **error, "bytes": row.bytes, "sha256": row.sha256,
        "made_at": rfc3339(row.made_at_ms), "ended_at": optional_rfc3339(row.ended_at_ms),
    }  # fmt: skip


async def rejected_csv(context: Context, campaign: str, no: int) -> AsyncIterator[bytes]:
    """Rows as they came with a last column `error`, UTF-8 with mark, page by page. Raises LedgerAway.

    A cell that a spreadsheet would compute begins with ', which an import takes off again.
    """
    row = await context.reader.run(imports.read, campaign, no)
    taken = None if row is None else taken_of(row.header)
    header = [] if taken is None else taken.header
    yield heading_csv(header)
    after = -1
    while page := await context.reader.run(imports.rejected_page, campaign, no, after, PAGE_ROWS):
        after = page[-1][0]
        for piece in in_pieces((from_json(line), error) for _, line, error in page):
            yield rows_csv(piece, len(header))


def in_pieces(rows: Iterable[RejectedCells]) -> Iterator[Sequence[RejectedCells]]:
    """The rows, few enough at a time."""
    piece: list[RejectedCells] = []
    chars = 0
    for cells, error in rows:
        size = sum(map(len, cells))
        if piece and (len(piece) == PIECE_ROWS or chars + size > PIECE_CHARS):
            yield piece
            piece, chars = [], 0
        piece.append((cells, error))
        chars += size
    if piece:
        yield piece


def heading_csv(header: Sequence[str]) -> bytes:
    """The first line: the columns of the file, and `error`."""
    return (MARK + csv_lines([[*header, ERROR]])).encode()


def rows_csv(rows: Iterable[RejectedCells], width: int) -> bytes:
    """Rejected rows, each with its error in the last column, of a file with so many columns."""
    return csv_lines([[*filled(cells, width), error] for cells, error in rows]).encode()


def filled(cells: Sequence[str], width: int) -> list[str]:
    """`error` is the last column, also of a row that has fewer cells than the header."""
    return [*cells, *[""] * (width - len(cells))]


def csv_lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows that no spreadsheet computes."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return written.getvalue()


def safe(cell: str) -> str:
    """A cell that no spreadsheet computes; plain numbers stay as they are."""
    if _FORMULA.match(cell) and not _FIGURE.fullmatch(cell):
        return "'" + cell
    return cell
