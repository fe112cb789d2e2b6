"""Milliseconds as the boundary writes them: RFC 3339 in UTC with three decimals, and seconds as decimals."""

from datetime import UTC, datetime
from typing import Final

SECONDS_KEPT: Final = 4096  # the times that are written at one time lie close together

_seconds: Final[dict[int, str]] = {}
_ENDINGS: Final = tuple(f".{rest:03d}Z" for rest in range(1000))


def rfc3339(ms: int) -> str:
    """2026-03-02T01:00:12.000Z"""
    second = ms // 1000
    return (_seconds.get(second) or _written(second)) + _ENDINGS[ms - second * 1000]


def _written(second: int) -> str:
    if len(_seconds) >= SECONDS_KEPT:
        _seconds.clear()
    text = _seconds[second] = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text


def seconds(ms: int) -> float | int:
    """12001 -> 12.001, 12000 -> 12."""
    whole, rest = divmod(ms, 1000)
    return ms / 1000 if rest else whole
