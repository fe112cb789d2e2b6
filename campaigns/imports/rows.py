"""One row: its cells in canonical form, or what is wrong with it.

A row may have several mistakes; the first of each field is named, MISTAKES_MAX at most, each as
`ROW: FIELD: RULE: what is wrong` with the field as the file spells it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from campaigns.core.penalty import Rate
from campaigns.core.zones import zone_named
from campaigns.imports import cells as reading
from campaigns.imports import header, numbers
from campaigns.imports.cells import CHARACTERS, FORM, LENGTH, MISSING, Wrong
from campaigns.imports.header import ACCOUNT, ADDRESS, CLASS, IMPORTANT, NAME, NUMBER, ZONE, Column, Layout
from campaigns.imports.kind_rules import check_item
from campaigns.imports.records import Record
from campaigns.kinds import Field, Kind

ACCOUNT_CHARS_MAX = 64
KEPT_CHARS_MAX = 500
ZONES_MAX = 8
MISTAKES_MAX = 5
WHAT_CHARS_MAX = 200
CELLS, ROW_RULE, UNKNOWN_ZONE = "CELLS", "ROW", "ZONE"
CLASSES = {"resident": "resident", "居民": "resident", "organisation": "organisation", "单位": "organisation"}
RESIDENT = "resident"

Phones = Sequence[tuple[str, Sequence[str]]]
_Reading = tuple[str, Column | None, reading.Reader, bool]
"""Of a field: its name, its column, how it is read, whether it must be there."""


class Read(NamedTuple):
    """A row that can be read. Of the account's own fields "" is: not said."""

    account: str
    name: str
    customer_class: str
    important: str
    address: str
    zones: Sequence[str]
    phones: Phones  # of an outage perhaps none
    item: Mapping[str, str]
    kept: Mapping[str, str]


class Mistake(NamedTuple):
    """`field`: the header as the file has it."""

    field: str
    rule: str
    what: str


class Refused(NamedTuple):
    """`error`: the last column of the row when it comes back."""

    error: str


def error_text(row: int, mistakes: Sequence[Mistake]) -> str:
    """ROW: FIELD: RULE: what is wrong; several are separated by "; "."""
    return "; ".join(
        f"{row}: {mistake.field}: {mistake.rule}: {mistake.what[:WHAT_CHARS_MAX]}"
        for mistake in mistakes[:MISTAKES_MAX]
    )


