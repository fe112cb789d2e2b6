"""Times at the boundary: RFC 3339 in UTC with milliseconds; inside, ms since the epoch."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_ms: float) -> str:
    """`2026-03-02T01:00:12.000Z`."""
    at = EPOCH + timedelta(milliseconds=int(at_ms))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def optional_rfc3339(at_ms: float | None) -> str | None:
    """The same, for a time that may be absent."""
    return None if at_ms is None else rfc3339(at_ms)


def ms_of(at: datetime) -> int:
    """Milliseconds since the epoch of an aware time, of any year; parts of a millisecond are dropped."""
    since = at.replace(tzinfo=None) - EPOCH.replace(tzinfo=None) - (at.utcoffset() or timedelta())
    return since // timedelta(milliseconds=1)
