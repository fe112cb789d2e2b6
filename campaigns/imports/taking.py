"""A file of contacts becomes the lines that an import keeps, whatever its kind: cut into records, and screened.

What must be known of the whole file before its rows are applied is known at its end: the header, the encoding, the
columns that are dropped, whether every account has one row.
"""

from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from pydantic_core import from_json, to_json

from campaigns.imports import cards, workbook
from campaigns.imports.cells import Wrong, cleaned, half_width
from campaigns.imports.errors import TooLarge, UnreadableFile
from campaigns.imports.json_lines import JsonLines
from campaigns.imports.record_lines import ESCAPED, cells_of, line_of
from campaigns.imports.records import GB18030, UTF_8, Cutter, Record, Sniffer
from campaigns.imports.screening import Screen
from campaigns.kinds import Kind

WORKBOOK_BYTES_MAX = 100 << 20
MARK_BYTES = 3
ACCOUNTS_MAX = 4_000_000  # whose repetition is looked for: 8 bytes each
_BUCKETS = 256


class Form(StrEnum):
    """A kind of file: its media type."""

    CSV = "text/csv"
    NDJSON = "application/x-ndjson"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Taken(NamedTuple):
    """What is known of a file. `dropped`: by their headers. `one_row_each`: no account has two rows. `mistake`: why its
    header cannot be read.
    """

    header: Sequence[str]
    dropped: Sequence[str] = ()
    encoding: str = UTF_8
    one_row_each: bool = False
    sheet: str | None = None
    hidden_sheets: Sequence[str] = ()
    mistake: str | None = None

    def text(self) -> str:
        return to_json(self._asdict()).decode()


def taken_of(text: str | None) -> Taken | None:
    """Reads the column of an import's row. None: the column is empty."""
    if text is None:
        return None
    found = from_json(text)
    return Taken(**found) if isinstance(found, dict) else Taken(found)


class _Source(Protocol):
    @property
    def encoding(self) -> str: ...

    def feed(self, content: bytes) -> Iterator[Record]: ...

    def end(self) -> Iterator[Record]: ...


class Taking:
    """One file. `heavy`: its end takes long, and belongs into a thread."""

    def __init__(self, kind: Kind, form: Form, sheet: str | None = None) -> None:
        self._screen = Screen(kind)
        self._header: list[str] | None = None
        self._mistake: str | None = None
        self._accounts: _Accounts | None = None
        self._book = _Book(sheet) if form is Form.XLSX else None
        self._members = _Members() if form is Form.NDJSON else None
        self._source: _Source = self._book or self._members or _Delimited()
        self.heavy = form is Form.XLSX

    def feed(self, content: bytes) -> Iterator[bytes]:
        """Raises TooLarge."""
        return self._lines(self._source.feed(content))

    def end(self) -> Iterator[bytes]:
        """Raises UnreadableFile."""
        return self._lines(self._source.end())

    def taken(self) -> Taken:
        """After the end."""
        sheet = None if self._book is None else self._book.sheet
        encoding = self._source.encoding
        cells = cells_of(self._header or (), encoding)
        header = [cards.hidden(cell) if cards.perhaps(cell) else cell for cell in cells]
        return Taken(
            header=header,
            dropped=[header[at].strip() or f"column {at + 1}" for at in self._screen.dropped],
            encoding=encoding,
            one_row_each=self._accounts is not None and self._accounts.differ(),
            sheet=None if sheet is None else sheet.name,
            hidden_sheets=() if sheet is None else sheet.hidden,
            mistake=self._mistake,
        )

    def _lines(self, records: Iterator[Record]) -> Iterator[bytes]:
        for record in records:
            if self._members is not None:
                self._grow(self._members.header)
            elif self._header is None:
                if record.mistake is not None:  # the next row would be taken for it, and that is a customer's
                    self._mistake = self._mistake or f"row {record.row} {record.mistake}"
                    self._header = []
                elif any(map(str.strip, record.cells)):
                    self._grow(record.cells)
                continue
            kept = self._screen.screened(record)
            if self._accounts is not None:
                self._accounts.add(kept.cells)
            yield line_of(kept)

    def _grow(self, header: Sequence[str]) -> None:
        if self._header is None:
            self._header = []
        if len(header) > len(self._header):
            for name in header[len(self._header) :]:
                self._header.append(name)
                self._screen.column(name)
            at = self._screen.account_at
            if self._accounts is None and at is not None:
                self._accounts = _Accounts(at)


class _Delimited:
    """CSV. The first bytes may be a mark; what is then no UTF-8 is kept as it is until all is known."""

    def __init__(self) -> None:
        self._sniffer = Sniffer()
        self._start = b""
        self._cutter: Cutter | None = None

    @property
    def encoding(self) -> str:
        """The encoding of what the cutter could not read."""
        return GB18030 if self._sniffer.encoding() == GB18030 else UTF_8

    def feed(self, content: bytes) -> Iterator[Record]:
        self._sniffer.feed(content)
        if self._cutter is None:
            self._start += content
            if len(self._start) < MARK_BYTES:
                return iter(())
            content, self._start = self._start, b""
            self._cutter = self._begun()
        return self._cutter.feed(content)

    def end(self) -> Iterator[Record]:
        self._sniffer.feed(b"", final=True)
        if self._cutter is None:
            self._cutter = self._begun()
            yield from self._cutter.feed(self._start)
        yield from self._cutter.end()

    def _begun(self) -> Cutter:
        encoding = self._sniffer.encoding()
        return Cutter(UTF_8 if encoding == GB18030 else encoding, "replace" if encoding == "utf-16" else ESCAPED)


class _Members(JsonLines):
    encoding = UTF_8


class _Book:
    """A workbook: it is here whole before it is read."""

    encoding = UTF_8

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self._content = bytearray()
        self.sheet: workbook.Sheet | None = None

    def feed(self, content: bytes) -> Iterator[Record]:
        self._content += content
        if len(self._content) > WORKBOOK_BYTES_MAX:
            raise TooLarge(f"a workbook of more than {WORKBOOK_BYTES_MAX} bytes")
        return iter(())

    def end(self) -> Iterator[Record]:
        content, self._content = bytes(self._content), bytearray()
        self.sheet = workbook.opened(content, self._wanted)
        yield from workbook.records(self.sheet)


class _Accounts:
    """Whether all of them differ, in 8 bytes each. Two that have one hash are taken for one: that only costs time."""

    def __init__(self, at: int) -> None:
        self._at, self._count = at, 0
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, cells: Sequence[str]) -> None:
        self._count += 1
        if self._count > ACCOUNTS_MAX or len(cells) <= self._at:
            return
        try:
            hashed = hash(half_width(cleaned(cells[self._at])))
        except Wrong:
            return
        self._buckets[hashed % _BUCKETS].append(hashed)

    def differ(self) -> bool:
        return self._count <= ACCOUNTS_MAX and all(len(set(bucket)) == len(bucket) for bucket in self._buckets)


def refuse_other(form: Form, start: bytes) -> None:
    """Raises UnreadableFile where the first bytes are those of a workbook that is sent as text."""
    if form is not Form.XLSX and start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableFile("it is a workbook: send it as one")
