"""Bytes to records: encoding, delimiter, lines, cells; whatever the pieces in which the bytes come.

A record is a row of the file with its number as a spreadsheet shows it: the header is among them, a quoted cell with
line ends in it is one row. What cannot be cut into cells is a record with a mistake, and the next line goes on: a quote
that is opened and never closed costs its own line.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

RECORD_CHARS_MAX = 65_536  # a record with more is a mistake
RECORD_LINES_MAX = 64  # in quoted cells
SHOWN_CHARS = 1_000  # of a line that could not be cut into cells
DELIMITERS, QUOTE = (",", ";", "\t"), '"'
UTF_8, GB18030 = "utf-8", "gb18030"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


NOTHING_WRONG: Mapping[int, tuple[str, str]] = MappingProxyType({})


class Record(NamedTuple):
    """`mistake`: why it has no cells of its own; then they are the line as it came. `wrong`: cells that cannot be read
    as text alone tells, by their column: rule, what.
    """

    row: int
    cells: Sequence[str]
    mistake: str | None = None
    wrong: Mapping[int, tuple[str, str]] = NOTHING_WRONG


class Sniffer:
    """The encoding of a file: by its mark, else UTF-8 if all of it is, else GB18030."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(UTF_8)("strict")
        self._start = b""
        self._valid = True

    @property
    def certain(self) -> bool:
        """Whether more bytes change nothing."""
        return self._marked() is not None or not self._valid

    def feed(self, content: bytes, final: bool = False) -> None:
        if len(self._start) < 3:
            self._start += content[:3]
        if self._valid:
            try:
                self._decoder.decode(content, final)
            except UnicodeDecodeError:
                self._valid = False

    def encoding(self) -> str:
        """The encoding of all that was fed."""
        return self._marked() or (UTF_8 if self._valid else GB18030)

    def _marked(self) -> str | None:
        return next((name for mark, name in _MARKS if self._start.startswith(mark)), None)


class _Starved(Exception):
    """The lines ended within a record."""


class _Lines:
    """Feeds a csv reader line by line, so that what it consumed is known."""

    def __init__(self) -> None:
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if not self.waiting:
            if self.ended:
                raise StopIteration
            raise _Starved
        line = self.waiting.popleft()
        self.taken.append(line)
        return line

    def back(self) -> None:
        """What was taken for a record that is not complete."""
        self.waiting.extendleft(reversed(self.taken))


class Cutter:
    """Cuts one file into records. `feed` and `end` give those that are complete."""

    def __init__(self, encoding: str, errors: str = "replace") -> None:
        """`errors`: what becomes of bytes that are none of the encoding."""
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._lines = _Lines()
        self._partial: list[str] = []  # of a line whose end has not come
        self._partial_chars = 0
        self._reader: Iterator[list[str]] | None = None
        self._delimiter = DELIMITERS[0]
        self._row = 0

    def feed(self, content: bytes) -> Iterator[Record]:
        self._take(self._decoder.decode(content))
        yield from self._records()

    def end(self) -> Iterator[Record]:
        self._take(self._decoder.decode(b"", True))
        if self._partial_chars:
            self._lines.waiting.append("".join(self._partial))
        self._partial, self._partial_chars = [], 0
        self._lines.ended = True
        yield from self._records()

    def _take(self, text: str) -> None:
        first, *others = text.split("\n")
        self._keep(first)
        for line in others:
            self._lines.waiting.append("".join(self._partial) + "\n")
            self._partial, self._partial_chars = [], 0
            self._keep(line)

    def _keep(self, text: str) -> None:
        """Keep no more of a line than shows that it is too long."""
        room = RECORD_CHARS_MAX + 1 - self._partial_chars
        if text and room > 0:
            self._partial.append(text[:room])
            self._partial_chars += min(len(text), room)

    def _records(self) -> Iterator[Record]:
        lines = self._lines
        while lines.waiting:
            if self._reader is None and not self._begin():
                continue
            line = lines.waiting[0]
            if QUOTE not in line and len(line) <= RECORD_CHARS_MAX:  # nearly all: a reader would cut it so, too
                lines.waiting.popleft()
                text = line.removesuffix("\n")
                self._row += 1
                yield Record(self._row, text.split(self._delimiter) if text else [])
                continue
            lines.taken.clear()
            try:
                cells = next(self._reader) if self._reader is not None else []
            except StopIteration:
                return
            except _Starved:
                if not self._overlong():
                    lines.back()
                    return
                yield self._broken()
                continue
            except csv.Error:
                yield self._broken()
                continue
            if self._overlong() or self._unclosed():
                yield self._broken()
            else:
                self._row += 1
                yield Record(self._row, cells)

    def _begin(self) -> bool:
        """Choose the delimiter by the first line that says something; whether it has come."""
        line = self._lines.waiting[0]
        if not line.strip().strip(",;\t\ufeff"):
            self._lines.waiting.popleft()
            self._row += 1
            return False
        counts = {delimiter: line.count(delimiter) for delimiter in DELIMITERS}
        self._delimiter = max(DELIMITERS, key=lambda delimiter: counts[delimiter])
        self._reader = self._new_reader()
        return True

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self._delimiter)

    def _overlong(self) -> bool:
        taken = self._lines.taken
        return len(taken) > RECORD_LINES_MAX or sum(map(len, taken)) > RECORD_CHARS_MAX

    def _unclosed(self) -> bool:
        """Whether the file ended within quotes."""
        return self._lines.ended and not self._lines.waiting and not _closed(self._lines.taken, self._delimiter)

    def _broken(self) -> Record:
        """The first line of what was taken, by itself; the others are read again."""
        first, *others = self._lines.taken
        self._lines.waiting.extendleft(reversed(others))
        self._reader = self._new_reader()
        self._row += 1
        line = first.rstrip("\n")
        if len(line) > RECORD_CHARS_MAX:
            return Record(self._row, [line[:SHOWN_CHARS]], f"has more than {RECORD_CHARS_MAX} characters")
        return Record(self._row, [line[:SHOWN_CHARS]], "a quote is opened and not closed")


def _closed(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the quotes of a record are closed."""
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" not in str(error)
    return True
