"""Lease groups of names in every store: shared like partitions, apart from them and from one another."""

import asyncio

import pytest
from sqlalchemy import Connection, create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.errors import Fenced, LedgerAway
from cti.leases.memory import MemoryNamedLeases
from cti.leases.ports import Holding, Lease, NamedLeases, Wanted
from cti.leases.sql import NamedGroup, hold
from tests.contract.rows import PARTITIONS

LANES = ("east", "north", "west")


@pytest.fixture
def lanes(store: Store) -> NamedLeases:
    return store.leases("diallers")


async def owners(leases: NamedLeases) -> list[tuple[str, int, str]]:
    return [tuple(one) for one in (await leases.holdings()).resources]


async def held(store: Store, leases: NamedLeases, lanes: dict[str, int]) -> None:
    """The fence, in a transaction of its own. Raises `Fenced`."""
    if isinstance(leases, MemoryNamedLeases):
        leases.hold(lanes)
        return
    assert store.database is not None

    def fence(connection: Connection, asked: list[dict[str, int]]) -> list[None]:
        return [hold(connection, "diallers", one) for one in asked]

    await store.database.writer("ledger-writer").run(fence, lanes)


async def test_names_are_made_once_and_taken_under_a_raised_epoch(lanes: NamedLeases) -> None:
    await lanes.join("one", LANES)
    await lanes.join("two", ("west", "south"))
    assert await owners(lanes) == [(name, 0, "") for name in ("east", "north", "south", "west")]
    assert (await lanes.holdings()).heartbeats == {"one": 1, "two": 1}
    assert await lanes.take("one", [Wanted("west", 0, None), Wanted("east", 0, None)]) == [
        Lease("east", 1),
        Lease("west", 1),
    ]
    assert await lanes.take("two", [Wanted("west", 0, None)]) == [], "seen before it was taken"
    assert await lanes.take("two", [Wanted("west", 1, 7)]) == [], "its owner has written another heartbeat"
    assert await lanes.take("two", [Wanted("west", 1, 1)]) == [Lease("west", 2)]
    await lanes.release("one", {"east": 1, "north": 0})
    await lanes.leave("two")
    assert await owners(lanes) == [("east", 2, ""), ("north", 0, ""), ("south", 0, ""), ("west", 3, "")]
    await lanes.forget({"one": 1})
    assert (await lanes.holdings()).heartbeats == {}


async def test_a_claim_has_all_of_its_group_at_once(lanes: NamedLeases) -> None:
    await lanes.join("one", LANES)
    await lanes.take("one", [Wanted("north", 0, None)])
    await lanes.retire(["west"])
    assert await lanes.claim("two", ["south"]) == [Lease("east", 1), Lease("north", 2), Lease("south", 1)]


async def test_groups_and_the_engines_know_nothing_of_one_another(store: Store) -> None:
    diallers, printers = store.leases("diallers"), store.leases("printers")
    await store.ledger.join("engine", PARTITIONS)
    await diallers.join("dialler", LANES)
    await printers.join("printer", ("west",))
    assert (await store.ledger.holdings()).heartbeats == {"engine": 1}, "the release before counts every row there"
    assert (await diallers.holdings()).heartbeats == {"dialler": 1}
    assert (await printers.holdings()).heartbeats == {"printer": 1}
    await diallers.claim("dialler", ())
    await store.ledger.claim("engine", PARTITIONS)
    assert await owners(printers) == [("west", 0, "")]
    assert {one.owner for one in (await store.ledger.holdings()).resources} == {"engine"}
    await diallers.leave("engine")
    await printers.leave("dialler")
    await diallers.forget({"printer": 1})
    assert (await store.ledger.holdings()).resources == [Holding(n, 1, "engine") for n in range(PARTITIONS)]
    assert {one.owner for one in (await diallers.holdings()).resources} == {"dialler"}
    assert (await printers.holdings()).heartbeats == {"printer": 1}


async def test_a_name_that_is_retired_is_lost_and_its_epochs_go_on_rising(store: Store, lanes: NamedLeases) -> None:
    await lanes.join("one", LANES)
    await lanes.take("one", [Wanted("west", 0, None)])
    await held(store, lanes, {"west": 1})
    await lanes.retire(["west", "never known"])
    assert [one.resource for one in (await lanes.holdings()).resources] == ["east", "north"]
    with pytest.raises(Fenced) as fenced:
        await held(store, lanes, {"west": 1})
    assert fenced.value.resources == {"west"}
    await lanes.release("one", {"west": 1})
    assert await lanes.take("one", [Wanted("west", 2, None)]) == [], "nobody is given what is retired"
    await lanes.add(["west", "east"])
    assert await owners(lanes) == [("east", 0, ""), ("north", 0, ""), ("west", 2, "")]
    assert await lanes.take("two", [Wanted("west", 2, None)]) == [Lease("west", 3)]


async def test_the_fence_names_what_is_lost_and_holds_what_is_not(store: Store, lanes: NamedLeases) -> None:
    await lanes.join("one", LANES)
    await lanes.take("one", [Wanted(name, 0, None) for name in LANES])
    await held(store, lanes, dict.fromkeys(LANES, 1))
    await held(store, lanes, {})
    await lanes.take("two", [Wanted("north", 1, 1)])
    with pytest.raises(Fenced) as fenced:
        await held(store, lanes, {"east": 1, "north": 1, "nowhere": 1})
    assert fenced.value.resources == {"north", "nowhere"}
    assert "north" in str(fenced.value)


def test_nobody_takes_what_an_open_transaction_holds(postgres_ready_url: str) -> None:
    async def join() -> None:
        async with open_store(postgres_ready_url, VirtualClock(0), PARTITIONS) as store:
            leases = store.leases("diallers")
            await leases.join("one", LANES)
            await leases.take("one", [Wanted("west", 0, None)])

    asyncio.run(join())
    engine = create_engine(postgres_ready_url)
    group = NamedGroup("diallers")
    with engine.connect() as first, engine.connect() as second:
        hold(first, "diallers", {"west": 1})
        assert group.take(second, "two", [Wanted("west", 1, 1), Wanted("east", 0, None)]) == [Lease("east", 1)]
        first.commit()
        assert group.take(second, "two", [Wanted("west", 1, 1)]) == [Lease("west", 2)]
        second.commit()
        with pytest.raises(Fenced):
            hold(first, "diallers", {"west": 1})
        first.rollback()
        first.execute(text("SET lock_timeout = 50"))
        third = engine.connect()
        hold(third, "diallers", {"west": 2})
        hold(first, "diallers", {"west": 2})  # an owner's own transactions do not wait for one another
        third.close()
    engine.dispose()


async def test_a_store_that_is_stopped_refuses(ready_durable_url: str, clock: VirtualClock) -> None:
    async with open_store(ready_durable_url, clock, PARTITIONS) as store:
        leases = store.leases("diallers")
    with pytest.raises(LedgerAway):
        await leases.join("one", LANES)
