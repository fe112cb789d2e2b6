"""A driver in the dialler's place, as a process: bare, with the rules that a dialler must keep.

    python -m tests.faults.cluster.driving --ready FILE --lanes A,B --pace PER_S --expiry-ms MS --partitions N,N

The ledger: RINGBACK_DB. It owns lanes by leases in a group of its own; every turn of a lane is one transaction with the
fence last. `--ready`: it writes its process id there once it has joined the group.
"""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cti.adapters.clock import MonotonicClock
from cti.adapters.store import CHANNELS, HEARTBEATS
from cti.dial.rows import OrderState
from cti.dial.store import WRITER, SqlDialOrders
from cti.errors import Fenced, LedgerAway, OutcomeUnknown, RingbackError
from cti.leases.alone import new_owner
from cti.leases.ownership import SharedNamed
from cti.leases.sql import SqlNamedLeases
from cti.sql.connections import database_url
from cti.sql.database import Database
from tests.faults.cluster.driver_book import GROUP, PAGE, SOURCE, SWITCH, TENANT, Book, Stale, failed_turn, read_lane
from tests.faults.cluster.driver_turn import Read, decide
from tests.faults.cluster.waiting import pause

OURS, NOTES = "driver-writer", "driver-notes"
LOOK_S = 0.2
BURST_S = 1.0  # of the pace, at most, after a while without a turn


class Pace:
    """How many orders are due by now."""

    def __init__(self, a_second: float) -> None:
        self._a_second, self._saved, self._at_s = a_second, 0.0, time.monotonic()

    def due(self) -> int:
        now_s = time.monotonic()
        self._saved = min(self._saved + (now_s - self._at_s) * self._a_second, self._a_second * BURST_S)
        self._at_s = now_s
        return int(self._saved)

    def spent(self, count: int) -> None:
        self._saved -= count


class Driver:
    """`partitions`: of calls."""

    def __init__(self, db: str, lanes: Sequence[str], pace: float, expiry_ms: int, partitions: Sequence[int]) -> None:
        self._database = Database(database_url(db), [OURS, NOTES, HEARTBEATS, WRITER], CHANNELS)
        self._dial = SqlDialOrders(self._database, None, lambda: partitions)
        self._book = Book(self._dial, expiry_ms)
        self._writer = self._database.writer(OURS)
        self._wake = asyncio.Event()
        self._name = new_owner("driver")
        leases = SqlNamedLeases(self._database.writer(HEARTBEATS), GROUP)
        self._ownership = SharedNamed(leases, MonotonicClock(), lanes, self._wake.set, self._name)
        self._held: dict[str, int] = {}
        self._pace = {lane: Pace(pace) for lane in lanes}

    async def run(self, ready: Path, stop: asyncio.Event) -> None:
        await self._database.start([])
        owning: asyncio.Task[None] | None = None
        try:
            self._database.listen()
            await self._ownership.start()
            owning = asyncio.create_task(self._ownership.run())
            self._dial.wake(self._wake)
            _say_ready(ready)
            while not stop.is_set() and not owning.done():
                self._take_changes()
                for lane in sorted(self._held):
                    await self._turn(lane)
                await self._pause()
            if owning.done():
                await owning
        finally:
            if owning is not None:
                owning.cancel()
                await asyncio.gather(owning, return_exceptions=True)
                await self._ownership.stop()
            await self._database.stop()

    async def _pause(self) -> None:
        await pause(LOOK_S / 4)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        self._wake.clear()

    def _take_changes(self) -> None:
        """Between two turns nothing is under way."""
        changes = self._ownership.changes()
        for lane in (*changes.lost, *changes.release):
            self._held.pop(lane, None)
        self._ownership.released(changes.release)
        self._held |= {lease.resource: lease.epoch for lease in changes.take}

    async def _turn(self, lane: str) -> None:
        """One look at a lane and what follows; a turn that fails leaves nothing, and is made anew."""
        try:
            await self._look(lane, self._held[lane])
        except Fenced as gone:
            self._held.pop(lane)
            self._ownership.lost(gone.resources)
            await self._failed("Fenced")
        except (LedgerAway, OutcomeUnknown, Stale, RingbackError) as error:
            await self._failed(type(error).__name__)

    async def _failed(self, why: str) -> None:
        with suppress(RingbackError):
            await self._database.writer(NOTES).run(failed_turn, (self._name, why))

    async def _look(self, lane: str, epoch: int) -> None:
        standing = await self._dial.standing(TENANT, SWITCH, SOURCE)  # first: its word must not be the newest
        row, kept = await self._database.reader.run(read_lane, lane)
        if row.wanted == "stop" and row.standing == "running":
            await self._writer.run(self._book.stop, (row, epoch))
            return
        if row.standing == "stopping" and await self._dial.lane_stop_acknowledged(
            TENANT, SWITCH, lane, standing.at_ms
        ):  # fmt: skip
            await self._writer.run(self._book.stopped, (row, epoch))
            return
        orders, facts = await self._orders(lane), await self._dial.read_facts(TENANT, SWITCH, lane, PAGE)
        plan = decide(Read(standing, row, kept, orders, facts), self._pace[lane].due())
        if not plan.empty:
            self._pace[lane].spent(await self._writer.run(self._book.write, (plan, epoch)))
            self._dial.made()

    async def _orders(self, lane: str) -> list[OrderState]:
        """All that is not settled."""
        found: list[OrderState] = []
        page = await self._dial.read_orders(TENANT, SWITCH, lane, 0, PAGE)
        while page:
            found += page
            page = await self._dial.read_orders(TENANT, SWITCH, lane, page[-1].no, PAGE) if len(page) == PAGE else []
        return found


def _say_ready(where: Path) -> None:
    where.write_text(str(os.getpid()), "utf-8")


async def _until_told(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await work(stop)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.cluster.driving")
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--lanes", required=True)
    parser.add_argument("--pace", type=float, required=True, help="orders a second on each lane")
    parser.add_argument("--expiry-ms", type=int, required=True)
    parser.add_argument("--partitions", required=True, help="of calls")
    args = parser.parse_args()
    partitions = [int(one) for one in args.partitions.split(",")]
    driver_of = (os.environ["RINGBACK_DB"], args.lanes.split(","), args.pace, args.expiry_ms, partitions)

    async def work(stop: asyncio.Event) -> None:
        await Driver(*driver_of).run(args.ready, stop)

    asyncio.run(_until_told(work))


if __name__ == "__main__":
    main()
