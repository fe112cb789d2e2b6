"""Which faults come, in which order, and how long each lasts: settled by the seed before anything is started."""

import random
from collections.abc import Iterator
from typing import NamedTuple

ENGINE, GATEWAY, DIALLER, BROKER, LEDGER = "engine", "gateway", "dialler", "broker", "ledger"
KILLED, STOPPED, TAKEN_OVER = "killed", "stopped", "taken over"
RESTS_S = (0.1, 2.0)  # between a kill and the start that follows
STOPS_S = (0.3, 2.5)  # shorter than the silence after which an engine's partitions are taken
TAKEN_OVER_S = 5.0  # long enough for that
GAPS_S = (0.8, 2.4)  # between two faults: the last may not be over when the next comes

# One of these after the other, shuffled; the tenth is an engine that stands still until it has been taken over.
DECK = (
    (ENGINE, KILLED), (ENGINE, KILLED), (ENGINE, STOPPED), (GATEWAY, KILLED), (GATEWAY, STOPPED), (BROKER, KILLED),
    (BROKER, STOPPED), (LEDGER, KILLED), (LEDGER, STOPPED),
)  # fmt: skip


class Fault(NamedTuple):
    """`seconds`: how long it lasts; `gap_s`: until the next one; `pick`: which of several, in [0, 1)."""

    victim: str
    kind: str
    seconds: float
    gap_s: float
    pick: float

    @property
    def name(self) -> str:
        return f"{self.victim} {self.kind}"


def planned(faults: int, seed: int) -> list[Fault]:
    """The first so many faults of this seed."""
    chance, found = random.Random(seed), list[Fault]()
    while len(found) < faults:
        found += _dealt(chance)
    return found[:faults]


def _dealt(chance: random.Random) -> Iterator[Fault]:
    """One deck."""
    for victim, kind in chance.sample(DECK, len(DECK)):
        seconds = chance.uniform(*(RESTS_S if kind == KILLED else STOPS_S))
        yield Fault(victim, kind, seconds, chance.uniform(*GAPS_S), chance.random())
    yield Fault(ENGINE, TAKEN_OVER, TAKEN_OVER_S, chance.uniform(*GAPS_S), chance.random())
