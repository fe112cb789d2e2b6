"""Reading one moment from a cell, by a format. Pure.

A format is one of strptime's, or one of these words: `iso8601`; `%s` and `unix_s`, `unix_ms`, `unix_us` for the time
since 1970 (fractions are read). A zone in the format is respected: `%z`, a `Z` or an offset of `iso8601`, and
a `%Z` at the end, where only UTC, GMT and names of the IANA list are known (abbreviations mean several zones).
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO = "iso8601"
UNIX_US = {"%s": 1_000_000, "unix_s": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
# A file has few different days and times of day, but many different moments: enough for the former.
MOMENTS_KEPT = 1 << 16
SAMPLE = datetime(2023, 11, 25, 13, 47, 58, tzinfo=UTC)
OFFSET, ZONE_NAME = "%z", "%Z"
UNIVERSAL = ("UTC", "GMT", "Z")
_UNIX = re.compile(r"(-?[0-9]{1,17})(?:\.([0-9]*))?")


@lru_cache(maxsize=MOMENTS_KEPT)
def moment(word: str, form: str, zone: ZoneInfo) -> datetime:
    """The moment in a cell, by one format; in `zone` unless cell or format names another. Raises ValueError."""
    if form in UNIX_US:
        return _since_1970(word, UNIX_US[form])
    if form == ISO:
        read = datetime.fromisoformat(word)
        return read if read.tzinfo is not None else read.replace(tzinfo=zone)
    if OFFSET in form:
        return datetime.strptime(word, form).astimezone(UTC)
    if form.endswith(ZONE_NAME):
        word, _, name = word.rpartition(" ")
        form, zone = _without_zone(form), _zone(name)
    return datetime.strptime(word, form).replace(tzinfo=zone)


@lru_cache(maxsize=256)
def has_date(form: str) -> bool:
    """Whether a format includes the day, not only the time of day."""
    return form in UNIX_US or form == ISO or _read_back(form).date() == SAMPLE.date()


def mistake_in(form: str, day_elsewhere: bool) -> str | None:
    """Why no cell can ever be read by this format; `day_elsewhere`: the day has a column of its own."""
    if form in UNIX_US or form == ISO:
        return None
    if ZONE_NAME in _without_zone(form) or (form.endswith(ZONE_NAME) and form[-3:-2] != " "):
        return f"{form!r} cannot be read: %Z belongs at the end, after a space"
    try:
        found = _read_back(form)
    except ValueError as error:
        return f"{form!r} can never be read: {error}"
    if found.hour != SAMPLE.hour:
        return f"{form!r} does not say the hour of 24 (%H, or %I with %p)"
    if found.date() != SAMPLE.date() and not day_elsewhere:
        return f"{form!r} does not say year, month and day, and there is no date_column"
    if found.date() != SAMPLE.date() and OFFSET in form:
        return f"{form!r} says an offset from UTC but no day, which may be another one there"
    return None


def mistake_in_date(form: str) -> str | None:
    """Why no day can ever be read by this format of a date column."""
    if form in UNIX_US or form == ISO:
        return None
    if ZONE_NAME in form:
        return f"{form!r} names a zone: a day has no %Z"
    try:
        found = _read_back(form)
    except ValueError as error:
        return f"{form!r} can never be read: {error}"
    return None if found.date() == SAMPLE.date() else f"{form!r} does not say year, month and day"


def _read_back(form: str) -> datetime:
    """A sample moment written and read by the format."""
    plain = _without_zone(form)
    return datetime.strptime(SAMPLE.strftime(plain), plain).replace(tzinfo=UTC)


def _without_zone(form: str) -> str:
    return form.removesuffix(ZONE_NAME).rstrip() if form.endswith(ZONE_NAME) else form


def _since_1970(word: str, unit_us: int) -> datetime:
    found = _UNIX.fullmatch(word)
    if found is None:
        raise ValueError(f"no number: {word!r}")
    whole, fraction = int(found[1]) * unit_us, ((found[2] or "") + "000000")[:6]
    part = int(fraction) * unit_us // 1_000_000
    try:
        return EPOCH + timedelta(microseconds=whole - part if word.startswith("-") else whole + part)
    except OverflowError as error:
        raise ValueError(f"no time of this calendar: {word!r}") from error


def _zone(name: str) -> ZoneInfo:
    if name in UNIVERSAL:
        return ZoneInfo("UTC")
    if "/" not in name:
        raise ValueError(f"the zone {name!r} is not known")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError(f"the zone {name!r} is not known") from error
