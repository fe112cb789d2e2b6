"""Times at the boundary: RFC 3339 in UTC with milliseconds; inside, ms since the epoch."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def rfc3339(at_ms: float) -> str:
    """`2026-03-02T01:00:12.000Z`."""
    at = EPOCH + timedelta(milliseconds=int(at_ms))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_rfc3339(at_ms: float | None) -> str | None:
    """The same, for a time that may be absent."""
    return None if at_ms is None else rfc3339(at_ms)


def ms_of(at: datetime) -> int:
    """Milliseconds since the epoch of an aware time, parts of a millisecond are dropped.

    A time that only its offset takes out of the years 1 to 9999 becomes the first or the last moment of them.
    """
    since = at.replace(tzinfo=None) - EPOCH.replace(tzinfo=None) - (at.utcoffset() or timedelta())
    return min(max(since // timedelta(milliseconds=1), FIRST_MS), LAST_MS)
