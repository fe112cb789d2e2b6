"""Dial orders in a database, SQLite or PostgreSQL: `DialOrders` and `DialStreams`.

There is no such store in memory: what is marked as sent must outlive the process.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from cti.dial import claims, facts, orders, retention, streams, words
from cti.dial.allowed import require_allowed
from cti.dial.clock import LedgerClock
from cti.dial.rows import (
    CALL_COMMANDS,
    Ability,
    DialClaim,
    DialFact,
    DialOrderRow,
    Kept,
    OrderResult,
    OrderState,
    SwitchStanding,
)
from cti.errors import NoDialStream
from cti.sql.database import Database
from cti.sql.reader import SqlReader
from cti.sql.writer import SqlWriter

WRITER = "dial-writer"  # of its own: a claim waits for no round, and no round for a claim
DIALLED, ORDERED = "ringback_dial", "ringback_dial_orders"  # channels: results and facts; orders made


class Wakes:
    """Events that are set together."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()

    def add(self, event: asyncio.Event) -> None:
        self._events.add(event)

    def set(self) -> None:
        for event in self._events:
            event.set()


class SqlDialOrders:
    """Both protocols on one ledger."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] | None,
        partitions: Callable[[], Collection[int]],
        speed: float = 1.0,
    ) -> None:
        """`clock`: the ledger's; None: PostgreSQL's own. `partitions`: those that must have a word of a source.
        `speed`: how many times as fast as real time the clock runs.
        """
        self._writer: SqlWriter = database.writer(WRITER)
        self._reader: SqlReader = database.reader
        self._clock = LedgerClock(clock, speed)
        self._partitions = partitions
        self._notify_dialled = database.notifier(DIALLED) or _nobody
        self._notify_ordered = database.notifier(ORDERED) or _nobody
        self._dialled, self._ordered = Wakes(), Wakes()
        database.subscribe(DIALLED, self._dialled.set)
        database.subscribe(ORDERED, self._ordered.set)

    # -- DialOrders: in a transaction of the caller's ------------------------------------------------------------------

    def now_ms(self, connection: Connection) -> int:
        return self._clock.now_ms(connection)

    def put(self, connection: Connection, made: Sequence[DialOrderRow]) -> set[str]:
        require_allowed(connection)
        now_ms = self.now_ms(connection)
        for tenant, switch in sorted({(row.tenant, row.switch) for row in made if row.command in CALL_COMMANDS}):
            if streams.stream(connection, tenant, switch)[1] <= now_ms:
                raise NoDialStream(f"{tenant}: {switch}")
        new = orders.put_orders(connection, made)
        if new:
            self._notify_ordered(connection)
        return new

    def withdraw(self, connection: Connection, tenant: str, ids: Collection[str]) -> set[str]:
        return orders.withdraw(connection, tenant, ids)

    def withdraw_lane(self, connection: Connection, tenant: str, switch: str, lane: str) -> set[str]:
        return orders.withdraw_lane(connection, tenant, switch, lane)

    def settle(self, connection: Connection, read: Sequence[OrderState]) -> set[str]:
        return orders.settle(connection, read)

    def acknowledge(self, connection: Connection, read: Sequence[DialFact]) -> None:
        facts.acknowledge(connection, read)

    def forget(self, connection: Connection, tenant: str, ids: Collection[str]) -> int:
        return orders.forget(connection, tenant, ids)

    def report(self, connection: Connection, said: Sequence[DialFact]) -> None:
        assert all(fact.call_id == "" for fact in said), "a message has no call"
        facts.put_facts(connection, said)
        self._notify_dialled(connection)

    # -- DialOrders: each in a transaction of its own ------------------------------------------------------------------

    async def read_orders(
        self, tenant: str, switch: str, lane: str, after_no: int = 0, limit: int = 1_000
    ) -> list[OrderState]:
        return await self._reader.run(orders.read_orders, tenant, switch, lane, after_no, limit)

    async def read_standings(
        self, tenant: str, switch: str, lane: str, after_no: int = 0, limit: int = 1_000
    ) -> list[tuple[Any, ...]]:
        return await self._reader.run(orders.read_standings, tenant, switch, lane, after_no, limit)

    async def read_facts(self, tenant: str, switch: str, lane: str, limit: int = 1_000) -> list[DialFact]:
        return await self._reader.run(facts.read_facts, tenant, switch, lane, limit)

    async def standing(self, tenant: str, switch: str, source: str) -> SwitchStanding:
        return await self._reader.run(self._standing, tenant, switch, source)

    def _standing(self, connection: Connection, tenant: str, switch: str, source: str) -> SwitchStanding:
        epoch, alive_until_ms = streams.stream(connection, tenant, switch)
        said = words.read_words(connection, tenant, source)
        at_ms = self.now_ms(connection)
        last_ms = max((row.word_at_ms for row in said if row.word_at_ms), default=None)
        return SwitchStanding(epoch, alive_until_ms > at_ms, words.least(said, self._partitions()), last_ms, at_ms)

    async def stop_acknowledged(self, tenant: str, ids: Collection[str], now_ms: int) -> bool:
        return not await self._reader.run(orders.any_may_leave, tenant, ids, now_ms)

    async def lane_stop_acknowledged(self, tenant: str, switch: str, lane: str, now_ms: int) -> bool:
        return not await self._reader.run(orders.lane_may_leave, tenant, switch, lane, now_ms)

    def made(self) -> None:
        self._ordered.set()

    def wake(self, event: asyncio.Event) -> None:
        self._dialled.add(event)

    # -- both ----------------------------------------------------------------------------------------------------------

    async def order(self, tenant: str, order_id: str) -> OrderState | None:
        return await self._reader.run(orders.order, tenant, order_id)

    # -- DialStreams ---------------------------------------------------------------------------------------------------

    async def subscribe(self, tenant: str, switch: str) -> int:
        epoch: int = await self._writer.run(self._subscribe, (tenant, switch))
        self._dialled.set()
        return epoch

    def _subscribe(self, connection: Connection, asked: Sequence[streams.Of]) -> Sequence[int]:
        self._notify_dialled(connection)
        return streams.subscribe(connection, self._clock, asked)

    async def resume(self, tenant: str, switch: str) -> int | None:
        epoch: int | None = await self._writer.run(self._resume, (tenant, switch))
        if epoch is not None:
            self._dialled.set()
        return epoch

    def _resume(self, connection: Connection, asked: Sequence[streams.Of]) -> Sequence[int | None]:
        epochs = streams.resume(connection, self._clock, asked)
        if any(epoch is not None for epoch in epochs):
            self._notify_dialled(connection)
        return epochs

    async def prolong(self, tenant: str, switch: str, epoch: int) -> bool:
        return await self._writer.run(self._prolong, (tenant, switch, epoch))

    def _prolong(self, connection: Connection, asked: Sequence[streams.Subscription]) -> Sequence[bool]:
        return streams.prolong(connection, self._clock, asked)

    async def leave(self, tenant: str, switch: str, epoch: int) -> None:
        await self._writer.run(self._leave, (tenant, switch, epoch))

    def _leave(self, connection: Connection, asked: Sequence[streams.Subscription]) -> Sequence[None]:
        return streams.leave(connection, self._clock, asked)

    async def claim(self, tenant: str, switch: str, epoch: int, ability: Ability, most: int) -> DialClaim:
        return await self._writer.run(self._claim, claims.Asked(tenant, switch, epoch, ability, most), weight=most)

    def _claim(self, connection: Connection, asked: Sequence[claims.Asked]) -> Sequence[DialClaim]:
        return claims.claim(connection, self._clock, asked)

    async def set_result(self, result: OrderResult) -> Kept:
        kept: Kept = await self._writer.run(self._set_results, result)
        if kept == "kept":
            self._dialled.set()
        return kept

    def _set_results(self, connection: Connection, results: Sequence[OrderResult]) -> Sequence[Kept]:
        """In the order of ids, in which every transaction locks orders."""
        by_id = sorted(range(len(results)), key=lambda at: results[at].id)
        kept = {at: orders.set_result(connection, results[at]) for at in by_id}
        if "kept" in kept.values():
            self._notify_dialled(connection)
        return [kept[at] for at in range(len(results))]

    def wake_claims(self, event: asyncio.Event) -> None:
        self._ordered.add(event)

    # -- for the store -------------------------------------------------------------------------------------------------

    def on_commit(self) -> None:
        """After the commit of a round with facts of dialled calls."""
        self._dialled.set()

    async def purge(self, now_ms: int, records_before_ms: int) -> int:
        """Drop old orders that were settled, and facts that nobody acknowledged: a bounded piece of work."""
        return await self._writer.run(retention.purge, (now_ms, records_before_ms))


def _nobody(_: Connection) -> None:
    """Notify nobody: there is no other process."""
