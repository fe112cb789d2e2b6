"""Ended calls stay in memory for a while, so that slightly late events find them; then they are evicted."""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import Final

from cti.engine.live_calls import Key, Layers

EVICT_AFTER_MS: Final = 10_000
ENDED_KEPT_MAX: Final = 20_000


class Eviction:
    """When each ended call may be evicted, by the log's clock."""

    def __init__(self) -> None:
        self._leaving: list[tuple[float, int, Key]] = []  # a heap
        self._stayed: deque[tuple[float, Key]] = deque()  # could not leave at their time, by when to look again
        self._number = 0

    def add(self, ended: Sequence[Key], now_ms: float) -> None:
        for key in ended:
            self._number += 1
            heapq.heappush(self._leaving, (now_ms + EVICT_AFTER_MS, self._number, key))

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        self._leaving = [(at_ms + by_ms, number, key) for at_ms, number, key in self._leaving]
        self._stayed = deque([(at_ms + by_ms, key) for at_ms, key in self._stayed])

    def next_ms(self) -> float:
        """When the next one may be evicted; infinite if there is none."""
        leaving = self._leaving[0][0] if self._leaving else float("inf")
        return min(leaving, self._stayed[0][0]) if self._stayed else leaving

    def evict(self, layers: Layers, now_ms: float) -> None:
        """Evict the calls whose time has come, unless a command of the call is open or a round still writes it.

        What stays is looked at when its time comes again, however many there are: each look costs a step for each call.
        """
        while self._leaving and (self._leaving[0][0] <= now_ms or len(self._leaving) > ENDED_KEPT_MAX):
            self._evict(layers, heapq.heappop(self._leaving)[2], now_ms)
        while self._stayed and self._stayed[0][0] <= now_ms:
            self._evict(layers, self._stayed.popleft()[1], now_ms)

    def _evict(self, layers: Layers, key: Key, now_ms: float) -> None:
        live = layers.base.calls.get(key)
        if live is None or not live.ended:
            return
        if live.has_open_commands or layers.call(key) is not live:
            self._stayed.append((now_ms + EVICT_AFTER_MS, key))
        else:
            del layers.base.calls[key]
