"""Dial orders during a rolling upgrade: while a process of the release before runs none is made, and none leaves by it.

A maker in the dialler's place tries to make orders all the while, and an operator to allow them. One order is put into
the tables past all guards; its switch listens at the door of the release before, which must not send it.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from sqlalchemy import Connection

from cti.adapters.store import CHANNELS, HEARTBEATS
from cti.dial import orders
from cti.dial.rows import DialOrderRow
from cti.dial.store import WRITER, SqlDialOrders
from cti.errors import DialNotAllowed, NoDialStream
from cti.sql.connections import database_url
from cti.sql.database import Database
from cti.switches.simulated.door import AwayError, Door
from tests.faults.cluster.waiting import TooLong, pause, until

MAKER = "upgrade-maker"
LANE = "main"
BY_MAKER, FORCED = "dialled-1", "dialled-2"  # switches
OUTBOUND = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
    "trunk_groups": {LANE: {"calls_per_second": 50, "calls_at_once": 50}},
}  # fmt: skip
TRY_S, VALID_MS, FORCED_VALID_MS = 0.25, 10_000, 3_600_000
COMMAND_MAX_S, ARRIVES_MAX_S = 30.0, 20.0
MUST_BE_0 = ("orders_made_early", "orders_allowed_early", "orders_sent_by_earlier")
MUST_NOT_BE_0 = ("orders_refused_early", "orders_made_after", "orders_received_after", "streams_at_earlier")


@dataclass(slots=True)
class Orders:
    """`figures`: what has come of it so far."""

    db: str
    environment: Mapping[str, str]
    tenant: str
    key: str
    session: aiohttp.ClientSession
    database: Database
    dial: SqlDialOrders
    figures: Counter[str] = field(default_factory=Counter)
    made: int = 0

    async def early(self, door: str) -> None:
        """As long as the release before runs, until cancelled. `door`: its own."""
        now_ms = await self.database.reader.run(self.dial.now_ms)
        forced = self._order(FORCED, "forced", now_ms, FORCED_VALID_MS)
        await self.database.writer(WRITER).run(_past_all_guards, [forced])
        listening = asyncio.create_task(self._listen(door, FORCED, "orders_sent_by_earlier", "streams_at_earlier"))
        try:
            await self._subscribe()
            self.figures["orders_allowed_early"] += await self._allowed()
            while True:
                self.figures["orders_made_early" if await self._make() else "orders_refused_early"] += 1
                await pause(TRY_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def after(self, door: str) -> None:
        """The release before has gone: once an operator allows it, an order leaves by a door of this release."""
        assert await self._allowed(), "nothing hinders it any more"
        listening = asyncio.create_task(self._listen(door, BY_MAKER, "orders_received_after", "streams_after"))

        async def received() -> bool:
            self.figures["orders_made_after"] += await self._make()
            return self.figures["orders_received_after"] > 0

        try:
            await until("the door has the stream", self._is_there, ARRIVES_MAX_S)
            with contextlib.suppress(TooLong):  # the judge finds it
                await until("an order comes", received, ARRIVES_MAX_S, TRY_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _is_there(self) -> bool:
        return self.figures["streams_after"] > 0

    async def _subscribe(self) -> None:
        """A dial stream of the maker's switch, so that nothing but the permission is missing."""
        await self.dial.subscribe(self.tenant, BY_MAKER)

    async def _make(self) -> bool:
        """Whether an order could be made."""
        now_ms = await self.database.reader.run(self.dial.now_ms)
        self.made += 1
        wanted = self._order(BY_MAKER, f"made-{self.made}", now_ms, VALID_MS)
        try:
            await self.database.writer(WRITER).run(self._put, [wanted])
        except (DialNotAllowed, NoDialStream):  # without permission the stream is not looked at
            return False
        self.dial.made()
        return True

    def _put(self, connection: Connection, given: Sequence[Sequence[DialOrderRow]]) -> Sequence[set[str]]:
        return [self.dial.put(connection, made) for made in given]

    def _order(self, switch: str, id_: str, now_ms: int, valid_ms: int) -> DialOrderRow:
        body = json.dumps({"command": "makeCall", "id": id_, "to": "+8613800000001", "trunk_group": LANE})
        source = f"/switches/{switch}"
        return DialOrderRow(
            id_, self.tenant, switch, source, LANE, "makeCall", None, body, now_ms, now_ms + valid_ms
        )  # fmt: skip

    async def _allowed(self) -> bool:
        """Whether the operator's command allows it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cti", "dial", "allow", "--json", stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, env={**os.environ, **self.environment},
        )  # fmt: skip
        return await asyncio.wait_for(process.wait(), COMMAND_MAX_S) == 0

    async def _listen(self, url: str, switch: str, calls: str, streams: str) -> None:
        """Count what a door sends to a switch, until cancelled."""
        door = Door(self.session, url, self.key, switch)
        while True:
            with contextlib.suppress(AwayError):
                async for command in door.commands():
                    self.figures[calls if command else streams] += 1
            await pause(TRY_S)

    async def declare(self, url: str) -> None:
        """Both switches, at a door of this release."""
        headers = {"Authorization": f"Bearer {self.key}"}
        for switch in (BY_MAKER, FORCED):
            wish = {"source": f"/switches/{switch}", **OUTBOUND}
            async with self.session.put(f"{url}/v1/switches/{switch}", json=wish, headers=headers) as answer:
                assert answer.status < 300, await answer.text()


def _past_all_guards(connection: Connection, given: Sequence[Sequence[DialOrderRow]]) -> Sequence[set[str]]:
    return [orders.put_orders(connection, made) for made in given]


@contextlib.asynccontextmanager
async def ordering(
    db: str, environment: Mapping[str, str], tenant: str, key: str, session: aiohttp.ClientSession, partitions: int
) -> AsyncIterator[Orders]:
    """Of a ledger with the schema of this release."""
    database = Database(database_url(db), [MAKER, HEARTBEATS, WRITER], CHANNELS)
    await database.start([])
    try:
        database.listen()
        dial = SqlDialOrders(database, None, lambda: range(partitions))
        yield Orders(db, environment, tenant, key, session, database, dial)
    finally:
        await database.stop()
