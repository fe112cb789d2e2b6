"""Ended calls stay in memory for a while, so that slightly late events find them; then they are evicted."""

import heapq
from collections.abc import Sequence
from typing import Final

from cti.engine.live_calls import Key, Layers

EVICT_AFTER_MS: Final = 10_000
ENDED_KEPT_MAX: Final = 20_000


class Eviction:
    """When each ended call may be evicted, by the log's clock."""

    def __init__(self) -> None:
        self._leaving: list[tuple[float, int, Key]] = []  # a heap
        self._number = 0

    def add(self, ended: Sequence[Key], now_ms: float) -> None:
        for key in ended:
            self._number += 1
            heapq.heappush(self._leaving, (now_ms + EVICT_AFTER_MS, self._number, key))

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        self._leaving = [(at_ms + by_ms, number, key) for at_ms, number, key in self._leaving]

    def next_ms(self) -> float:
        """When the next one may be evicted; infinite if there is none."""
        return self._leaving[0][0] if self._leaving else float("inf")

    def evict(self, layers: Layers, now_ms: float) -> None:
        """Evict the calls whose time has come, unless a command of the call is open or a round still writes it."""
        kept = []
        while self._leaving and (self._leaving[0][0] <= now_ms or len(self._leaving) > ENDED_KEPT_MAX):
            _, number, key = heapq.heappop(self._leaving)
            live = layers.base.calls.get(key)
            if live is None or not live.ended:
                continue
            if live.has_open_commands or layers.call(key) is not live:
                kept.append((now_ms + EVICT_AFTER_MS, number, key))
            else:
                del layers.base.calls[key]
        for waiting in kept:
            heapq.heappush(self._leaving, waiting)
