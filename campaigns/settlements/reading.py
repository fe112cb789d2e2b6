"""Payments as people write them: a row of a file, or the members of a JSON body, in canonical form or with mistakes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from campaigns.core.zones import instant
from campaigns.imports import cells as reading
from campaigns.imports.cells import FORM, LENGTH, MISSING, RANGE, Wrong
from campaigns.imports.errors import CannotImport
from campaigns.imports.header import plain
from campaigns.imports.records import Record
from campaigns.imports.rows import CELLS, ROW_RULE, Mistake, Refused, error_text, read_account
from campaigns.settlements.settling import ReportedPayment
from schemas.settlements import ITEMS_MAX, REFERENCE_CHARS_MAX

ACCOUNT, ITEMS, SETTLED_AT, REFERENCE = "account", "items", "settled_at", "reference"
HEADERS: Mapping[str, tuple[str, ...]] = {
    ACCOUNT: ("户号", "用户编号", "客户编号"),
    ITEMS: ("缴费项目", "交费项目"),
    SETTLED_AT: ("缴费时间", "交费时间"),
    REFERENCE: ("流水号", "缴费流水号", "交费流水号"),
}
NEEDED = (ACCOUNT, SETTLED_AT, REFERENCE)
BETWEEN_ITEMS = ";"
METER_CHARS_MAX = 64
Value = TypeVar("Value")
AHEAD_MS = 86_400_000  # no payment is made later than tomorrow: one would settle what is not owed yet


def read_mark(text: str) -> str:
    """A month like 2026-02, or a reading like 2026-03-01 or 2026-03-01 METER. Raises Wrong."""
    when, _, meter = reading.half_width(text).strip().partition(" ")
    if meter.strip():
        if len(meter) > METER_CHARS_MAX:
            raise Wrong(LENGTH, f"has a meter of more than {METER_CHARS_MAX} characters")
        return f"{reading.read_date(when)} {meter.strip()}"
    try:
        months = reading.read_months(when)
    except Wrong:
        return _read_day(when, text)
    if "," in months:
        raise Wrong(FORM, f"{text!r} is more than one month: {BETWEEN_ITEMS} stands between items")
    return months


def _read_day(when: str, text: str) -> str:
    try:
        return reading.read_date(when)
    except Wrong as wrong:
        if wrong.rule == RANGE:
            raise
        raise Wrong(FORM, f"{text!r} is no month like 2026-02 and no reading like 2026-03-01 METER") from None


def read_marks(texts: Sequence[str]) -> tuple[str, ...]:
    """Each once, sorted. Raises Wrong."""
    marks = sorted({read_mark(text) for text in texts if text.strip()})
    if len(marks) > ITEMS_MAX:
        raise Wrong(LENGTH, f"has {len(marks)} items, {ITEMS_MAX} at most")
    return tuple(marks)


def read_reference(text: str) -> str:
    """Raises Wrong."""
    reading.refuse_spoilt(text)
    if len(text) > REFERENCE_CHARS_MAX:
        raise Wrong(LENGTH, f"has {len(text)} characters, {REFERENCE_CHARS_MAX} at most")
    return text


def when_settled(at_ms: int, now_ms: int) -> int:
    """The instant to the second, as a file has it. Raises Wrong for one that has not come."""
    if at_ms > now_ms + AHEAD_MS:
        raise Wrong(RANGE, "has not come yet")
    return at_ms // 1000 * 1000


class PaymentReader:
    """Reads the rows of one file. `header`: its cells as they came."""

    def __init__(self, header: Sequence[str], zone: str, now_ms: int) -> None:
        """`zone`: of a time without an offset. Raises CannotImport where a column is missing or there twice."""
        self.header = tuple(header)
        self._zone, self._now_ms = zone, now_ms
        self._moment = reading.moment_reader(zone)
        self._at = _columns(header)

    def read(self, record: Record) -> ReportedPayment | Refused | None:
        """None: every cell is empty."""
        if record.mistake is not None:
            return Refused(error_text(record.row, [Mistake("-", ROW_RULE, record.mistake)]))
        if not any(map(str.strip, record.cells)):
            return None
        if any(cell.strip() for cell in record.cells[len(self.header) :]):
            what = f"has {len(record.cells)} cells, the header {len(self.header)}"
            return Refused(error_text(record.row, [Mistake("-", CELLS, what)]))
        mistakes: list[Mistake] = []
        account = self._cell(record.cells, ACCOUNT, read_account, mistakes)
        items = self._cell(record.cells, ITEMS, lambda text: read_marks(text.split(BETWEEN_ITEMS)), mistakes)
        at_ms = self._cell(record.cells, SETTLED_AT, self._instant, mistakes)
        reference = self._cell(record.cells, REFERENCE, read_reference, mistakes)
        if account is None or at_ms is None or reference is None or mistakes:
            return Refused(error_text(record.row, mistakes))
        return ReportedPayment(reference, account, items or (), at_ms)

    def mistake(self, row: int, field: str, rule: str, what: str) -> str:
        """What is wrong with a row that could be read."""
        return error_text(row, [Mistake(self._spelled(field), rule, what)])

    def _cell(
        self, cells: Sequence[str], field: str, read: Callable[[str], Value], mistakes: list[Mistake]
    ) -> Value | None:
        at = self._at.get(field, len(cells))
        try:
            text = reading.cleaned(cells[at]) if at < len(cells) else ""
            if text:
                return read(text)
            if field in NEEDED:
                mistakes.append(Mistake(self._spelled(field), MISSING, "is empty"))
        except Wrong as wrong:
            mistakes.append(Mistake(self._spelled(field), wrong.rule, wrong.what))
        return None

    def _spelled(self, field: str) -> str:
        return self.header[self._at[field]].strip("\ufeff ") if field in self._at else field

    def _instant(self, text: str) -> int:
        """A day without a time is its first instant."""
        try:
            at_ms = reading.moment_ms(self._moment(text))
        except Wrong as wrong:
            if wrong.rule != FORM:
                raise
            day = reading.read_date(text)
            at_ms = instant(date.fromisoformat(day), 0, self._zone)
        return when_settled(at_ms, self._now_ms)


def _columns(header: Sequence[str]) -> dict[str, int]:
    known = {plain(name): field for field, names in HEADERS.items() for name in (field, *names)}
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        field = known.get(plain(cell))
        if field in found:
            raise CannotImport(f"two columns are {field}")
        if field is not None:
            found[field] = at
    missing = [field for field in NEEDED if field not in found]
    if missing:
        raise CannotImport(f"no column for {', '.join(missing)}")
    return found
