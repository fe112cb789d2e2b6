"""Passivation: a quiet call keeps its packed facts and drops its state, which is the fold of them.

Most of a call's life is one conversation without events, so this saves memory. The next event, or a timer that is due,
folds the call again.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from cti.engine.live_calls import Key, Layer, LiveCall

PASSIVATE_AFTER_MS: Final = 2_000
LOOK_AGAIN_MS: Final = 200
CLOCKS_MS: Final = 500  # by so much the clock that dates the entries may be ahead of ours
PASSIVE_FACTS_MAX: Final = 64  # so many are folded in a quarter of a millisecond


class Touched(NamedTuple):
    """Calls that one round has touched, and when they may be passivated. Times by the log's clock."""

    try_ms: float
    at_ms: float
    keys: list[Key]


class Passivation:
    """Which calls were touched when.

    A call is quiet by its partition's time: while the engine lags, its next event may be waiting.
    """

    def __init__(self) -> None:
        self._touched: deque[Touched] = deque()
        self._lagging: deque[Touched] = deque()  # to be tried again: their partition lags

    def add(self, calls: Mapping[Key, LiveCall], now_ms: float) -> None:
        """Add calls that a committed round has touched. Those that only a timer has woken may be passivated at once."""
        quiet = [key for key, live in calls.items() if live.heard_ms <= now_ms - PASSIVATE_AFTER_MS]
        if quiet:
            self._lagging.append(Touched(now_ms, now_ms, quiet))
        if len(quiet) < len(calls):
            heard = [key for key, live in calls.items() if live.heard_ms > now_ms - PASSIVATE_AFTER_MS]
            self._touched.append(Touched(now_ms + PASSIVATE_AFTER_MS, now_ms, heard))

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        for waiting in (self._touched, self._lagging):
            moved = [Touched(try_ms + by_ms, at_ms + by_ms, keys) for try_ms, at_ms, keys in waiting]
            waiting.clear()
            waiting.extend(moved)

    @property
    def lags(self) -> bool:
        """Whether calls wait only for a confirmation that their partitions hold no more events of them."""
        return bool(self._lagging)

    def passivate(self, base: Layer, now_ms: float, partition_ms: Mapping[int, float]) -> None:
        """Passivate the calls without an event for PASSIVATE_AFTER_MS that have not ended."""
        lagging: list[Touched] = []
        for waiting in (self._touched, self._lagging):
            while waiting and waiting[0].try_ms <= now_ms:
                _, at_ms, keys = waiting.popleft()
                left = [key for key in keys if not _passivated(base, key, at_ms, partition_ms)]
                if left:
                    lagging.append(Touched(now_ms + LOOK_AGAIN_MS, at_ms, left))
        self._lagging.extend(lagging)


def _passivated(base: Layer, key: Key, touched_ms: float, partition_ms: Mapping[int, float]) -> bool:
    """False: its partition lags, and it must be tried again."""
    live = base.calls.get(key)
    if live is None or live.ended or live.facts > PASSIVE_FACTS_MAX:
        return True
    if live.heard_ms <= partition_ms[live.partition] - PASSIVATE_AFTER_MS:
        live.state = None
        return True
    return live.heard_ms > touched_ms + CLOCKS_MS  # it had an event since: it is in a later list
