"""Dial orders for the contract suite: plain ones, of which a test names only what it is about."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from cti.adapters.store import Store
from cti.dial.rows import Ability, DialClaim, DialFact, DialOrderRow, OrderResult, SourceWordRow
from cti.dial.store import SqlDialOrders
from tests.contract.rows import SOURCE, START_MS, TENANT

SWITCH, LANE = "one", "trunks"
VALID_MS = 30_000
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
WAITS_S = 20
Made = TypeVar("Made")


class JumpingClock:
    """A clock that a test sets, also back."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> float:
        return self.at_ms


def order(order_id: str, **changed: Any) -> DialOrderRow:
    command = changed.get("command", "makeCall")
    about = None if command in ("makeCall", "sendMessage") else "a"
    row = DialOrderRow(
        order_id, TENANT, SWITCH, SOURCE, LANE, command, about, '{"to":"+861380000"}', START_MS, START_MS + VALID_MS
    )
    return row._replace(**changed)


def result(order_id: str, word: str, **changed: Any) -> OrderResult:
    return OrderResult(TENANT, order_id, word, None, None, None, None, None, None, START_MS)._replace(**changed)


def fact(order_id: str, call_id: str = "call", **changed: Any) -> DialFact:
    row = DialFact(TENANT, SOURCE, order_id, call_id, 0, 1, START_MS, None, None, None, None, START_MS + 1)
    return row._replace(**changed)


def word(partition: int, **changed: Any) -> SourceWordRow:
    return SourceWordRow(TENANT, SOURCE, partition, START_MS, 5, 1, START_MS + 1)._replace(**changed)


def dial_of(store: Store) -> SqlDialOrders:
    assert store.dial is not None
    return store.dial


async def transact(store: Store, *works: Callable[[Connection], Made]) -> list[Made]:
    """Each of these in one transaction of another part's."""
    assert store.database is not None

    def step(connection: Connection, given: Sequence[Callable[[Connection], Made]]) -> list[Made]:
        return [work(connection) for work in given]

    steps = [(step, work) for work in works]
    return list(await store.database.writer("ledger-writer").transact(*steps))


async def put(store: Store, *orders: DialOrderRow) -> set[str]:
    (made,) = await transact(store, lambda connection: dial_of(store).put(connection, orders))
    return made


async def withdraw(store: Store, *ids: str, tenant: str = TENANT) -> set[str]:
    (gone,) = await transact(store, lambda connection: dial_of(store).withdraw(connection, tenant, ids))
    return gone


async def claim(store: Store, epoch: int, limit: float = 100, most: int = 100, **of: str) -> DialClaim:
    where = {"tenant": TENANT, "switch": SWITCH, "source": SOURCE} | of
    ability = Ability(where["source"], {LANE: limit})
    return await dial_of(store).claim(where["tenant"], where["switch"], epoch, ability, most)


async def claimed(store: Store, epoch: int, limit: float = 100, most: int = 100) -> list[str]:
    return [one.id for one in (await claim(store, epoch, limit, most)).orders]


async def subscribe(store: Store, switch: str = SWITCH) -> int:
    return await dial_of(store).subscribe(TENANT, switch)


async def until_one_waits(connection: Connection) -> None:
    """Return when a session waits for a lock that another one holds."""
    async with asyncio.timeout(WAITS_S):
        while not await asyncio.to_thread(connection.scalar, WAITING):
            pass
