"""Facts of dialled calls and words of their sources: written by rounds, read and acknowledged by a dialler."""

import asyncio

import pytest
from sqlalchemy import create_engine

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.dial import facts
from cti.dial.retention import KEPT_MS, ROWS_A_TIME
from cti.dial.rows import DialFact, SourceWord, SourceWordRow
from cti.errors import Fenced
from cti.rows import Claim, Round
from tests.contract.dialling import (
    LANE,
    SWITCH,
    VALID_MS,
    WAITS_S,
    claimed,
    dial_of,
    fact,
    order,
    put,
    subscribe,
    transact,
    withdraw,
    word,
)
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, call, event, fence


async def owned(store: Store) -> Claim:
    (claim, *_) = await store.ledger.claim("engine", PARTITIONS)
    return claim


async def tell(
    store: Store, claim: Claim, position: int, *said: DialFact, words: list[SourceWordRow] | None = None
) -> None:
    """A round of the engine."""
    round_ = Round(dial_facts=list(said), source_words=words or [], fences=[fence(claim, position)])
    await store.ledger.commit(round_)


async def read(store: Store, lane: str = LANE, limit: int = 100) -> list[DialFact]:
    return await dial_of(store).read_facts(TENANT, SWITCH, lane, limit)


async def acknowledge(store: Store, *read_ones: DialFact) -> None:
    await transact(store, lambda connection: dial_of(store).acknowledge(connection, read_ones))


async def test_the_last_fact_of_a_call_stands_and_its_revision_rises(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("a"), order("b"))
    claim = await owned(dialled)
    heard = asyncio.Event()
    dial_of(dialled).wake(heard)
    await tell(dialled, claim, 1, fact("b"), fact("a", appended_at_ms=START_MS))
    assert heard.is_set()
    assert await read(dialled) == [fact("a", appended_at_ms=START_MS), fact("b")], "the first appended first"
    rang = fact("a", revision=7, rang_at_ms=START_MS + 5, appended_at_ms=START_MS + 6)
    await tell(dialled, claim, 2, fact("a", revision=6), rang)
    assert (await read(dialled))[1] == rang, "of two in a round the last one stands"
    ended = rang._replace(revision=3, ended_at_ms=START_MS + 9, record='{"call":"x"}')
    await tell(dialled, claim, 3, ended)
    assert (await read(dialled))[1] == ended._replace(revision=8), "whatever is said, it rises"
    await tell(dialled, claim, 4, fact("a", "another call"))
    assert {one.call_id for one in await read(dialled)} == {"call", "another call"}, "two calls: an alarm"


async def test_facts_are_those_of_orders_of_the_same_tenant(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("a"), order("b", lane="west"))
    claim = await owned(dialled)
    await tell(dialled, claim, 1, fact("a", tenant="other"), fact("a command of the engine's"), fact("a"), fact("b"))
    assert await read(dialled) == [fact("a")]
    assert await read(dialled, "west") == [fact("b")], "the owner of a lane reads its own"
    assert await dial_of(dialled).read_facts("other", SWITCH, LANE) == []


async def test_another_source_says_nothing_of_an_order(dialled: Store) -> None:
    """Its key may be bound to a switch that was never given the order."""
    await subscribe(dialled)
    await put(dialled, order("a"))
    claim = await owned(dialled)
    await tell(dialled, claim, 1, fact("a", source="/switches/another", ended_at_ms=START_MS + 9))
    assert await read(dialled) == []
    await tell(dialled, claim, 2, fact("a"))
    assert await read(dialled) == [fact("a")]


async def test_a_fact_is_of_the_order_that_made_the_call(dialled: Store) -> None:
    """One that clears a call or asks about one is named by its facts too."""
    await subscribe(dialled)
    commands = {"a": "makeCall", "b": "clearConnection", "c": "snapshotCall", "d": "sendMessage"}
    await put(dialled, *[order(name, command=command) for name, command in commands.items()])
    await tell(dialled, await owned(dialled), 1, *map(fact, commands))
    assert await read(dialled) == [fact("a")]


