"""The log's time is set anew: what the engine keeps by it moves along, and no switch's clock is known any more.

Until the next entry of a source nothing is due for it: no timer fires, and none is settled as overtaken, on a time that
nobody has confirmed. Times that are kept (when a call was last heard of, when an ended one leaves memory) move by the
step, so that a step ends no call and keeps none for ever.
"""

from collections.abc import Iterable

import structlog

from cti.engine.gathering import Gathering
from cti.engine.live_calls import LiveCall

STEP_MS = 1_000.0  # between two turns, at most a second apart, a clock that is only corrected moves by less

log = structlog.get_logger()


class TimeSteps:
    """Compares the log's clock with a monotonic one, and the dates of entries with the log's clock.

    An engine without interventions sees no steps: a log that is worked once more has the time of its entries.
    """

    def __init__(self, work: Gathering) -> None:
        self._work = work
        self._apart_ms: float | None = None  # the log's clock minus the monotonic one
        self._ahead = False  # the last entry was dated ahead of the log's clock

    def step_ms(self, log_ms: float, monotonic_ms: float) -> float:
        """By how much the log's clock was set since the last call; 0.0: it was not. A step is carried out at once."""
        before, self._apart_ms = self._apart_ms, log_ms - monotonic_ms
        if before is None or abs(self._apart_ms - before) <= STEP_MS or not self._work.interventions_on:
            return 0.0
        by_ms = self._apart_ms - before
        log.warning("the log's time was set", action="log_time_set", by_ms=round(by_ms))
        self._forget_clocks()
        work = self._work
        for layer in (work.layers.base, work.layers.committing, work.layers.gathering):
            for live in layer.calls.values():
                live.heard_ms += round(by_ms)
        for partition in work.times.partition_ms:
            work.times.partition_ms[partition] += by_ms
        return by_ms

    def partition_ms(self, appended_at_ms: int, latest_ms: float) -> float:
        """Partition time after an entry. `latest_ms`: as far as the log's own clock makes it believable."""
        if appended_at_ms > latest_ms:  # the server's clock leapt, or had leapt when it was written
            self._ahead = True
            return latest_ms
        if self._ahead:
            self._ahead = False
            self._forget_clocks()
        return float(appended_at_ms)

    def _forget_clocks(self) -> None:
        for source in self._work.sources.values():
            source.clock.forget()


def heard_by(calls: Iterable[LiveCall], now_ms: float, idle_max_ms: int) -> None:
    """Calls that were loaded: when they were last heard of, by the log's clock as it stands now.

    Nobody can tell a long stop from a clock that was set. Where every call would have fallen silent meanwhile, each
    gets its whole time again; a switch that sends snapshots says sooner what has ended.
    """
    found = list(calls)
    newest = max((live.heard_ms for live in found), default=0)
    by_ms = round(now_ms) - newest if now_ms - newest >= idle_max_ms else 0
    for live in found:
        live.heard_ms = min(live.heard_ms + by_ms, round(now_ms))
