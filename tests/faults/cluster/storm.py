"""A fault each second upon one of the processes: kill -9, or SIGSTOP for some seconds; which, is settled by the seed.

A process that was killed is started again, as a supervisor would; the next fault comes meanwhile. While one is stopped
for longer than its leases last, the other of its kind is spared, so that it can take over. Where none of the kind that
is due can be brought down, one of another kind takes its place; where none can at all, that second has no fault.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import aiohttp

from tests.faults.cluster.parts import Part
from tests.faults.cluster.plan import DIALLER, ENGINE, GATEWAY, KILLED, STOPPED, Fault
from tests.faults.cluster.trial import say
from tests.faults.cluster.waiting import pause

DRIVER = "driver"
EVERY_S = 1.0
RESTS_S = (0.1, 1.0)  # between a kill and the start that follows
STOPS_S = (0.3, 2.5)
LONG_STOPS_S = (4.5, 7.5)  # longer than the silence after which a lease is taken
KINDS = (GATEWAY, ENGINE, DRIVER)
DECK = tuple((victim, kind) for victim in KINDS for kind in (KILLED, STOPPED))
LONG_EVERY = 3  # each third stop; of a dialler all, for only one that lost its lane meanwhile has a stale turn


def stormed(seconds: float, seed: int, kinds: Sequence[str] = KINDS) -> list[Fault]:
    """One fault a second for so long, upon processes of these kinds."""
    found, chance = list[Fault](), random.Random(f"{seed}:storm")
    deck = [(victim, kind) for victim in kinds for kind in (KILLED, STOPPED)]
    while len(found) * EVERY_S < seconds:
        found += _dealt(chance, deck)
    return found[: int(seconds / EVERY_S)]


def _dealt(chance: random.Random, deck: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    """One deck; each of its stops is a long one every third time, by chance, and a dialler's always."""
    for victim, kind in chance.sample(deck, len(deck)):
        is_long = chance.randrange(LONG_EVERY) == 0 or victim == DIALLER
        stops_s = LONG_STOPS_S if is_long else STOPS_S
        seconds = chance.uniform(*(RESTS_S if kind == KILLED else stops_s))
        yield Fault(victim, kind, seconds, EVERY_S, chance.random())


class Storm:
    """Brings them. `check`: raises when the switch has failed; `told`: what to say of it."""

    def __init__(
        self, parts: Sequence[Part], session: aiohttp.ClientSession, check: Callable[[], None], told: Callable[[], str]
    ) -> None:
        self._parts, self._session, self._check, self._told = parts, session, check, told
        self._under_way: set[asyncio.Task[None]] = set()
        self.done: Counter[str] = Counter()
        self._spared: Counter[str] = Counter()  # kinds of which one is stopped for long
        self.still_s = 0.0  # longest that the trial itself stood still
        self.calm = 0  # seconds in which nothing was up that could be brought down

    async def bring(self, faults: Sequence[Fault]) -> None:
        """All of them; return when everything is up again. Raises TooLong, ClientFailed."""
        due_s = time.monotonic()
        try:
            for number, fault in enumerate(faults):
                await pause(max(0.0, due_s - time.monotonic()))
                late_s = time.monotonic() - due_s  # nothing is made up for where the whole machine stood still
                self.still_s, due_s = max(self.still_s, late_s), due_s + late_s + EVERY_S
                self._look_after()
                self._one(fault)
                if number % 10 == 0:
                    say(f"{number:4} of {len(faults)} s  {sum(self.done.values())} faults, {self._told()}")
            await asyncio.gather(*self._under_way)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _one(self, fault: Fault) -> None:
        up = [part for part in self._parts if part.up.is_set() and not self._spared[part.role]]
        able = [part for part in up if part.role == fault.victim] or up
        if not able:
            self.calm += 1
            return
        part = able[int(fault.pick * len(able))]
        part.up.clear()  # at once, so that nothing else is brought upon it
        self._under_way.add(asyncio.create_task(self._brought(fault, part)))
        self.done[f"{part.role} {fault.kind}"] += 1

    async def _brought(self, fault: Fault, part: Part) -> None:
        if fault.kind == KILLED:
            await part.kill(fault.seconds, self._session)
            return
        spared = fault.seconds >= LONG_STOPS_S[0]
        self._spared[part.role] += spared
        try:
            await part.hold(fault.seconds)
        finally:
            self._spared[part.role] -= spared

    def _look_after(self) -> None:
        """Raise what went wrong; start again what ended by itself."""
        self._check()
        for task in [one for one in self._under_way if one.done()]:
            self._under_way.discard(task)
            task.result()
        for part in self._parts:
            self._under_way.add(asyncio.create_task(part.mend(self._session)))

    def count(self, kind: str) -> int:
        """Faults of a kind."""
        return sum(times for name, times in self.done.items() if name.endswith(kind))
