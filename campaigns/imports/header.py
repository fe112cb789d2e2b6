"""Which column of a file is which field of the kind, by its header in English or Chinese.

A unit in brackets after a name, spaces and full-width letters do not matter. Columns of numbers may be several; of
anything else one, and of two addresses the one for letters counts. What is no field is dropped, unless it was asked to
be kept; columns of cards (`screening`) are dropped always.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from campaigns.imports.errors import CannotImport
from campaigns.kinds import Field, Kind
from cti.web.masking import masked

COLUMNS_MAX = 200
KEEP_MAX = 20
NUMBER_COLUMNS_MAX = 10
HEADERS_SHOWN = 12
CHARS_SHOWN = 40
KNOWN_MIN = 2  # columns that a first row knows; with less it may be a customer's, and is shown to nobody

ACCOUNT, NAME, CLASS, IMPORTANT, ADDRESS, ZONE, NUMBER = (
    "account", "name", "class", "important", "address", "zone", "number",
)  # fmt: skip
COMMON: Mapping[str, tuple[str, ...]] = {
    ACCOUNT: ("户号", "用户编号", "客户编号"),
    NAME: ("姓名", "户名", "用户名称"),
    CLASS: ("客户类别",),
    IMPORTANT: ("重要用户",),
    ADDRESS: ("用电地址", "通讯地址"),
    ZONE: ("时区",),
}
LETTERS = "通讯地址"  # before the other address
NUMBER_HEADERS = ("number", "联系电话", "手机号码", "手机号", "手机", "电话号码", "固定电话", "电话", "备用电话")
_NUMBERED = re.compile(rf"(?:{'|'.join(NUMBER_HEADERS)})[0-9]?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # PostgreSQL keeps no NUL
_UNIT = re.compile(r"\([^()]*\)\Z")


class Column(NamedTuple):
    """`spelled`: the header as the file has it, without control characters."""

    at: int
    spelled: str


class Layout(NamedTuple):
    """The columns of the fields. `kept`: other columns, by their header."""

    header: tuple[str, ...]
    fields: Mapping[str, Column]  # common ones and the kind's, without numbers
    numbers: tuple[Column, ...]
    kept: tuple[Column, ...]

    def spelled(self, field: str) -> str:
        """The header of a field; the field's own name where the file has no column for it."""
        column = self.numbers[0] if field == NUMBER else self.fields.get(field)
        return field if column is None else column.spelled


def layout_of(kind: Kind, header: Sequence[str], keep: Sequence[str] = ()) -> Layout:
    """Raises CannotImport where the header does not do for the kind."""
    if not header:
        raise CannotImport("the file has no header")
    if len(header) > COLUMNS_MAX:
        raise CannotImport(f"the header has {len(header)} columns, {COLUMNS_MAX} at most")
    names = [plain(cell) for cell in header]
    known = _known(kind.fields)
    found: dict[str, list[Column]] = {}
    numbers, kept = list[Column](), list[Column]()
    wanted = {plain(name) for name in keep}
    for at, (name, cell) in enumerate(zip(names, header, strict=True)):
        column = Column(at, _CONTROL.sub("", cell).strip() or name)
        if _NUMBERED.fullmatch(name):
            numbers.append(column)
        elif name in known:
            found.setdefault(known[name], []).append(column)
        elif name in wanted:
            kept.append(column)
    fields = {field: _only(field, columns) for field, columns in found.items()}
    _check(kind, fields, numbers, header)
    return Layout(tuple(header), fields, tuple(numbers), tuple(kept))


def field_of(kind: Kind, header: str) -> str | None:
    """The field that a header names, `number` of those of numbers; None: it is none."""
    name = plain(header)
    return NUMBER if _NUMBERED.fullmatch(name) else _known(kind.fields).get(name)


def plain(header: str) -> str:
    """As headers are compared."""
    name = unicodedata.normalize("NFKC", header).strip("\ufeff \t\r\n'\"").lower()
    name = _UNIT.sub("", name).strip()
    return re.sub(r"[\s\-]+", "_", name) if name.isascii() else re.sub(r"\s+", "", name)


def required(kind: Kind) -> frozenset[str]:
    """Fields without which a file of the kind is none."""
    return frozenset({ACCOUNT, *(field.name for field in kind.fields if field.required)})


@cache
def _known(fields: tuple[Field, ...]) -> Mapping[str, str]:
    names = {alias: field for field, aliases in COMMON.items() for alias in (field, *aliases)}
    for field in fields:
        names |= dict.fromkeys((field.name, *field.headers), field.name)
    return {plain(alias): field for alias, field in names.items()}


def _only(field: str, columns: list[Column]) -> Column:
    if field == ADDRESS and len(columns) > 1:
        letters = [column for column in columns if plain(column.spelled) == LETTERS]
        columns = letters or columns
    if len(columns) > 1:
        names = " and ".join(_shown(column.spelled) for column in columns[:2])
        raise CannotImport(f"two columns are {field}: {names}")
    return columns[0]


def _check(kind: Kind, fields: Mapping[str, Column], numbers: Sequence[Column], header: Sequence[str]) -> None:
    missing = [name for name in sorted(required(kind)) if name not in fields]
    missing += [] if numbers else [NUMBER]
    if missing:
        known = len(fields) + len(numbers)
        raise CannotImport(f"no column for {', '.join(missing)}; {_described(header, known)}")
    if len(numbers) > NUMBER_COLUMNS_MAX:
        raise CannotImport(f"{len(numbers)} columns of numbers, {NUMBER_COLUMNS_MAX} at most")


def _described(header: Sequence[str], known: int) -> str:
    """The header, if it is one: everybody may read why an import failed, and a log has it too."""
    if known < KNOWN_MIN:
        return f"the first row has {len(header)} cells, and {known or 'none'} of them names a column"
    return f"the header is: {', '.join(map(_shown, header[:HEADERS_SHOWN]))}"


def _shown(cell: str) -> str:
    return masked(_CONTROL.sub("", cell).strip()[:CHARS_SHOWN])
