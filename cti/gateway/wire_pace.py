"""The pace of a trunk group at the wire: no more makeCalls are written in any window than the switch declared.

The claim holds the pace by `sent_at`, which is set before an order leaves (`cti.dial.claims`). From there to the first
byte is not always as long: orders of a slow claim and those of a quick one after it would come closer together than
they were claimed. So what was claimed waits here for that difference, some milliseconds. The window's margin is for
what comes after the wire: a switch that reads one burst late and the next at once counts no more in a second than it
declared.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from cti.dial.pace import window_of

WAIT_MAX_S = 1.0


class Trunks(NamedTuple):
    """A lane of a switch."""

    tenant: str
    switch: str
    lane: str


class WirePace:
    """The pace of one gateway. A switch has one dial stream, so whoever writes its orders has written
    those before them too.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._written: dict[Trunks, deque[float]] = {}  # when, in seconds, one for each call

    def wait_s(self, trunks: Trunks, count: int, a_second: float) -> float:
        """How long so many calls must wait, WAIT_MAX_S at most: where the ledger's clock was set forward, the claim
        lets more of them go. `a_second`: what the trunk group declared.
        """
        limit, window_ms = window_of(a_second)
        window_s = window_ms / 1000
        now_s = self._monotonic()
        written = self._written.get(trunks, deque[float]())
        while written and written[0] <= now_s - window_s:
            written.popleft()
        if not written:
            self._written.pop(trunks, None)
        beyond = min(len(written), len(written) + count - limit)
        return min(written[beyond - 1] + window_s - now_s, WAIT_MAX_S) if beyond > 0 else 0.0

    def wrote(self, trunks: Trunks, count: int) -> None:
        """So many calls have been written by now."""
        self._written.setdefault(trunks, deque()).extend([self._monotonic()] * count)
