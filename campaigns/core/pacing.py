"""How many orders a lane may make now: a sliding window, not a bucket.

1. An order takes a slot when it is made and keeps it until a second after it was sent; so in no sliding second, judged
   at `sent_at`, more orders leave than the pace allows. An order that expired unsent gives its slot back at once.
2. Calls at once are the open attempts of the lane.
3. A new owner of a lane makes nothing for two seconds: what the former owner made has left or expired by then. After
   that it counts from orders and open attempts.
"""

from collections.abc import Iterable
from typing import NamedTuple

SECOND_MS = 1_000
TAKEOVER_WAIT_MS = 2 * SECOND_MS


class Pace(NamedTuple):
    """What a lane or campaign allows."""

    calls_per_second: int
    calls_at_once: int


class Slot(NamedTuple):
    """An order that was made and has not expired unsent. `sent_at_ms`: None until it is sent."""

    sent_at_ms: int | None


class Lane(NamedTuple):
    """What is known of a lane. `taken_over_ms`: since when its owner has it. `live`: open attempts."""

    slots: tuple[Slot, ...]
    live: int
    taken_over_ms: int


def room(pace: Pace, lane: Lane, now_ms: int) -> int:
    """How many orders may be made now."""
    if now_ms < lane.taken_over_ms + TAKEOVER_WAIT_MS:
        return 0
    used = sum(_taken(slot, now_ms) for slot in lane.slots)
    return max(0, min(pace.calls_per_second - used, pace.calls_at_once - lane.live))


def room_at(pace: Pace, lane: Lane, now_ms: int) -> int | None:
    """The first instant at which time alone makes room; None where something must happen first."""
    if lane.live >= pace.calls_at_once:
        return None
    from_ms = max(now_ms, lane.taken_over_ms + TAKEOVER_WAIT_MS)
    leaving = sorted({from_ms, *_leavings(lane.slots, from_ms)})
    return next((at_ms for at_ms in leaving if room(pace, lane, at_ms) > 0), None)


def kept(slots: Iterable[Slot], now_ms: int) -> tuple[Slot, ...]:
    """Without those that are older than a second."""
    return tuple(slot for slot in slots if _taken(slot, now_ms))


def _taken(slot: Slot, now_ms: int) -> bool:
    return slot.sent_at_ms is None or now_ms < slot.sent_at_ms + SECOND_MS


def _leavings(slots: Iterable[Slot], from_ms: int) -> list[int]:
    times = [slot.sent_at_ms + SECOND_MS for slot in slots if slot.sent_at_ms is not None]
    return [at_ms for at_ms in times if at_ms > from_ms]
