"""The order in which a replay posts its events: as they happened, or late and repeated. Pure: a seed, an order."""

import random
from dataclasses import dataclass

from cti.replay.facts import TimedEvent

# A switch posts again at once, or after a broken connection: the call is still live, or it has ended.
REPEAT_DELAY_MAX_MS = 600_000


@dataclass(frozen=True, slots=True)
class Disturbance:
    """`shuffle_ms`: the greatest delay of an event. `duplicate_every`: every nth event is posted twice; 0: none."""

    shuffle_ms: int = 0
    duplicate_every: int = 0
    seed: int = 0


def in_order_of_arrival(events: list[TimedEvent], disturbance: Disturbance) -> list[bytes]:
    """The bodies in the order of posting. A repeated event is posted with the same bytes."""
    chance = random.Random(disturbance.seed)  # repeatable, and no secret
    arrivals = [(event.at_ms + chance.uniform(0, disturbance.shuffle_ms), event.body) for event in events]
    arrivals.sort(key=lambda arrival: arrival[0])
    if disturbance.duplicate_every:
        again = arrivals[disturbance.duplicate_every - 1 :: disturbance.duplicate_every]
        arrivals += [(at + chance.uniform(1, REPEAT_DELAY_MAX_MS), body) for at, body in again]
        arrivals.sort(key=lambda arrival: arrival[0])
    return [body for _, body in arrivals]
