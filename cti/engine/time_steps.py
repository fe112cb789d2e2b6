"""The log's clock as the engine reads it. Where it is set, what the engine keeps by it moves along.

Then no switch's clock is known any more. Until the next entry of a source nothing is due for it: no timer fires, and
none is settled as overtaken, on a time that nobody has confirmed. Times that are kept (when a call was last heard of,
when an ended one leaves memory) move by the step, so that a step ends no call and keeps none for ever.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from cti.engine.gathering import Gathering
from cti.engine.live_calls import LiveCall
from cti.ports import Clock, EventLog

STEP_MS = 1_000.0  # between two turns, at most a second apart, a clock that is only corrected moves by less

log = structlog.get_logger()


class Mover(Protocol):
    """Keeps times by the log's clock."""

    def move(self, by_ms: float) -> None:
        """That clock was set by so much."""


class TimeSteps:
    """Compares the log's clock with a monotonic one, and the dates of entries with the log's clock.

    An engine without interventions sees no steps: a log that is worked once more has the time of its entries.
    """

    def __init__(self, work: Gathering, event_log: EventLog, monotonic: Clock) -> None:
        self._work, self._log, self._monotonic = work, event_log, monotonic
        self._movers: Sequence[Mover] = ()
        self._apart_ms: float | None = None  # the log's clock minus the monotonic one
        self._ahead = False  # the last entry was dated ahead of the log's clock

    def move_with(self, *movers: Mover) -> None:
        """Who is told of a step."""
        self._movers = movers

    def now_ms(self) -> float:
        """The log's clock. A step of it is carried out before anything is done by the new time."""
        now_ms = self._log.now_ms()
        before, self._apart_ms = self._apart_ms, now_ms - self._monotonic.now_ms()
        if before is not None and abs(self._apart_ms - before) > STEP_MS and self._work.interventions_on:
            self._step(self._apart_ms - before)
        return now_ms

    def partition_ms(self, appended_at_ms: int) -> float:
        """Partition time after an entry: not later than the log's own clock makes believable."""
        latest_ms = self._work.times.now_ms + STEP_MS
        if appended_at_ms > latest_ms:  # the server's clock leapt, or had leapt when the entry was written
            self._ahead = True
            return latest_ms
        if self._ahead:
            self._ahead = False
            self._forget_clocks()
        return float(appended_at_ms)

    def _step(self, by_ms: float) -> None:
        log.warning("the log's time was set", action="log_time_set", by_ms=round(by_ms))
        self._forget_clocks()
        layers, times = self._work.layers, self._work.times.partition_ms
        for layer in (layers.base, layers.committing, layers.gathering):
            for live in layer.calls.values():
                live.heard_ms += round(by_ms)
        for partition in times:
            times[partition] += by_ms
        for mover in self._movers:
            mover.move(by_ms)

    def _forget_clocks(self) -> None:
        for source in self._work.sources.values():
            source.clock.forget()


def heard_by(calls: Iterable[LiveCall], now_ms: float, idle_max_ms: int) -> None:
    """Calls that were loaded: when they were last heard of, by the log's clock as it stands now.

    Nobody can tell a long stop from a clock that was set. Where every call would have fallen silent meanwhile, each
    gets its whole time again; a switch that sends snapshots says sooner what has ended.
    """
    found = list(calls)
    newest_ms = max((live.heard_ms for live in found), default=0)
    by_ms = round(now_ms) - newest_ms if now_ms - newest_ms >= idle_max_ms else 0
    for live in found:
        live.heard_ms = min(live.heard_ms + by_ms, round(now_ms))
