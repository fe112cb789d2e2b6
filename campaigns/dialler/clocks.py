"""Whether the clocks are to be believed: the time of day against the monotonic clock, and against the ledger's.

Where two of them part by more than a second somebody has set one. Then nothing is dialled until two later looks agree.
"""

JUMP_MS = 1_000
LOOKS_TO_BELIEVE = 2


class ClockGuard:
    """One process's; all times in milliseconds."""

    def __init__(self) -> None:
        self._ahead_ms: float | None = None  # the time of day, of the monotonic clock, at the last look
        self._agreeing = LOOKS_TO_BELIEVE

    @property
    def steady(self) -> bool:
        return self._agreeing >= LOOKS_TO_BELIEVE

    def look(self, monotonic_ms: float, before_ms: float, ledger_ms: float, after_ms: float) -> None:
        """`before_ms`, `after_ms`: the time of day before the ledger was asked for its own, and after."""
        ahead_ms = after_ms - monotonic_ms
        jumped = self._ahead_ms is not None and abs(ahead_ms - self._ahead_ms) > JUMP_MS
        apart = not before_ms - JUMP_MS <= ledger_ms <= after_ms + JUMP_MS
        self._ahead_ms = ahead_ms
        self._agreeing = 0 if jumped or apart else min(self._agreeing + 1, LOOKS_TO_BELIEVE)
