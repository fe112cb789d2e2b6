"""How far the cells of a sheet reach, read from its XML alone. Pure.

The reader of workbooks allocates every cell from the first to the last, the empty ones too: two cells far apart make a
file of a kilobyte and half a terabyte of memory. This module keeps only numbers. It distinguishes Excel's sheets and
those of OpenDocument by the names of their elements.
"""

import re
from collections.abc import Iterable

from cti.web.xml_elements import read_elements

_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_ROWS_REPEATED, _COLUMNS_REPEATED = "table:number-rows-repeated", "table:number-columns-repeated"


def reach_of(chunks: Iterable[bytes]) -> tuple[int, int]:
    """(last row, last column) that hold a value, over all sheets of this XML; raises ValueError if it is none."""
    reach = _Reach()
    read_elements(chunks, reach.element)
    return reach.rows, reach.columns


class _Reach:
    """A row or cell that does not say its number follows the one before it."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._row = self._column = 0
        self._row_of_cell = 0

    def element(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._cell(attributes.get("r"))
        elif kind in {"v", "is"}:
            self._reached(self._row_of_cell)
        elif kind == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        elif kind in {"table-cell", "covered-table-cell"}:
            self._column += int(attributes.get(_COLUMNS_REPEATED, 1))
            if any(attribute.startswith("office:") for attribute in attributes):
                self._reached(self._row)
        elif kind == "table-row":
            self._row, self._column = self._row + int(attributes.get(_ROWS_REPEATED, 1)), 0
        elif kind == "table":
            self._row = 0

    def _cell(self, reference: str | None) -> None:
        if reference is None:
            self._row_of_cell, self._column = self._row, self._column + 1
            return
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise ValueError(f"no cell is at {reference!r}")
        self._row_of_cell, self._column = int(found[2]), 0
        for letter in found[1].upper():
            self._column = self._column * 26 + ord(letter) - ord("A") + 1

    def _reached(self, row: int) -> None:
        self.rows, self.columns = max(self.rows, row), max(self.columns, self._column)
