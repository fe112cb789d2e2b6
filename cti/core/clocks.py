"""When an intervention may fire: what a switch's clock says now, and whether it may be believed.

* The switch's clock now = partition time - lag(source). Partition time is the append time of the last entry read, or
  the log's clock when the read stands at the end and the end was confirmed within END_FRESH_MS.
* lag(source) is the least (append - event time) of the last LAG_WINDOW_MS, heartbeats included; with no entry for so
  long it keeps its last value. The least, because delay only ever adds.
* One stamp far ahead of the log (more than AHEAD_MS) is a mistake in that stamp: it moves no clock, unless AHEAD_AGREED
  of the last AHEAD_LOOKED_AT entries say the same.
* A timer due at T fires once that clock is past T; an event at exactly T goes first.
* A source whose lag leaves [LAG_MIN_MS, LAG_MAX_MS], or one of whose call events of the last STRAGGLER_WINDOW_MS lagged
  by more than LAG_MAX_MS, gets no interventions: one rule for a wrong clock, a spooled backlog and replayed history
  (docs/integrators.md, Time).
"""

from collections import deque
from typing import Final

LAG_MIN_MS: Final = -500
LAG_MAX_MS: Final = 2_000
LAG_WINDOW_MS: Final = 30_000
STRAGGLER_WINDOW_MS: Final = 5_000
END_FRESH_MS: Final = 500
LOOK_AGAIN_MS: Final = 1_000  # only a later entry can bring a lag back into its bounds
AHEAD_MS: Final = 2_000
AHEAD_AGREED: Final = 3
AHEAD_LOOKED_AT: Final = 5
_BUCKET_MS: Final = 1_000
_AHEAD_BITS: Final = (1 << AHEAD_LOOKED_AT) - 1


class SourceClock:
    """What the engine knows about one switch's clock. Mutable: it is an observation and is not committed."""

    __slots__ = ("_ahead", "_buckets", "_straggler_ms", "lag_ms")

    def __init__(self) -> None:
        self.lag_ms: int | None = None
        self._buckets: deque[tuple[int, int]] = deque()  # (second of append, least lag in it), oldest first
        self._straggler_ms: int | None = None
        self._ahead = 0  # the last entries, a bit each, the newest lowest: whether it was stamped far ahead

    def observe(self, appended_at_ms: int, at_ms: int, is_call_event: bool) -> None:
        """Take note of one entry of the source."""
        lag = appended_at_ms - at_ms
        self._ahead = (self._ahead << 1 | (lag < -AHEAD_MS)) & _AHEAD_BITS
        if self._ahead & 1 and self._ahead.bit_count() < AHEAD_AGREED:
            return
        if is_call_event and lag > LAG_MAX_MS:
            self._straggler_ms = max(self._straggler_ms or appended_at_ms, appended_at_ms)
        bucket, buckets = appended_at_ms // _BUCKET_MS, self._buckets
        if buckets and buckets[-1][0] >= bucket:
            if lag >= buckets[-1][1]:
                return
            buckets[-1] = (buckets[-1][0], lag)
        else:
            buckets.append((bucket, lag))
            while buckets[0][0] < bucket - LAG_WINDOW_MS // _BUCKET_MS:
                buckets.popleft()
        self.lag_ms = min(least for _, least in buckets)

    def forget(self) -> None:
        """Drop all observations: the log's own clock was set, so they are no longer valid."""
        self.lag_ms, self._straggler_ms, self._ahead = None, None, 0
        self._buckets.clear()

    @property
    def heard_ms(self) -> int | None:
        """When the log got the latest entry of the source, to the second; None before anything was heard of it."""
        return self._buckets[-1][0] * _BUCKET_MS if self._buckets else None

    def now_ms(self, partition_ms: float) -> float | None:
        """The switch's clock at this partition time; None before anything was heard of it."""
        return None if self.lag_ms is None else partition_ms - self.lag_ms

    def trusted_again_ms(self, partition_ms: float) -> float:
        """From which partition time on it may be trusted, as far as that can be known now."""
        if self._straggler_ms is None or self.lag_ms is None or not LAG_MIN_MS <= self.lag_ms <= LAG_MAX_MS:
            return partition_ms + LOOK_AGAIN_MS
        return self._straggler_ms + STRAGGLER_WINDOW_MS

    def trusted(self, partition_ms: float) -> bool:
        """Whether interventions may fire for this source now."""
        if self.lag_ms is None or not LAG_MIN_MS <= self.lag_ms <= LAG_MAX_MS:
            return False
        return self._straggler_ms is None or partition_ms - self._straggler_ms > STRAGGLER_WINDOW_MS
