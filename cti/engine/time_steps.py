"""The log's clock as the engine reads it. When that clock is set, the times that the engine keeps by it shift too.

After a step no switch's clock is known. Until the next entry of a source nothing is due for it: no timer fires, and
none is settled as overtaken, on an unconfirmed time. Stored times (a call's last event, an ended call's eviction) shift
by the step, so that a step neither ends a call nor keeps one for ever.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import structlog

from cti.engine.live_calls import Layers, LiveCall
from cti.engine.sources import Sources
from cti.engine.times import Times
from cti.ports import Clock, EventLog

STEP_MS: Final = 1_000.0  # between two turns, at most a second apart, a clock that is only corrected moves by less

log: Final = structlog.get_logger()


class Mover(Protocol):
    """Stores times by the log's clock."""

    def move(self, by_ms: float) -> None:
        """Shift the stored times: that clock was set."""


class TimeSteps:
    """Compares the log's clock with a monotonic one, and the dates of entries with the log's clock.

    Where a log is replayed there are no steps: it has the time of its entries.
    """

    def __init__(
        self, layers: Layers, sources: Sources, times: Times, event_log: EventLog, monotonic: Clock, *, enabled: bool
    ) -> None:
        """`enabled`: False where a log is replayed."""
        self._layers, self._sources, self._times, self._enabled = layers, sources, times, enabled
        self._log, self._monotonic = event_log, monotonic
        self._movers: Sequence[Mover] = ()
        self._apart_ms: float | None = None  # the log's clock minus the monotonic one
        self._ahead = False  # the last entry was dated ahead of the log's clock

    def move_with(self, *movers: Mover) -> None:
        """Register the objects whose `move` is called at a step."""
        self._movers = movers

    def now_ms(self) -> float:
        """The log's clock. A step is applied before anything uses the new time."""
        now_ms = self._log.now_ms()
        before, self._apart_ms = self._apart_ms, now_ms - self._monotonic.now_ms()
        if before is not None and abs(self._apart_ms - before) > STEP_MS and self._enabled:
            self._step(self._apart_ms - before)
        return now_ms

    def partition_ms(self, appended_at_ms: int) -> float:
        """Partition time after an entry, limited by the log's own clock."""
        latest_ms = self._times.now_ms + STEP_MS
        if appended_at_ms > latest_ms:  # the server's clock jumped, now or when the entry was written
            self._ahead = True
            return latest_ms
        if self._ahead:
            self._ahead = False
            self._forget_clocks()
        return float(appended_at_ms)

    def _step(self, by_ms: float) -> None:
        log.warning("the log's time was set", action="log_time_set", by_ms=round(by_ms))
        self._forget_clocks()
        layers, times = self._layers, self._times.partition_ms
        for layer in (layers.base, layers.committing, layers.gathering):
            for live in layer.calls.values():
                live.heard_ms += round(by_ms)
        for partition in times:
            times[partition] += by_ms
        for mover in self._movers:
            mover.move(by_ms)

    def _forget_clocks(self) -> None:
        for source in self._sources.all():
            source.clock.forget()


def heard_by(calls: Iterable[LiveCall], now_ms: float, idle_max_ms: int) -> None:
    """Set when each loaded call had its last event, by the log's clock as it is now.

    A long stop looks the same as a clock that was set. If every call would count as idle, each gets its whole idle
    time again; a switch that sends snapshots shows sooner which calls have ended.
    """
    found = list(calls)
    newest_ms = max((live.heard_ms for live in found), default=0)
    by_ms = round(now_ms) - newest_ms if now_ms - newest_ms >= idle_max_ms else 0
    for live in found:
        live.heard_ms = min(live.heard_ms + by_ms, round(now_ms))
