"""A dialling process: the real dialler and importer of one start, stepped. It may be killed or stopped in the middle of
a turn, its commits may fail in any way, and its time of day may be wrong."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, cast

from campaigns.dialler.loop import Dialler
from campaigns.messages.sender import MessageSender
from campaigns.wiring import PART
from cti.adapters.clock import VirtualWallClock
from cti.errors import LedgerAway, OutcomeUnknown, RingbackError
from cti.hosting import Opened
from cti.sql.database import Database
from tests.loop_turn import loop_turn
from tests.simulation.campaigns.site import CampaignSite

LANES_MS = 1_000  # until a dialler without a lane looks whether it can take one
LANDS = 4  # rounds of the loop in which a message is taken and its result kept
OFTEN, SELDOM = 4, 16  # steps in which a process imports and counts, too: at first; one in so many


class FaultyWriter:
    """The writer of one process. `fate`: of the next commit: away | unwritten | unknown | held."""

    def __init__(self, writer: Any, counted: Counter[str]) -> None:
        self._writer, self._counted = writer, counted
        self.fate: str | None = None
        self.parked, self.go = asyncio.Event(), asyncio.Event()

    async def transact(self, *steps: Any, weight: int = 1) -> Any:
        return await self._write("transact", *steps, weight=weight)

    async def run(self, *steps: Any, **options: Any) -> Any:
        return await self._write("run", *steps, **options)

    async def _write(self, how: str, *steps: Any, **options: Any) -> Any:
        fate, self.fate = self.fate, None
        if fate is not None:
            self._counted[f"commit_{fate}"] += 1
        if fate == "away":
            raise LedgerAway("before the commit")
        if fate == "unwritten":
            raise OutcomeUnknown("before the commit")
        if fate == "held":
            await self.hold()
        made = await getattr(self._writer, how)(*steps, **options)
        if fate == "unknown":
            raise OutcomeUnknown("after the commit")
        return made

    async def hold(self) -> None:
        """Return when the process goes on."""
        self.parked.set()
        await self.go.wait()
        self.go.clear()


class Interruption(NamedTuple):
    """What happens within a turn: after so many more reads it is held, or its time of day is set to another."""

    after: int
    name: str
    wall_ms: float | None  # None: it is held


class FaultyReader:
    """The reader of one process. `next`: what happens to it; another may come once that has happened."""

    def __init__(self, reader: Any, writer: FaultyWriter, wall: VirtualWallClock, counted: Counter[str]) -> None:
        self._reader, self._writer, self._wall, self._counted = reader, writer, wall, counted
        self.next: Interruption | None = None

    async def run(self, *query: Any, **options: Any) -> Any:
        if self.next is not None:
            await self._interrupted(self.next)
        return await self._reader.run(*query, **options)

    async def _interrupted(self, one: Interruption) -> None:
        self.next = one._replace(after=one.after - 1) if one.after else None
        if one.after:
            return
        self._counted[one.name] += 1
        if one.wall_ms is None:
            await self._writer.hold()
        else:
            self._wall.set_to(one.wall_ms)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _OwnDatabase:
    """The database of the site, with a writer and a reader of the process's own."""

    def __init__(self, database: Database, writer: FaultyWriter, reader: FaultyReader) -> None:
        self._database, self._writer, self.reader = database, writer, reader

    def writer(self, _name: str) -> FaultyWriter:
        return self._writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class Process:
    """`number`: of this start. It dials once it owns the lanes."""

    def __init__(self, site: CampaignSite, number: int, counted: Counter[str]) -> None:
        self.number = number
        self.wall = VirtualWallClock(site.it.clock)
        self.writer = FaultyWriter(site.database.writer("campaigns"), counted)
        self.reader = FaultyReader(site.database.reader, self.writer, self.wall, counted)
        database = cast("Database", _OwnDatabase(site.database, self.writer, self.reader))
        host = replace(site.it.host, wall=self.wall, database=database, shared=True)
        self.opened: Opened = PART.open(host)
        self.has_gateway = site.gateway is not None
        for task in self.opened.tasks:
            if isinstance(task, MessageSender) and site.gateway is not None:
                task._adapter = partial(site.gateway.adapter, lambda: self.writer.fate is not None)
        self.started = False
        self._steps, self._clock = 0, site.it.clock
        self._turn: asyncio.Task[bool] | None = None

    @property
    def is_held(self) -> bool:
        """In the middle of a turn."""
        return self._turn is not None

    @property
    def steady(self) -> bool:
        """Whether its dialler believes the clocks."""
        return all(task.steady for task in self.opened.tasks if isinstance(task, Dialler))

    @property
    def look_ms(self) -> float:
        """When its dialler looks again. One that has no lane is about to take one; one that is woken looks now."""
        if self.opened.shared.woken.is_set():
            return self._clock.now_ms()
        diallers = [task for task in self.opened.tasks if isinstance(task, Dialler)]
        return min(one.next_ms() if one.lanes else self._clock.now_ms() + LANES_MS for one in diallers)

    async def step(self) -> bool:
        """A turn, or what of it goes until it is held. Whether anything was done."""
        if self._turn is not None:
            return False
        self._turn = asyncio.create_task(self._whole())
        return await self._until_held()

    async def go_on(self) -> bool:
        """The held turn goes on."""
        if self._turn is None:
            return False
        self.writer.go.set()
        return await self._until_held()

    async def _until_held(self) -> bool:
        assert self._turn is not None
        parked = asyncio.create_task(self.writer.parked.wait())
        await asyncio.wait({self._turn, parked}, return_when=asyncio.FIRST_COMPLETED)
        parked.cancel()
        if not self._turn.done():
            self.writer.parked.clear()
            return True
        turn, self._turn = self._turn, None
        return turn.result()

    async def _whole(self) -> bool:
        """Every task of the process steps: the dialler and the sender of messages each time, the others first and then
        now and then. What the ledger refuses is tried again at the next step.
        """
        moved = False
        self._steps += 1
        for task in self.opened.tasks:
            if isinstance(task, MessageSender):
                if not self.has_gateway:
                    continue
            elif not (isinstance(task, Dialler) or self._steps <= OFTEN or self._steps % SELDOM == 0):
                continue
            try:
                if not self.started:
                    await task.start()
                moved = await (self._send(task) if isinstance(task, MessageSender) else task.step()) or moved
            except RingbackError:
                moved = True
        self.started = True
        return moved

    async def _send(self, sender: MessageSender) -> bool:
        """As its `step`, but what is on its way is not waited for: a result that the ledger does not take waits."""
        await sender.turn_leases()
        sent = await sender._work()
        for _ in range(LANDS):
            await loop_turn()
        return sent

    async def kill(self) -> None:
        """The process is gone, wherever it is; nobody gives up what it held."""
        senders = [task for task in self.opened.tasks if isinstance(task, MessageSender)]
        for message in [one for sender in senders for sending in sender.tenants.values() for one in sending.inflight]:
            message.cancel()
            await asyncio.gather(message, return_exceptions=True)
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.gather(self._turn, return_exceptions=True)
            self._turn = None
