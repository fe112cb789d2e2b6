"""How the text of a cell is read: canonical text, or `Wrong`. Amounts are decimal text always, never binary floats.

Canonical forms: dates 2026-03-01, moments RFC 3339 in the campaign's zone, months 2026-01,2026-02, money 1234.50, other
numbers without leading or trailing zeros, yes or no.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from campaigns.core.zones import EPOCH_DAY, instant, local_time
from campaigns.kinds import FieldType

TEXT_CHARS_MAX = 500
MONTHS_MAX = 24  # in one cell
WHOLE_DIGITS_MAX = 12
DECIMALS_MAX = 9
YEARS = range(2000, 2100)
UNREADABLE = "\ufffd"  # bytes that are none of the encoding
KEPT = 8_192  # readings that are remembered

MISSING, FORM, SPOILT, RANGE, LENGTH, CHARACTERS = "MISSING", "FORM", "SPOILT", "RANGE", "LENGTH", "CHARACTERS"

# Full-width forms become half-width; so do the yen sign's, and spaces that nobody sees.
_HALF_WIDTH: dict[int, int | None] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= {0x3000: 0x20, 0xA0: 0x20, 0xFFE5: 0xA5, 0x2212: 0x2D, 0xFEFF: None, 0x3001: 0x2C}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
_EXPONENT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+", re.ASCII)
_DATE = r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|/([0-9]{1,2})/([0-9]{1,2})|([0-9]{2})([0-9]{2}))"
_DAY = re.compile(_DATE + r"(?:[ T]0?0:00(?::00(?:\.0+)?)?)?", re.ASCII)
_MOMENT = re.compile(_DATE + r"[ Tt]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?", re.ASCII)
_CLOCK = r"[0-9]{2}:[0-9]{2}"
_OFFSET = re.compile(
    rf"[0-9]{{4}}(?:-[0-9]{{2}}){{2}}[ Tt]{_CLOCK}:[0-9]{{2}}(?:\.[0-9]{{1,9}})?(?:[Zz]|[+-]{_CLOCK})", re.ASCII
)
_MONTH = re.compile(r"([0-9]{4})(?:[-/]([0-9]{1,2})|([0-9]{2}))", re.ASCII)
_MONTH_AS_DAY = re.compile(r"([0-9]{4}-[0-9]{2})-01(?: 00:00:00)?", re.ASCII)
_BETWEEN_MONTHS = re.compile(r"\s*[,;\s]\s*")
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.([0-9]+))?", re.ASCII)
_RATIOS = {"%": 2, "‰": 3}
_YES_NO = {"yes": "yes", "是": "yes", "no": "no", "否": "no"}


class Wrong(Exception):
    """What is wrong with a cell, and the rule that it breaks."""

    def __init__(self, rule: str, what: str) -> None:
        self.rule, self.what = rule, what
        super().__init__(f"{rule}: {what}")


Reader = Callable[[str], str]


def cleaned(cell: str) -> str:
    """Without the white space around it and what a spreadsheet puts before text. Raises Wrong."""
    text = cell.strip()
    if text.startswith(('="', "'")) and len(text) > 1:
        text = text[2:-1] if text.startswith('="') and text.endswith('"') else text.removeprefix("'")
        text = text.strip()
    if (not text.isprintable() or UNREADABLE in text) and _CONTROL.search(text):
        what = "has a character that cannot be read" if UNREADABLE in text else "has a control character"
        raise Wrong(CHARACTERS, what)
    return text


def nothing_to_clean(cells: Sequence[str]) -> bool:
    """Whether `cleaned` takes nothing but white space off any of these: one look at all of them is cheap."""
    text = "".join(cells)
    return text.isprintable() and "'" not in text and "=" not in text and UNREADABLE not in text


def half_width(text: str) -> str:
    return text if text.isascii() else text.translate(_HALF_WIDTH).strip()


def read_text(text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise Wrong(LENGTH, f"has {len(text)} characters, {TEXT_CHARS_MAX} at most")
    return text


@lru_cache(maxsize=KEPT)
def read_date(text: str) -> str:
    found = _DAY.fullmatch(half_width(text))
    if found is None:
        raise Wrong(FORM, f"{text!r} is no date like 2026-03-01")
    return _day(found, text).isoformat()


@lru_cache(maxsize=KEPT)
def read_months(text: str) -> str:
    """A spreadsheet makes the first day of a month of 2026-02."""
    as_day = _MONTH_AS_DAY.fullmatch(text)
    text = as_day[1] if as_day else text
    months = [_month(part, text) for part in _BETWEEN_MONTHS.split(half_width(text)) if part]
    if not months or len(months) > MONTHS_MAX:
        raise Wrong(FORM, f"{text!r} has {len(months)} months, 1 to {MONTHS_MAX} are possible")
    return ",".join(sorted(set(months)))


def moment_reader(zone: str) -> Reader:
    """Reads a moment; one without an offset is of this zone."""

    @lru_cache(maxsize=KEPT)
    def read(text: str) -> str:
        plain = half_width(text)
        if _OFFSET.fullmatch(plain):
            return local_time(_offset_ms(plain, text), zone).isoformat(timespec="seconds")
        found = _MOMENT.fullmatch(plain)
        if found is None:
            raise Wrong(FORM, f"{text!r} is no moment like 2026-03-01 08:00")
        hours, minutes, seconds = int(found[8]), int(found[9]), int(found[10] or 0)
        if hours > 23 or minutes > 59 or seconds > 59:
            raise Wrong(RANGE, f"{text!r} is no time of day")
        of_day_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000
        return local_time(instant(_day(found, text), of_day_ms, zone), zone).isoformat(timespec="seconds")

    return read


def moment_ms(canonical: str) -> int:
    """The time of a canonical moment, in milliseconds."""
    return int(datetime.fromisoformat(canonical).timestamp()) * 1000


@lru_cache(maxsize=KEPT)
def read_money(text: str) -> str:
    plain = half_width(text).replace(" ", "")
    negative = plain.startswith("-")
    plain = plain[1:] if negative else plain
    plain = plain.removeprefix("¥").removesuffix("元")
    if negative and plain.startswith(("-", "+")):
        raise Wrong(FORM, f"{text!r} is not an amount like 1,234.50")
    sign, whole, decimals = _parts(plain, text, "an amount like 1,234.50")
    if len(decimals.rstrip("0")) > 2:
        raise Wrong(FORM, f"{text!r} has parts of a cent")
    amount = f"{whole}.{decimals[:2]:0<2}"
    if (negative or sign == "-") and amount.strip("0."):
        amount = "-" + amount
    return amount


def read_number(text: str) -> str:
    if text.isascii() and text.isdecimal() and text[0] != "0" and len(text) <= WHOLE_DIGITS_MAX:
        return text  # nearly all are canonical, and many are the only one of the file
    return _number_of(text)


@lru_cache(maxsize=KEPT)
def _number_of(text: str) -> str:
    plain = half_width(text).replace(" ", "")
    shift = _RATIOS.get(plain[-1:], 0)
    sign, whole, decimals = _parts(plain[:-1] if shift else plain, text, "a number like 0.001")
    if len(decimals) > DECIMALS_MAX:
        raise Wrong(RANGE, f"{text!r} has more than {DECIMALS_MAX} decimals")
    value = Decimal(f"{whole}.{decimals or 0}").scaleb(-shift)
    shown = f"{value:f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "-" + shown if sign == "-" and value else shown


def read_yes_no(text: str) -> str:
    found = _YES_NO.get(half_width(text).lower())
    if found is None:
        raise Wrong(FORM, f"{text!r} is neither yes 是 nor no 否")
    return found


def reader_of(type_: FieldType, zone: str) -> Reader:
    """`zone`: of the campaign."""
    readers: dict[FieldType, Reader] = {
        FieldType.TEXT: read_text,
        FieldType.DATE: read_date,
        FieldType.MONTHS: read_months,
        FieldType.MONEY: read_money,
        FieldType.NUMBER: read_number,
        FieldType.YES_NO: read_yes_no,
    }
    return moment_reader(zone) if type_ is FieldType.MOMENT else readers[type_]


def refuse_spoilt(text: str) -> None:
    """Raises Wrong where a spreadsheet has turned digits into 1.38E+10: the last of them are lost."""
    if ("E" in text or "e" in text) and _EXPONENT.fullmatch(half_width(text).replace(" ", "")):
        raise Wrong(SPOILT, f"{text!r} was spoilt by a spreadsheet: format the column as text")


def _parts(plain: str, text: str, wanted: str) -> tuple[str, str, str]:
    """Sign, whole digits, decimals."""
    found = _AMOUNT.fullmatch(plain)
    if found is None or (not found[2] and not found[3]):
        refuse_spoilt(text)
        raise Wrong(FORM, f"{text!r} is not {wanted}")
    whole = (found[2] or "0").replace(",", "").lstrip("0") or "0"
    if len(whole) > WHOLE_DIGITS_MAX:
        raise Wrong(RANGE, f"{text!r} has more than {WHOLE_DIGITS_MAX} digits")
    return found[1], whole, found[3] or ""


def _day(found: re.Match[str], text: str) -> date:
    year = int(found[1])
    month, day = next((int(found[at]), int(found[at + 1])) for at in (2, 4, 6) if found[at])
    if year not in YEARS:
        raise Wrong(RANGE, f"{text!r} is not of the years {YEARS[0]} to {YEARS[-1]}")
    try:
        return date(year, month, day)
    except ValueError:
        raise Wrong(RANGE, f"{text!r} is no day of the calendar") from None


def _month(part: str, text: str) -> str:
    found = _MONTH.fullmatch(part)
    if found is None:
        raise Wrong(FORM, f"{text!r} is no month like 2026-02")
    year, month = int(found[1]), int(found[2] or found[3])
    if year not in YEARS or not 1 <= month <= 12:
        raise Wrong(RANGE, f"{text!r} is no month of the years {YEARS[0]} to {YEARS[-1]}")
    return f"{year}-{month:02}"


def _offset_ms(plain: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(plain.upper().replace(" ", "T"))
    except ValueError:
        raise Wrong(RANGE, f"{text!r} is no moment of the calendar") from None
    if at.year not in YEARS:
        raise Wrong(RANGE, f"{text!r} is not of the years {YEARS[0]} to {YEARS[-1]}")
    return (at.toordinal() - EPOCH_DAY) * 86_400_000 + _of_day_ms(at)


def _of_day_ms(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return (at.hour * 3600 + at.minute * 60 + at.second - int(offset.total_seconds())) * 1000
