"""A bounded memory of what was looked up lately."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps at most `size` values for `keep_s` seconds of `monotonic`; the oldest written goes first."""

    __slots__ = ("_keep_s", "_kept", "_monotonic", "_size")

    def __init__(self, size: int, keep_s: float, monotonic: Callable[[], float]) -> None:
        self._size, self._keep_s, self._monotonic = size, keep_s, monotonic
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        """The value, if it is still kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        if self._monotonic() >= found[0]:
            del self._kept[key]
            return None
        return found[1]

    def put(self, key: K, value: V) -> None:
        """Keep a value from now on."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._monotonic() + self._keep_s, value)

    def drop(self, key: K) -> None:
        """Forget a value."""
        self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
