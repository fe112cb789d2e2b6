"""What the XML of a sheet says that a reader of workbooks does not tell. Pure; it keeps numbers alone.

How far the cells reach: the reader makes room for every cell from the first to the last, so two cells far apart make a
file of a kilobyte and gigabytes of memory. Which cells are errors: the reader shows them as empty. In which columns a
format has a time of day: of a moment at midnight the reader tells the day alone.
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple
from xml.parsers import expat

ERRORS_MAX = 100_000  # cells with errors that are remembered
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_CLOCK_FORMATS = frozenset({18, 19, 20, 21, 22, 45, 46, 47})  # those that every workbook has
_NO_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]hHsS]*\]|_.|\*.')
_CLOCK = re.compile(r"[hHsS]")


class Scan(NamedTuple):
    """Rows and columns from 1, errors by (row, column), columns in which a format has a time of day."""

    rows: int
    columns: int
    errors: Collection[tuple[int, int]]
    with_clock: Collection[int]


class _Sheet:
    """A row or cell that does not say its number follows the one before it."""

    def __init__(self, clock_styles: Collection[str]) -> None:
        self.rows = self.columns = 0
        self.errors: set[tuple[int, int]] = set()
        self.with_clock: set[int] = set()
        self._clock_styles = clock_styles
        self._row = self._column = 0

    def element(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._cell(attributes)
        elif kind == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0

    def _cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        row, self._column = self._row, self._column + 1
        if reference is not None:
            found = _REFERENCE.fullmatch(reference)
            if found is None:
                raise ValueError(f"no cell is at {reference!r}")
            row, self._column = int(found[2]), _number_of(found[1])
        if row > self.rows:
            self.rows = row
        if self._column > self.columns:
            self.columns = self._column
        if attributes.get("t") == "e":
            self.errors.add((row, self._column))
            if len(self.errors) > ERRORS_MAX:
                raise ValueError(f"more than {ERRORS_MAX} cells are errors")
        if attributes.get("s") in self._clock_styles:
            self.with_clock.add(self._column)


def scanned(chunks: Iterable[bytes], clock_styles: Collection[str]) -> Scan:
    """Of a sheet. Raises ValueError for what is no XML."""
    sheet = _Sheet(clock_styles)
    _parse(chunks, sheet.element)
    return Scan(sheet.rows, sheet.columns, sheet.errors, sheet.with_clock)


def clock_styles(chunks: Iterable[bytes]) -> Collection[str]:
    """Of xl/styles.xml: the styles whose format has a time of day. Raises ValueError."""
    formats = set(_CLOCK_FORMATS)
    styles: set[str] = set()
    within: list[str] = []
    count = 0

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        kind = name.rpartition(":")[2]
        if kind in ("cellXfs", "cellStyleXfs"):
            within[:] = [kind]
        elif kind == "numFmt" and _CLOCK.search(_NO_FORMAT.sub("", attributes.get("formatCode", ""))):
            formats.add(int(attributes.get("numFmtId", "0")))
        elif kind == "xf" and within == ["cellXfs"]:
            if int(attributes.get("numFmtId", "0")) in formats:
                styles.add(str(count))
            count += 1

    _parse(chunks, element)
    return styles


def attributes_of(chunks: Iterable[bytes], kind: str, most: int) -> list[dict[str, str]]:
    """The attributes of every element of a kind, `most` at most; the names without their prefix. Raises ValueError."""
    found: list[dict[str, str]] = []

    def element(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == kind:
            found.append({key.rpartition(":")[2]: value for key, value in attributes.items()})
            if len(found) > most:
                raise ValueError(f"more than {most} elements {kind}")

    _parse(chunks, element)
    return found


def _parse(chunks: Iterable[bytes], element: Callable[[str, dict[str, str]], None]) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"no XML: {error}") from error


def _refuse_document_type(*_: object) -> None:
    raise ValueError("a document type, which may hide cells")


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
