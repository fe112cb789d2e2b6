"""Whether the clocks are to be believed: the time of day against the monotonic clock, and against the ledger's.

Where two of them part by more than a second somebody has set one. Then nothing is dialled until two later looks agree.
"""

from typing import NamedTuple

JUMP_MS = 1_000
LOOKS_TO_BELIEVE = 2


class Reading(NamedTuple):
    """Both clocks of the host at one instant."""

    monotonic_ms: float
    wall_ms: float

    @property
    def ahead_ms(self) -> float:
        return self.wall_ms - self.monotonic_ms


class ClockGuard:
    """One process's; all times in milliseconds."""

    def __init__(self) -> None:
        self._ahead_ms: float | None = None  # the time of day, of the monotonic clock, at the last look
        self._agreeing = LOOKS_TO_BELIEVE

    @property
    def steady(self) -> bool:
        return self._agreeing >= LOOKS_TO_BELIEVE

    def look(self, before: Reading, ledger_ms: float, after: Reading) -> None:
        """`before`, `after`: when the ledger was asked for its time of day, and when it had answered."""
        was_ahead_ms = before.ahead_ms if self._ahead_ms is None else self._ahead_ms
        jumped = any(abs(reading.ahead_ms - was_ahead_ms) > JUMP_MS for reading in (before, after))
        apart = not before.wall_ms - JUMP_MS <= ledger_ms <= after.wall_ms + JUMP_MS
        self._ahead_ms = after.ahead_ms
        self._agreeing = 0 if jumped or apart else min(self._agreeing + 1, LOOKS_TO_BELIEVE)
