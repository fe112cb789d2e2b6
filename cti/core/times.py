"""Milliseconds as the boundary writes them: RFC 3339 in UTC with three decimals, and seconds as decimals."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(ms: int) -> str:
    """2026-03-02T01:00:12.000Z"""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03d}Z"


def seconds(ms: int) -> float | int:
    """12001 -> 12.001, 12000 -> 12."""
    whole, rest = divmod(ms, 1000)
    return ms / 1000 if rest else whole
