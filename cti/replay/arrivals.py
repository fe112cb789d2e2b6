"""The order in which a replay posts its events: as they happened, or disturbed on purpose. Pure, by seed."""

import random
from dataclasses import dataclass

from cti.replay.facts import TimedEvent

# a switch that posts again does so at once or after a broken connection: some copies find the call live, others ended
REPEAT_DELAY_MAX_MS = 600_000


@dataclass(frozen=True, slots=True)
class Disturbance:
    """shuffle_ms: each event comes up to so much late. duplicate_every: each so-manyth comes twice; 0 = none."""

    shuffle_ms: int = 0
    duplicate_every: int = 0
    seed: int = 0


def in_order_of_arrival(events: list[TimedEvent], disturbance: Disturbance) -> list[bytes]:
    """The bodies in the order of posting; a repeated event is there twice, with the same bytes."""
    chance = random.Random(disturbance.seed)  # repeatable, and no secret
    arrivals = [(event.at_ms + chance.uniform(0, disturbance.shuffle_ms), event.body) for event in events]
    arrivals.sort(key=lambda arrival: arrival[0])
    if disturbance.duplicate_every:
        again = arrivals[disturbance.duplicate_every - 1 :: disturbance.duplicate_every]
        arrivals += [(at + chance.uniform(1, REPEAT_DELAY_MAX_MS), body) for at, body in again]
        arrivals.sort(key=lambda arrival: arrival[0])
    return [body for _, body in arrivals]
