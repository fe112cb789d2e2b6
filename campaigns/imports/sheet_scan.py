"""What the XML of a workbook says that a reader of it does not tell. Pure; it keeps numbers alone.

How far the cells reach: the reader makes room for every cell from the first to the last, so two cells far apart make a
file of a kilobyte and gigabytes of memory. Which cells are errors: the reader shows them as empty. In which columns a
format has a time of day: of a moment at midnight the reader tells the day alone.

And how many there are of what the reader keeps one by one: a megabyte of one element, repeated, unpacks into more of
them than there is memory, and to make a list of them holds up everything else in the process. And how long the texts of
a sheet are that its cells share: the reader has each as often as a cell shows it.
"""

import re
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from cti.web.xml_elements import read_elements

ERRORS_MAX = 100_000  # cells with errors that are remembered
CELLS_MAX = 20_000_000  # the reader has some 40 bytes for each, the empty ones too
KEPT_MAX: Mapping[str, int] = MappingProxyType(
    {
        "c": CELLS_MAX,
        "si": 10_000_000,  # texts that cells share: a million rows of ten columns, some 50 bytes each
        "mergeCell": 200_000,
        **dict.fromkeys(("xf", "numFmt", "definedName", "Relationship"), 65_536),  # a spreadsheet has 65,490 styles
    }
)
"""Elements of a part that the reader, or this module, keeps something of."""
DIGITS_MAX = 20  # of the number of a text that is shared
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_CLOCK_FORMATS = frozenset({18, 19, 20, 21, 22, 45, 46, 47})  # those that every workbook has
_NO_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]hHsS]*\]|_.|\*.')
_CLOCK = re.compile(r"[hHsS]")


class Scan(NamedTuple):
    """Rows and columns from 1, errors by (row, column), columns in which a format has a time of day. `shared`: how many
    cells show a text that cells share.
    """

    rows: int
    columns: int
    errors: Collection[tuple[int, int]]
    with_clock: Collection[int]
    shared: int = 0


class _Sheet:
    """A row or cell that does not say its number follows the one before it."""

    def __init__(self, clock_styles: Collection[str]) -> None:
        self.rows = self.columns = self.shared = 0
        self.errors: set[tuple[int, int]] = set()
        self.with_clock: set[int] = set()
        self._clock_styles = clock_styles
        self._row = self._column = 0

    def element(self, kind: str, attributes: dict[str, str]) -> None:
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
        kind = attributes.get("t")
        if kind == "s":
            self.shared += 1
        elif kind == "e":
            self.errors.add((row, self._column))
            if len(self.errors) > ERRORS_MAX:
                raise ValueError(f"more than {ERRORS_MAX} cells are errors")
        if attributes.get("s") in self._clock_styles:
            self.with_clock.add(self._column)


class _Shown:
    """How many characters the cells of a sheet have of texts that they share, each as often as a cell shows it."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.chars = 0
        self._lengths = lengths
        self._is_shared = self._in_value = False
        self._value = ""

    def element(self, kind: str, attributes: dict[str, str]) -> None:
        self._in_value = kind == "v" and self._is_shared
        if self._in_value:
            self._value = ""
        elif kind == "c":
            self.settle()
            self._is_shared = attributes.get("t") == "s"

    def text(self, data: str) -> None:
        """Collect the text of a value, in whatever pieces it comes."""
        if self._in_value:
            self._value += data[:DIGITS_MAX]

    def end(self, _name: str) -> None:
        self._in_value = False

    def settle(self) -> None:
        """Count the text of the cell before: the last of its values is that of the reader."""
        if self._is_shared and self._value:
            try:
                self.chars += self._lengths[int(self._value)]
            except (ValueError, IndexError) as error:
                raise ValueError(f"no text is shared as {self._value[:DIGITS_MAX]!r}") from error
        self._is_shared, self._value = False, ""


def scanned(chunks: Iterable[bytes], clock_styles: Collection[str]) -> Scan:
    """Scan a sheet. Raises ValueError for what is no XML."""
    sheet = _Sheet(clock_styles)
    _parse(chunks, sheet.element)
    return Scan(sheet.rows, sheet.columns, sheet.errors, sheet.with_clock, sheet.shared)


def shared_chars(chunks: Iterable[bytes], lengths: Sequence[int]) -> int:
    """How many characters the shared texts of a sheet fill (`_Shown`). `lengths`: of each text. Raises ValueError."""
    shown = _Shown(lengths)
    _parse(chunks, shown.element, shown.text, shown.end)
    shown.settle()
    return shown.chars


def shared_lengths(chunks: Iterable[bytes]) -> Sequence[int]:
    """How many characters each text of xl/sharedStrings.xml has. Raises ValueError."""
    lengths = array("Q")

    def element(kind: str, _attributes: dict[str, str]) -> None:
        if kind == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data)

    _parse(chunks, element, text)
    return lengths


def clock_styles(chunks: Iterable[bytes]) -> Collection[str]:
    """The styles of xl/styles.xml whose format has a time of day. Raises ValueError."""
    formats = set(_CLOCK_FORMATS)
    styles: set[str] = set()
    within: list[str] = []
    count = 0

    def element(kind: str, attributes: dict[str, str]) -> None:
        nonlocal count
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
        if name == kind:
            found.append({key.rpartition(":")[2]: value for key, value in attributes.items()})
            if len(found) > most:
                raise ValueError(f"more than {most} elements {kind}")

    _parse(chunks, element)
    return found


def _parse(
    chunks: Iterable[bytes],
    element: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None] | None = None,
    end: Callable[[str], None] | None = None,
) -> None:
    """`element`: given the name without its prefix. Raises ValueError."""
    left = dict(KEPT_MAX)

    def counted(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind in left:
            left[kind] -= 1
            if left[kind] < 0:
                raise ValueError(f"more than {KEPT_MAX[kind]} elements {kind}")
        element(kind, attributes)

    read_elements(chunks, counted, text, end)


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
