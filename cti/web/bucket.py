"""The rate limit of one key."""

import math
from collections.abc import Callable


class TokenBucket:
    """Holds up to `burst` tokens, refilled at `per_s`; one request takes one."""

    __slots__ = ("_at", "_burst", "_monotonic", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._per_s, self._burst, self._monotonic = per_s, burst, monotonic
        self._tokens, self._at = burst, monotonic()

    def take(self) -> int:
        """Take a token and return 0; if there is none, return the whole seconds until one will be available."""
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0
        return max(1, math.ceil((1.0 - self._tokens) / self._per_s))
