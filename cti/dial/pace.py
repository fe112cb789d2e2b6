"""The pace of a lane, as its switch declared it. One for who makes orders, who claims and who writes them."""

from math import ceil
from typing import NamedTuple

PACE_MS = 1_000  # a lane's limit holds in every window of so long; less than one call in it: in a longer one
MARGIN_MS = 50  # windows are longer by it: what is claimed does not take equally long to arrive
PACE_MAX_MS = 3_600_000  # the longest window: a limit that is smaller allows one call an hour


class Window(NamedTuple):
    """At most so many calls within so long."""

    calls: int
    ms: int


def window_of(a_second: float) -> Window:
    """`a_second`: what the switch declared, above 0; with less than one call a second, one in so many seconds."""
    return Window(max(1, int(a_second)), max(PACE_MS, ceil(min(PACE_MS / a_second, PACE_MAX_MS))) + MARGIN_MS)
