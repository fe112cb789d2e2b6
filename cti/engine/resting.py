"""Quiet calls give up their state: it is the fold of their history, and most of a call's life is one conversation.

A live call that nothing happens to costs its history, not the history and what follows from it. The next event, or a
timer that is due, folds it again.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from cti.engine.live_calls import Key, Layer

REST_AFTER_MS = 2_000
CLOCKS_MS = 500  # by so much the clock that dates the entries may be ahead of ours
RESTING_FACTS_MAX = 64  # what is folded again in a quarter of a millisecond


class Resting:
    """Which calls were touched when, by the log's clock.

    Whether a call is quiet is told by its partition's time: while the engine is behind, the next word may be waiting.
    """

    def __init__(self) -> None:
        self._touched: deque[tuple[float, list[Key]]] = deque()

    def add(self, keys: Iterable[Key], now_ms: float) -> None:
        """Calls that a committed round has touched."""
        self._touched.append((now_ms, list(keys)))

    def clear(self) -> None:
        self._touched.clear()

    def lay(self, base: Layer, now_ms: float, partition_ms: Mapping[int, float]) -> None:
        """Lay to rest what was last heard of REST_AFTER_MS ago, and has not ended."""
        again: list[Key] = []
        while self._touched and self._touched[0][0] <= now_ms - REST_AFTER_MS:
            touched_ms, keys = self._touched.popleft()
            for key in keys:
                live = base.calls.get(key)
                if live is None or live.ended or live.facts > RESTING_FACTS_MAX:
                    continue
                if live.heard_ms <= partition_ms[live.partition] - REST_AFTER_MS:
                    live.state = None
                elif live.heard_ms <= touched_ms + CLOCKS_MS:
                    again.append(key)  # its partition is behind: look later. Who was heard of since stands there anew
        if again:
            self.add(again, now_ms)