async def test_a_message_has_facts_without_a_call(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("a"), order("b", command="sendMessage"))
    await tell(dialled, await owned(dialled), 1, fact("a", ""), fact("b", ""), fact("b"))
    assert await read(dialled) == [fact("b", "")]


async def test_a_fact_is_taken_back_with_the_round_that_says_so(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("a"), order("b"))
    claim = await owned(dialled)
    await tell(dialled, claim, 1, fact("a"), fact("b"), fact("b", "next"))
    gone = [(TENANT, "b", "call"), (TENANT, "nothing", "call"), ("other", "a", "call")]
    fenced = Round(dial_facts_gone=gone, fences=[fence(claim._replace(epoch=claim.epoch - 1), 2)])
    with pytest.raises(Fenced):
        await dialled.ledger.commit(fenced)
    assert len(await read(dialled)) == 3
    await dialled.ledger.commit(Round(dial_facts_gone=gone, fences=[fence(claim, 2)]))
    assert {(one.commandid, one.call_id) for one in await read(dialled)} == {("a", "call"), ("b", "next")}


async def test_acknowledged_is_what_was_read(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, *[order(f"{n}") for n in range(3)])
    claim = await owned(dialled)
    await tell(dialled, claim, 1, *[fact(f"{n}") for n in range(3)])
    first = await read(dialled, limit=2)
    assert [one.commandid for one in first] == ["0", "1"]
    await tell(dialled, claim, 2, fact("1", revision=2, rang_at_ms=START_MS + 5))
    await acknowledge(dialled, *first)
    assert [(one.commandid, one.revision) for one in await read(dialled)] == [("1", 2), ("2", 1)]
    await acknowledge(dialled, *await read(dialled))
    assert await read(dialled) == []
    await tell(dialled, claim, 3, fact("1", revision=3))
    await acknowledge(dialled, *first, fact("1", revision=2))
    assert [one.revision for one in await read(dialled)] == [3], "what was acknowledged again takes nothing along"


