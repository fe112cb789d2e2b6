"""The faults, one after the other; what one brings down comes up again while the next is under way."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from tests.faults.cluster.parts import Part
from tests.faults.cluster.plan import BROKER, ENGINE, KILLED, LEDGER, TAKEN_OVER, Fault
from tests.faults.cluster.site import Site
from tests.faults.cluster.waiting import TooLong, pause, until

VICTIM_MAX_S = 60.0  # for one to be up that can be brought down
SILENCE_S = 0.5
REFUSED_MAX_S = 2.0  # after an engine that was taken over goes on: for its commit to be refused


class Injector:
    """Brings faults upon a site. `check`: raises when the load has failed; `told`: what to say of the load."""

    def __init__(self, site: Site, check: Callable[[], None], told: Callable[[], str]) -> None:
        self._site, self._check, self._told = site, check, told
        self._under_way: set[asyncio.Task[None]] = set()
        self.done: Counter[str] = Counter()
        self.refused_on_waking = 0  # engines that were taken over, and whose commit was refused

    async def bring(self, faults: Sequence[Fault]) -> None:
        """All of them; return when everything is up again. Raises TooLong."""
        began = time.monotonic()
        try:
            for number, fault in enumerate(faults, start=1):
                await self._one(fault)
                self.done[fault.name] += 1
                _say(f"{number:4} of {len(faults)}  {time.monotonic() - began:6.1f} s  {fault.name:18} {self._told()}")
                await pause(fault.gap_s)
                self._look_after()
            await asyncio.gather(*self._under_way)
            await self._site.all_up()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _look_after(self) -> None:
        """Raise what went wrong; start again what ended by itself."""
        self._check()
        for task in [one for one in self._under_way if one.done()]:
            self._under_way.discard(task)
            task.result()
        for part in self._site.parts:
            self._begin(part.mend(self._site.session))

    def _begin(self, work: Awaitable[None]) -> None:
        self._under_way.add(asyncio.ensure_future(work))

    async def _one(self, fault: Fault) -> None:
        site = self._site
        if fault.kind == TAKEN_OVER:
            await self._taken_over(fault)
        elif fault.victim in (BROKER, LEDGER):
            server = site.broker if fault.victim == BROKER else site.ledger
            await asyncio.wait_for(server.up.wait(), VICTIM_MAX_S)
            self._begin(server.kill(fault.seconds) if fault.kind == KILLED else server.hold(fault.seconds))
        else:
            part = await self._part(fault)
            kill = fault.kind == KILLED
            self._begin(part.kill(fault.seconds, site.session) if kill else part.hold(fault.seconds))
        await pause(0)  # what has begun has taken hold

    async def _part(self, fault: Fault) -> Part:
        """One of those that are up."""
        several = self._site.engines if fault.victim == ENGINE else self._site.gateways

        async def one_is_up() -> bool:
            return any(part.up.is_set() for part in several)

        await until(f"an {fault.victim} is up", one_is_up, VICTIM_MAX_S)
        able = [part for part in several if part.up.is_set()]
        return able[int(fault.pick * len(able))]

    async def _taken_over(self, fault: Fault) -> None:
        """Nothing else is wrong meanwhile: the others can take what the victim has.

        As it wakes the ledger answers nobody for a moment: it may begin to commit before it hears of its loss.
        """
        site = self._site
        await asyncio.gather(*self._under_way)
        await site.all_up()
        victim = await self._loaded()
        await site.refusals.look(victim)
        before = site.refusals.fenced(victim)
        victim.freeze()
        try:
            await pause(fault.seconds)
            site.ledger.freeze()
        finally:
            victim.thaw()
        try:
            await pause(SILENCE_S)
        finally:
            site.ledger.thaw()

        async def refused() -> bool:
            await site.refusals.look(victim)
            return site.refusals.fenced(victim) > before

        try:
            await until("a commit is refused", refused, REFUSED_MAX_S)
        except TooLong:
            return  # it heard of its loss before it had anything to write; the count of refusals says so
        self.refused_on_waking += 1

    async def _loaded(self) -> Part:
        """The one with the most calls to look after, by their own gauges."""
        calls: dict[str, float] = {}

        async def some_have_calls() -> bool:
            calls.update({engine.name: await self._calls(engine) for engine in self._site.engines})
            return any(calls.values())

        await until("an engine has calls", some_have_calls, VICTIM_MAX_S)
        return max(self._site.engines, key=lambda engine: calls[engine.name])

    async def _calls(self, engine: Part) -> float:
        try:
            async with self._site.session.get(f"{engine.url}/metrics") as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0.0
        lines = text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("ringback_calls_live "))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