class RowReader:
    """Reads the rows of one file."""

    def __init__(self, kind: Kind, layout: Layout, zone: str, imported: date, rates: Sequence[Rate] = ()) -> None:
        """`zone`: of the campaign. `imported`: the day of the import in it."""
        self._kind, self._layout, self._imported, self._rates = kind, layout, imported, tuple(rates)
        self._width = len(layout.header)
        own = [field for field in kind.fields if field.name not in header.COMMON]
        self._items: list[_Reading] = [
            (field.name, layout.fields[field.name], reading.reader_of(field.type, zone), field.required)
            for field in own
            if field.name in layout.fields
        ]
        important: Field | None = next((field for field in kind.fields if field.name == IMPORTANT), None)
        self._account = [
            self._common(ACCOUNT, read_account, needed=True),
            self._common(NAME, reading.read_text),
            self._common(CLASS, _customer_class),
            self._common(IMPORTANT, reading.read_yes_no, needed=important is not None and important.required),
            self._common(ADDRESS, reading.read_text),
        ]
        self._zone_at = layout.fields.get(ZONE)

    def _common(self, name: str, reader: reading.Reader, *, needed: bool = False) -> "_Reading":
        return name, self._layout.fields.get(name), reader, needed

    def read(self, record: Record) -> Read | Refused | None:
        """None: every cell is empty."""
        cells = record.cells
        if record.mistake is not None:
            return Refused(error_text(record.row, [Mistake("-", ROW_RULE, record.mistake)]))
        if len(cells) != self._width:
            if not any(cells) and not record.wrong:
                return None
            if any(cell.strip() for cell in cells[self._width :]):
                what = f"has {len(cells)} cells, the header {self._width}"
                return Refused(error_text(record.row, [Mistake("-", CELLS, what)]))
            cells = [*cells[: self._width], *[""] * (self._width - len(cells))]
        mistakes: list[Mistake] = []
        wrong_at = record.wrong
        is_clean = not wrong_at and reading.nothing_to_clean(cells)
        if is_clean:
            cells = list(map(str.strip, cells))
        fields = self._clean_fields if is_clean else self._fields
        own = fields(cells, self._account, mistakes, wrong_at)
        account, name, customer_class, important, address = own.values()
        zones = self._zones(cells, mistakes, wrong_at)
        item = fields(cells, self._items, mistakes, wrong_at)
        if not account and not wrong_at and not any(map(str.strip, cells)):
            return None
        before = len(mistakes)
        if not mistakes:
            wrong = check_item(self._kind, item, customer_class or RESIDENT, self._imported, self._rates)
            mistakes += [Mistake(self._layout.spelled(fault.field), fault.rule, fault.what) for fault in wrong]
            before = len(mistakes)
        phones = self._phones(cells, zones, mistakes, wrong_at, numbers.normalised if is_clean else _number)
        if mistakes and not (before == 0 and self._kind.important_until_confirmed):
            return Refused(error_text(record.row, mistakes))
        kept = {
            column.spelled: "" if column.at in wrong_at else self._kept(cells[column.at])
            for column in self._layout.kept
        }
        item = {name: text for name, text in item.items() if text}
        return Read(account, name, customer_class, important, address, zones, phones, item, kept)

    def _clean_fields(
        self, cells: Sequence[str], columns: Sequence["_Reading"], mistakes: list[Mistake], _wrong_at: object
    ) -> dict[str, str]:
        """As `_fields`, of cells in which nothing is to be cleaned nor wrong from the start."""
        values: dict[str, str] = {}
        for name, column, reader, needed in columns:
            text = "" if column is None else cells[column.at]
            if text:
                try:
                    text = reader(text)
                except Wrong as wrong:
                    mistakes.append(Mistake(column.spelled if column else name, wrong.rule, wrong.what))
                    text = ""
            elif needed and column is not None:
                mistakes.append(Mistake(column.spelled, MISSING, "is empty"))
            values[name] = text
        return values

    def _fields(
        self,
        cells: Sequence[str],
        columns: Sequence["_Reading"],
        mistakes: list[Mistake],
        wrong_at: Mapping[int, tuple[str, str]],
    ) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, column, reader, needed in columns:
            text = ""
            if column is not None:
                try:
                    if column.at in wrong_at:
                        raise Wrong(*wrong_at[column.at])
                    text = reading.cleaned(cells[column.at])
                    if text:
                        text = reader(text)
                    elif needed:
                        mistakes.append(Mistake(column.spelled, MISSING, "is empty"))
                except Wrong as wrong:
                    mistakes.append(Mistake(column.spelled, wrong.rule, wrong.what))
                    text = ""
            values[name] = text
        return values

    def _zones(
        self, cells: Sequence[str], mistakes: list[Mistake], wrong_at: Mapping[int, tuple[str, str]]
    ) -> Sequence[str]:
        column = self._zone_at
        if column is not None and column.at in wrong_at:
            mistakes.append(Mistake(column.spelled, *wrong_at[column.at]))
            return ()
        if column is None or not cells[column.at].strip():
            return ()
        try:
            names = [name.strip() for name in reading.half_width(reading.cleaned(cells[column.at])).split(";")]
        except Wrong as wrong:
            mistakes.append(Mistake(column.spelled, wrong.rule, wrong.what))
            return ()
        named = list(dict.fromkeys(name for name in names if name))
        unknown = next((name for name in named if zone_named(name) is None), None)
        if unknown is not None:
            mistakes.append(Mistake(column.spelled, UNKNOWN_ZONE, f"no time zone is called {unknown!r}"))
        elif len(named) > ZONES_MAX:
            mistakes.append(Mistake(column.spelled, LENGTH, f"has {len(named)} time zones, {ZONES_MAX} at most"))
        return named

    def _phones(
        self,
        cells: Sequence[str],
        zones: Sequence[str],
        mistakes: list[Mistake],
        wrong_at: Mapping[int, tuple[str, str]],
        number_of: Callable[[str], numbers.Number | numbers.Mistake],
    ) -> Phones:
        """The zones of the row come beside those of the number, never instead of them."""
        found: dict[str, Sequence[str]] = {}
        said = False
        for column in self._layout.numbers:
            cell = cells[column.at]
            if column.at in wrong_at:
                said = True
                mistakes.append(Mistake(column.spelled, *wrong_at[column.at]))
                continue
            if not cell or not cell.strip():
                continue
            said = True
            number = number_of(cell)
            if isinstance(number, numbers.Mistake):
                mistakes.append(Mistake(column.spelled, number.rule, number.what))
            elif not number.zones and not zones:
                what = "nobody knows the time zone of this number: name it in the column zone"
                mistakes.append(Mistake(column.spelled, UNKNOWN_ZONE, what))
            else:
                found.setdefault(number.e164, number.zones if not zones else sorted({*number.zones, *zones}))
        if not said:
            mistakes.append(Mistake(self._layout.spelled(NUMBER), MISSING, "is empty"))
        return list(found.items())

    def _kept(self, cell: str) -> str:
        try:
            return reading.cleaned(cell)[:KEPT_CHARS_MAX]
        except Wrong:
            return ""


def _number(cell: str) -> numbers.Number | numbers.Mistake:
    try:
        return numbers.normalised(reading.cleaned(cell))
    except Wrong as wrong:
        return numbers.Mistake(wrong.rule, wrong.what)


def read_account(text: str) -> str:
    reading.refuse_spoilt(text)
    text = reading.half_width(text)
    if len(text) > ACCOUNT_CHARS_MAX:
        raise Wrong(LENGTH, f"has {len(text)} characters, 1 to {ACCOUNT_CHARS_MAX} are possible")
    if not text:
        raise Wrong(CHARACTERS, "has no character that can be read")
    return text


def _customer_class(text: str) -> str:
    found = CLASSES.get(reading.half_width(text).lower())
    if found is None:
        raise Wrong(FORM, f"{text!r} is neither resident 居民 nor organisation 单位")
    return found