async def test_a_fact_that_is_written_while_it_is_acknowledged_stays(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as store:
        await subscribe(store)
        await put(store, order("a"))
        await tell(store, await owned(store), 1, fact("a"))
        found = await read(store)
        engine = create_engine(postgres_ready_url)
        with engine.connect() as connection, connection.begin() as transaction:
            facts.put_facts(connection, [fact("a", revision=2)])
            async with asyncio.timeout(WAITS_S):
                await acknowledge(store, *found)  # it does not wait for the round
            transaction.commit()
        engine.dispose()
        assert [one.revision for one in await read(store)] == [2]


async def test_a_fenced_round_leaves_neither_facts_nor_words(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("a"))
    claim = await owned(dialled)
    await owned(dialled)
    heard = asyncio.Event()
    dial_of(dialled).wake(heard)
    with pytest.raises(Fenced):
        await tell(dialled, claim, 1, fact("a"), words=[word(n) for n in range(PARTITIONS)])
    assert not heard.is_set()
    assert await read(dialled) == []
    assert (await dial_of(dialled).standing(TENANT, SWITCH, SOURCE)).word is None


async def test_the_word_of_a_source_is_the_least_of_all_partitions(dialled: Store) -> None:
    dial, claim = dial_of(dialled), await owned(dialled)
    said = [word(n, appended_at_ms=START_MS + n, lag_ms=n, word_at_ms=0) for n in range(PARTITIONS - 1)]
    await tell(dialled, claim, 1, words=said)
    standing = await dial.standing(TENANT, SWITCH, SOURCE)
    assert (standing.word, standing.last_word_ms) == (None, None), "nobody has heard of the source"
    heard = [row._replace(word_at_ms=START_MS + 3 - row.partition) for row in said]
    await tell(dialled, claim, 1, words=heard)
    standing = await dial.standing(TENANT, SWITCH, SOURCE)
    assert (standing.word, standing.last_word_ms) == (None, START_MS + 3), "one partition has said nothing"
    assert (standing.epoch, standing.alive, standing.at_ms) == (0, False, START_MS)
    await tell(dialled, claim, 2, words=[word(3, trusted=1), word(3, appended_at_ms=START_MS - 9, word_at_ms=7)])
    standing = await dial.standing(TENANT, SWITCH, SOURCE)
    assert standing.word == SourceWord(START_MS - 9, 5, True, 7)
    await tell(dialled, claim, 3, words=[word(0, trusted=0), word(3, source="/switches/two")])
    assert (await dial.standing(TENANT, SWITCH, SOURCE)).word == SourceWord(START_MS - 9, 5, False, 7)
    assert (await dial.standing("other", SWITCH, SOURCE)).word is None


async def test_retention_takes_what_is_settled_and_nothing_else(dialled: Store) -> None:
    epoch, dial = await subscribe(dialled), dial_of(dialled)
    await put(dialled, *[order(one) for one in ("open", "sent", "done", "withdrawn")])
    await put(dialled, order("ask", command="snapshotCall", about="sent"))
    await put(dialled, order("asked", command="snapshotCall", about="done"))
    await withdraw(dialled, "withdrawn", "open")
    await put(dialled, order("still open"))
    assert len(await claimed(dialled, epoch, most=4)) == 4
    done = [one for one in await dial.read_orders(TENANT, SWITCH, LANE) if one.order.id in ("done", "ask", "asked")]
    await transact(dialled, lambda connection: dial.settle(connection, done))
    end_ms = START_MS + VALID_MS + KEPT_MS
    assert await dial.purge(end_ms, end_ms) == 0
    assert await dial.purge(end_ms, end_ms + 1) == 4
    assert await dial.purge(end_ms * 2, end_ms * 2) == 0
    left = [one for one in ("open", "sent", "done", "withdrawn", "ask", "asked") if await dial.order(TENANT, one)]
    assert left == ["sent", "ask"], "what asks about an order that is not settled stays with it"


async def test_retention_takes_old_facts_of_settled_orders(dialled: Store) -> None:
    await subscribe(dialled)
    await put(dialled, order("live"), order("gone"))
    await tell(
        dialled, await owned(dialled), 1, fact("live"), fact("gone"), fact("gone", "new", appended_at_ms=START_MS + 2)
    )
    await withdraw(dialled, "gone")
    end_ms = START_MS + 1 + KEPT_MS
    assert await dial_of(dialled).purge(end_ms, START_MS) == 0
    assert await dial_of(dialled).purge(end_ms + 1, START_MS) == 1
    assert [(one.commandid, one.call_id) for one in await read(dialled)] == [("live", "call"), ("gone", "new")]


async def test_retention_works_a_bounded_piece_at_a_time(dialled: Store) -> None:
    await subscribe(dialled)
    ids = [f"{n}" for n in range(ROWS_A_TIME + 3)]
    await put(dialled, *map(order, ids))
    await withdraw(dialled, *ids)
    late_ms = START_MS + VALID_MS + KEPT_MS + 1
    assert [await dial_of(dialled).purge(late_ms, late_ms) for _ in range(3)] == [ROWS_A_TIME, 3, 0]
    assert await put(dialled, order("new")) == {"new"}
    (found,) = await dial_of(dialled).read_orders(TENANT, SWITCH, LANE)
    assert found.no == ROWS_A_TIME + 4, "a number is never given twice"


async def test_a_round_with_facts_only_moves_its_partition(dialled: Store) -> None:
    claim = await owned(dialled)
    await subscribe(dialled)
    await put(dialled, order("a"))
    round_ = Round(
        timeline=[event(1, 1)], births=[call("call")], dial_facts=[fact("a")], source_words=[word(0)],
        fences=[fence(claim, 1)],
    )  # fmt: skip
    await dialled.ledger.commit(round_)
    assert (await dialled.ledger.committed())[0].position == 1
    assert await read(dialled) == [fact("a")]
