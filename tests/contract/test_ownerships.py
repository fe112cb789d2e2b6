"""What every ledger does with engines and their partitions: each step is conditional, and of two one wins."""

import asyncio
import threading

import pytest
from sqlalchemy import create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.ledger.partitions import ENGINES
from cti.adapters.store import Store, open_store
from cti.errors import Fenced, WrongPartitions
from cti.leases.ports import Holding, Wanted
from cti.rows import Claim, Round
from tests.contract.rows import PARTITIONS, call, fence

ALL = range(PARTITIONS)


async def owners(store: Store) -> list[tuple[int, int, str]]:
    return [tuple(one) for one in (await store.ledger.holdings()).resources]


async def test_who_joins_makes_the_partitions_once(store: Store) -> None:
    assert await store.ledger.holdings() == ({}, [])
    await store.ledger.join("one", PARTITIONS)
    await store.ledger.join("two", PARTITIONS)
    seen = await store.ledger.holdings()
    assert seen.heartbeats == {"one": 1, "two": 1}
    assert seen.resources == [Holding(n, 0, "") for n in ALL]
    with pytest.raises(WrongPartitions):
        await store.ledger.join("three", PARTITIONS + 1)
    assert "three" not in (await store.ledger.holdings()).heartbeats


async def test_a_heartbeat_is_the_last_one_written(store: Store) -> None:
    await store.ledger.join("one", PARTITIONS)
    await store.ledger.heartbeat("one", 2)
    await store.ledger.heartbeat("one", 2)
    await store.ledger.heartbeat("removed meanwhile", 77)
    assert (await store.ledger.holdings()).heartbeats == {"one": 2, "removed meanwhile": 77}


async def test_who_takes_gets_a_new_epoch_and_where_to_go_on(store: Store) -> None:
    claims = await store.ledger.claim("engine", PARTITIONS)
    await store.ledger.commit(Round(fences=[fence(claims[2], position=17, command_no=5)]))
    await store.ledger.join("one", PARTITIONS)
    taken = await store.ledger.take("one", [Wanted(2, 1, None), Wanted(0, 1, None)])
    assert taken == [Claim(0, 2, 0, 0), Claim(2, 2, 17, 5)]
    assert await owners(store) == [(0, 2, "one"), (1, 1, "engine"), (2, 2, "one"), (3, 1, "engine")]
    with pytest.raises(Fenced) as refused:
        await store.ledger.commit(Round(births=[call("a")], fences=[fence(claim, 20) for claim in claims]))
    assert refused.value.partitions == {0, 2}
    await store.ledger.commit(Round(fences=[fence(claims[1], 3), fence(taken[1], 18)]))
    assert await store.ledger.positions() == {0: 0, 1: 3, 2: 18, 3: 0}


async def test_nothing_is_taken_that_has_changed_since_it_was_seen(store: Store) -> None:
    await store.ledger.join("one", PARTITIONS)
    await store.ledger.join("two", PARTITIONS)
    assert len(await store.ledger.take("one", [Wanted(n, 0, None) for n in ALL])) == PARTITIONS
    before = await owners(store)
    assert await store.ledger.take("two", [Wanted(0, 0, None)]) == [], "seen before it was taken"
    assert await store.ledger.take("two", [Wanted(0, 0, 1)]) == []
    await store.ledger.heartbeat("one", 2)
    assert await store.ledger.take("two", [Wanted(0, 1, 1)]) == [], "its owner has written a heartbeat since"
    assert await store.ledger.take("two", [Wanted(0, 1, None)]) == [], "its owner has joined since"
    assert await store.ledger.take("two", []) == []
    assert await owners(store) == before
    assert await store.ledger.take("two", [Wanted(0, 1, 2), Wanted(1, 0, 2)]) == [Claim(0, 2, 0, 0)]


async def test_what_is_released_is_nobodys_and_its_owner_commits_no_more(store: Store) -> None:
    await store.ledger.join("one", PARTITIONS)
    claims = await store.ledger.take("one", [Wanted(n, 0, None) for n in ALL])
    await store.ledger.release("one", {1: 1, 2: 7})
    await store.ledger.release("two", {3: 1})
    await store.ledger.release("one", {1: 1})
    assert await owners(store) == [(0, 1, "one"), (1, 2, ""), (2, 1, "one"), (3, 1, "one")]
    with pytest.raises(Fenced) as refused:
        await store.ledger.commit(Round(births=[call("a")], fences=[fence(claim) for claim in claims]))
    assert refused.value.partitions == {1}
    await store.ledger.join("two", PARTITIONS)
    assert await store.ledger.take("two", [Wanted(1, 2, None)]) == [Claim(1, 3, 0, 0)]


