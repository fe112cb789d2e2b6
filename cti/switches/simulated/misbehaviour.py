"""What may go wrong on request: events late, twice, out of order or never; a wrong clock; a lost line."""

import asyncio
import heapq
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Generic, NamedTuple, TypeVar

from cti.ports import Clock

LATE_FROM_MS, LATE_TO_MS = 2_500, 20_000
AGAIN_TO_MS = 5_000  # how long after the first a duplicate may follow
AWAY_MS = 60_000  # how long the switch is gone, on request

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Chances in [0, 1]; times in seconds by the switch's clock. The default behaves."""

    late: float = 0.0
    duplicate: float = 0.0
    shuffle_s: float = 0.0
    lose: float = 0.0
    clock_s: float = 0.0
    disconnect_every_s: float = 0.0
    away_every_s: float = 0.0
    result_late: float = 0.0
    result_duplicate: float = 0.0
    result_shuffle_s: float = 0.0
    result_lose: float = 0.0

    @property
    def of_results(self) -> "Misbehaviour":
        """What is done to results, in the words of events."""
        return Misbehaviour(self.result_late, self.result_duplicate, self.result_shuffle_s, self.result_lose)

    @classmethod
    def read(cls, text: str) -> "Misbehaviour":
        """From "late=0.05,duplicate=0.1". Raises ValueError with what is wrong."""
        wishes: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, sign, value = part.partition("=")
            if not sign or name.strip() not in cls.__dataclass_fields__:
                known = ", ".join(cls.__dataclass_fields__)
                raise ValueError(f"{part!r} is no misbehaviour; it takes NAME=NUMBER of {known}")
            wishes[name.strip()] = float(value)
        wish = cls(**wishes)
        results = wish.of_results
        chances = (wish.late, wish.duplicate, wish.lose, results.late, results.duplicate, results.lose)
        if not all(0 <= chance <= 1 for chance in chances):
            raise ValueError("late, duplicate and lose are chances from 0 to 1, of results too")
        if min(wish.shuffle_s, results.shuffle_s, wish.disconnect_every_s, wish.away_every_s) < 0:
            raise ValueError("shuffle_s, result_shuffle_s, disconnect_every_s and away_every_s are not negative")
        return wish


class Passing(NamedTuple):
    """When a body leaves the switch; `how`: what was done to it ("" if nothing)."""

    leaves_ms: float
    how: str


class Spoiler:
    """Decides how each event and each result leaves. Switch events (heartbeats, snapshots) always leave at once."""

    def __init__(self, wish: Misbehaviour, seed: int) -> None:
        self._wish, self._of_results = wish, wish.of_results
        self._random = Random(f"{seed}:misbehaviour")
        self._random_of_results = Random(f"{seed}:misbehaviour:results")

    def result_passings(self, now_ms: float) -> list[Passing]:
        """How a result leaves; none: it is lost."""
        return _passings(self._of_results, self._random_of_results, now_ms)

    def passings(self, event_type: str, now_ms: float) -> list[Passing]:
        if event_type.startswith("ringback.switch."):
            return [Passing(now_ms, "")]
        return _passings(self._wish, self._random, now_ms)


def _passings(wish: Misbehaviour, random: Random, now_ms: float) -> list[Passing]:
    if random.random() < wish.lose:
        return []
    leaves_ms = now_ms + random.uniform(0, wish.shuffle_s * 1000)
    how = "shuffled" if wish.shuffle_s else ""
    if random.random() < wish.late:
        leaves_ms, how = leaves_ms + random.uniform(LATE_FROM_MS, LATE_TO_MS), "late"
    passings = [Passing(leaves_ms, how)]
    if random.random() < wish.duplicate:
        passings.append(Passing(leaves_ms + random.uniform(0, AGAIN_TO_MS), "duplicate"))
    return passings


class HeldBack(Generic[Body]):
    """Events or results whose time to leave has not come."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Body]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ms(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def put(self, leaves_ms: float, body: Body) -> None:
        heapq.heappush(self._heap, (leaves_ms, next(self._order), body))

    def take(self, now_ms: float) -> list[Body]:
        due: list[Body] = []
        while self._heap and self._heap[0][0] <= now_ms:
            due.append(heapq.heappop(self._heap)[2])
        return due


class WrongClock:
    """The switch's own clock, a fixed time fast (or slow, if negative)."""

    def __init__(self, clock: Clock, fast_ms: float) -> None:
        self._clock = clock
        self._fast_ms = fast_ms

    def now_ms(self) -> float:
        return self._clock.now_ms() + self._fast_ms

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await self._clock.wait(event, None if until_ms is None else until_ms - self._fast_ms)
