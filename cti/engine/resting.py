"""Quiet calls give up their state: it is the fold of their history, and most of a call's life is one conversation.

A live call that nothing happens to costs its history, not the history and what follows from it. The next event, or a
timer that is due, folds it again.
"""

from collections import deque
from collections.abc import Iterable

from cti.engine.live_calls import Key, Layer

REST_AFTER_MS = 2_000
RESTING_FACTS_MAX = 64  # what is folded again in a quarter of a millisecond


class Resting:
    """Which calls were touched when, by the log's clock."""

    def __init__(self) -> None:
        self._touched: deque[tuple[float, list[Key]]] = deque()

    def add(self, keys: Iterable[Key], now_ms: float) -> None:
        """Calls that a committed round has touched."""
        self._touched.append((now_ms, list(keys)))

    def clear(self) -> None:
        self._touched.clear()

    def lay(self, base: Layer, now_ms: float) -> None:
        """Lay to rest what was last heard of REST_AFTER_MS ago, and has not ended."""
        while self._touched and self._touched[0][0] <= now_ms - REST_AFTER_MS:
            for key in self._touched.popleft()[1]:
                live = base.calls.get(key)
                if (
                    live is not None
                    and live.heard_ms <= now_ms - REST_AFTER_MS
                    and live.facts <= RESTING_FACTS_MAX
                    and not live.ended
                ):
                    live.state = None