async def test_who_leaves_lets_go_of_everything(store: Store) -> None:
    for name in ("one", "two"):
        await store.ledger.join(name, PARTITIONS)
    await store.ledger.take("one", [Wanted(0, 0, None), Wanted(1, 0, None)])
    await store.ledger.take("two", [Wanted(2, 0, None)])
    await store.ledger.leave("one")
    await store.ledger.leave("one")
    assert await owners(store) == [(0, 2, ""), (1, 2, ""), (2, 1, "two"), (3, 0, "")]
    assert (await store.ledger.holdings()).heartbeats == {"two": 1}


async def test_only_who_is_silent_and_owns_nothing_is_removed(store: Store) -> None:
    for name in ("silent", "owner", "heartbeats"):
        await store.ledger.join(name, PARTITIONS)
    await store.ledger.take("owner", [Wanted(0, 0, None)])
    await store.ledger.heartbeat("heartbeats", 2)
    await store.ledger.forget({"silent": 1, "owner": 1, "heartbeats": 1, "never known": 1})
    await store.ledger.forget({})
    assert (await store.ledger.holdings()).heartbeats == {"owner": 1, "heartbeats": 2}


async def test_of_two_processes_that_take_the_same_one_wins(ready_durable_url: str, clock: VirtualClock) -> None:
    async with (
        open_store(ready_durable_url, clock, PARTITIONS) as one,
        open_store(ready_durable_url, clock, PARTITIONS) as two,
    ):
        await asyncio.gather(one.ledger.join("one", PARTITIONS), two.ledger.join("two", PARTITIONS))
        for epoch in range(20):
            wanted = [Wanted(n, epoch, None) for n in ALL] if epoch == 0 else [Wanted(n, epoch, 1) for n in ALL]
            both = await asyncio.gather(one.ledger.take("one", wanted), two.ledger.take("two", wanted))
            taken = sorted(claim for claims in both for claim in claims)
            assert [claim.partition for claim in taken] == sorted({claim.partition for claim in taken})
            rest = [one for one in wanted if one.resource not in {claim.partition for claim in taken}]
            taken += await two.ledger.take("two", rest)  # what both left to each other while it was locked
            assert sorted(claim[:2] for claim in taken) == [(n, epoch + 1) for n in ALL]


def test_a_taker_waits_for_no_lock_and_takes_nothing_that_is_held(postgres_ready_url: str) -> None:
    """Two transactions open at once: the second sees the row before the first has committed."""
    clock = VirtualClock(0)

    async def join() -> None:
        async with open_store(postgres_ready_url, clock, PARTITIONS) as store:
            await store.ledger.join("one", PARTITIONS)

    asyncio.run(join())
    engine = create_engine(postgres_ready_url)
    with engine.connect() as first, engine.connect() as second:
        assert ENGINES.take(first, "one", [Wanted(0, 0, None)]) == [Claim(0, 1, 0, 0)]
        assert ENGINES.take(second, "two", [Wanted(0, 0, None), Wanted(1, 0, None)]) == [Claim(1, 1, 0, 0)]
        first.commit()
        assert ENGINES.take(second, "two", [Wanted(0, 0, None)]) == []
        second.commit()
        third = second.execute(text("SELECT owner FROM partitions ORDER BY partition")).scalars().all()
        assert list(third) == ["one", "two", "", ""]
    engine.dispose()


def test_threads_that_race_for_one_partition(postgres_ready_url: str) -> None:
    clock = VirtualClock(0)

    async def join() -> None:
        async with open_store(postgres_ready_url, clock, PARTITIONS) as store:
            await store.ledger.join("one", PARTITIONS)

    asyncio.run(join())
    rounds, racers = 25, 4
    engine = create_engine(postgres_ready_url, pool_size=racers)
    gate = threading.Barrier(racers)
    won: list[tuple[int, int]] = []

    def race(name: str) -> None:
        with engine.connect() as connection:
            for epoch in range(rounds):
                gate.wait(20)
                claims = ENGINES.take(connection, name, [Wanted(0, epoch, None)])
                connection.commit()
                won.extend(claim[:2] for claim in claims)
                gate.wait(20)

    threads = [threading.Thread(target=race, args=(f"engine {n}",)) for n in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert sorted(won) == [(0, epoch) for epoch in range(1, rounds + 1)]
