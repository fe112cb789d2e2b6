"""A part's statements in the transaction of a round: both are committed, or none."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Connection, select

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.errors import Fenced
from cti.parts.health import PartHealth
from cti.rows import Round
from cti.telemetry import Telemetry
from tests.contract.rows import PARTITIONS, START_MS, call, fence
from tests.contract.test_sql_writer import turn
from tests.rooms import notes


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """A store with the part's tables, and its statements beside the rounds."""
    async with open_store(url, VirtualClock(START_MS), PARTITIONS, chains=[notes.CHAIN]) as started:
        started.beside_rounds("notes", notes.keep_births, PartHealth(Telemetry(), VirtualClock(START_MS)))
        yield started


async def kept(store: Store) -> list[str]:
    """The births that the part has."""
    assert store.database is not None

    def ids(connection: Connection) -> list[str]:
        return list(connection.scalars(select(notes.births.c.call_id).order_by(notes.births.c.call_id)))

    return await store.database.reader.run(ids)


async def begun(store: Store, *names: str) -> list[str]:
    return [one.row.call_id for one in await store.ledger.stored_calls(names)]


async def test_a_round_and_what_a_part_writes_beside_it_are_committed_together(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.commit(Round(births=[call("a", 1), call("b", 2)], fences=[fence(claim)]))
    assert await kept(store) == ["a", "b"] == await begun(store, "a", "b")


async def test_a_fenced_round_takes_what_is_beside_it_along(store: Store) -> None:
    (old, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.claim("two", PARTITIONS)
    with pytest.raises(Fenced):
        await store.ledger.commit(Round(births=[call("a")], fences=[fence(old)]))
    assert await kept(store) == [] == await begun(store, "a")


async def test_rounds_that_are_tried_again_one_by_one_keep_what_is_beside_them_once(store: Store) -> None:
    """They wait together and are one group; a faulty one has the group rolled back, after the part has written."""
    assert store.database is not None
    runs: list[str] = []

    def count(_: Connection, round_: Round) -> None:
        runs.extend(row.call_id for row in round_.births)

    store.beside_rounds("count", count, PartHealth(Telemetry(), VirtualClock(START_MS)))
    old = await store.ledger.claim("one", PARTITIONS)
    new = await store.ledger.claim("two", PARTITIONS)
    rounds = {name: Round(births=[call(name, 1, partition=n)], fences=[fence(new[n])]) for n, name in enumerate("abc")}
    rounds["b"] = Round(births=[call("b", 1, partition=1)], fences=[fence(old[1])])
    entered, go = threading.Event(), threading.Event()

    def wait(_: Connection, asked: Sequence[None]) -> Sequence[None]:
        entered.set()
        assert go.wait(20)
        return asked

    busy = asyncio.ensure_future(store.database.writer("ledger-writer").run(wait, None))
    await asyncio.to_thread(entered.wait, 20)
    asked = [asyncio.ensure_future(store.ledger.commit(one)) for one in rounds.values()]
    await turn()
    go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    await busy
    assert [type(answer) for answer in answers] == [type(None), Fenced, type(None)]
    assert await kept(store) == ["a", "c"] == await begun(store, "a", "b", "c")
    assert runs == ["a", "b", "a", "b", "c"], "together as far as it went, then one by one"
