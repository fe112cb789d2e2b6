"""Dial orders: what is put, what is withdrawn, what a switch answers, what is settled."""

import asyncio

import pytest
from sqlalchemy import Connection, create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.dial.rows import ASK_AFTER_MS, MESSAGE_GATEWAY, STREAM_ALIVE_MS, OrderState
from cti.errors import DialNotAllowed, NoDialStream
from tests.contract.dialling import (
    LANE,
    SWITCH,
    VALID_MS,
    claimed,
    dial_of,
    order,
    put,
    result,
    subscribe,
    transact,
    withdraw,
)
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT


async def read(store: Store, after_no: int = 0, limit: int = 100) -> list[OrderState]:
    found = await dial_of(store).read_orders(TENANT, SWITCH, LANE, after_no, limit)
    standings = await dial_of(store).read_standings(TENANT, SWITCH, LANE, after_no, limit)
    assert standings == [one[1:] for one in found], "the same, but for what never changes"
    return found


async def states(store: Store) -> dict[str, str]:
    return {one.order.id: one.state for one in await read(store)}


async def test_orders_are_put_once_and_read_in_the_order_of_putting(dialled: Store) -> None:
    await subscribe(dialled)
    await dial_of(dialled).subscribe("other", SWITCH)
    assert await put(dialled, order("b"), order("a")) == {"b", "a"}
    changed = order("a", body="{}", tenant="other")
    assert await put(dialled, order("c"), changed) == {"c"}, "an id is unique over all tenants"
    assert await put(dialled) == set()
    found = await read(dialled)
    assert [one.order for one in found] == [order("b"), order("a"), order("c")]
    assert [one.no for one in found] == sorted({one.no for one in found})
    assert await read(dialled, after_no=found[0].no, limit=1) == [found[1]]
    assert await dial_of(dialled).order("other", "a") is None
    fresh = OrderState(order("b"), found[0].no, None, None, "open", *[None] * 8)
    assert found[0] == fresh == await dial_of(dialled).order(TENANT, "b")


async def test_more_orders_than_fit_one_statement(dialled: Store) -> None:
    await subscribe(dialled)
    many = [order(f"{n:05}") for n in range(1_300)]
    assert len(await put(dialled, *many)) == 1_300
    assert [one.order.id for one in await read(dialled, limit=2_000)] == [one.id for one in many]


async def test_nothing_is_put_for_a_switch_without_a_live_stream(dialled: Store, clock: VirtualClock) -> None:
    with pytest.raises(NoDialStream, match="one"):
        await put(dialled, order("a"))
    await put(dialled, order("ask", command="snapshotCall"), order("end", command="clearConnection"))
    epoch = await subscribe(dialled)
    await subscribe(dialled, "two")
    with pytest.raises(NoDialStream, match="three"):
        await put(dialled, order("a"), order("b", switch="three"))
    assert "a" not in await states(dialled), "all or none"
    clock.move_to(START_MS + STREAM_ALIVE_MS - 1)
    await put(dialled, order("a"))
    clock.move_to(START_MS + STREAM_ALIVE_MS)
    with pytest.raises(NoDialStream):
        await put(dialled, order("b"))
    assert await dial_of(dialled).prolong(TENANT, SWITCH, epoch)
    await put(dialled, order("b"))
    await dial_of(dialled).leave(TENANT, SWITCH, epoch)
    with pytest.raises(NoDialStream):
        await put(dialled, order("c", command="sendMessage"))


async def test_nothing_is_put_while_dialling_is_not_allowed(ready_durable_url: str, clock: VirtualClock) -> None:
    async with open_store(ready_durable_url, clock, PARTITIONS) as store:
        await subscribe(store)
        engine = create_engine(ready_durable_url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE dial_allowed SET allowed_at_ms = NULL"))
        engine.dispose()
        for made in (order("a"), order("b", command="snapshotCall"), order("c", command="sendMessage")):
            with pytest.raises(DialNotAllowed):
                await put(store, made)
        assert await states(store) == {}


async def test_what_is_put_in_a_transaction_that_rolls_back_was_never_there(dialled: Store) -> None:
    epoch = await subscribe(dialled)

    def fails(_: Connection) -> set[str]:
        raise LookupError("the turn fails after its orders")

    with pytest.raises(LookupError):
        await transact(dialled, lambda connection: dial_of(dialled).put(connection, [order("a")]), fails)
    assert await claimed(dialled, epoch) == []
    assert await dial_of(dialled).order(TENANT, "a") is None
    assert await put(dialled, order("a")) == {"a"}


async def test_withdrawn_is_what_no_claim_has_marked(dialled: Store) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, order("a"), order("b"), order("c"))
    assert await withdraw(dialled, "b", "nobody's") == {"b"}
    assert await withdraw(dialled, "a", tenant="other") == set(), "another tenant's"
    assert await claimed(dialled, epoch, most=1) == ["a"]
    assert await withdraw(dialled, "a", "b", "c") == {"c"}, "a was sent, b was withdrawn before"
    assert await claimed(dialled, epoch) == []
    assert await states(dialled) == {"a": "sent"}


async def test_a_lane_is_withdrawn_but_for_questions_and_clearing(dialled: Store) -> None:
    epoch = await subscribe(dialled)
    await put(
        dialled, order("a"), order("sms", command="sendMessage"), order("ask", command="snapshotCall"),
        order("end", command="clearConnection"), order("elsewhere", lane="other"),
    )  # fmt: skip
    (gone,) = await transact(
        dialled, lambda connection: dial_of(dialled).withdraw_lane(connection, TENANT, SWITCH, LANE)
    )
    assert gone == {"a", "sms"}
    assert sorted(await claimed(dialled, epoch)) == ["ask", "end"]
    assert (await dial_of(dialled).read_orders(TENANT, SWITCH, "other"))[0].state == "open"


async def test_a_result_is_kept_in_the_order(dialled: Store, clock: VirtualClock) -> None:
    epoch, dial = await subscribe(dialled), dial_of(dialled)
    await put(dialled, order("a"), order("ask", command="snapshotCall"), order("late"), order("gone"))
    assert await dial.set_result(result("a", "accepted")) == "not_sent"
    assert await withdraw(dialled, "gone") == {"gone"}
    assert await dial.set_result(result("gone", "done")) == "not_sent"
    assert sorted(await claimed(dialled, epoch)) == ["a", "ask", "late"]
    assert await dial.set_result(result("a", "accepted", tenant="other")) == "not_found"
    assert await dial.set_result(result("nobody's", "done")) == "not_found"
    assert [await dial.set_result(result("a", "accepted", at_ms=START_MS + n)) for n in range(2)] == ["kept", "same"]
    refused = result("a", "refused", reason="busy", at_ms=START_MS + 2)
    assert [await dial.set_result(refused) for _ in range(2)] == ["kept", "same"]
    assert await dial.set_result(result("a", "accepted")) == "same", "it came late: the refusal stands"
    assert await dial.set_result(refused._replace(reason="error")) == "contradiction"
    assert await dial.set_result(result("a", "done")) == "contradiction"
    kept = await dial.order(TENANT, "a")
    assert kept is not None
    assert (kept.result, kept.reason, kept.result_at_ms) == ("refused", "busy", START_MS + 2)
    ended = result("ask", "done", answer="ended", cause="busy", q850=17, tone="busy", ended_at_ms=START_MS + 9)
    assert await dial.set_result(ended) == "kept"
    assert await dial.set_result(ended._replace(q850=16)) == "contradiction"
    kept = await dial.order(TENANT, "ask")
    assert kept is not None
    assert kept[5:] == ("done", None, "ended", "busy", 17, "busy", START_MS + 9, START_MS)


async def test_settled_is_what_is_still_as_it_was_read(dialled: Store, clock: VirtualClock) -> None:
    epoch, dial = await subscribe(dialled), dial_of(dialled)
    await put(dialled, order("sent"), order("expired"), order("claimed meanwhile"))
    await claimed(dialled, epoch, most=1)
    found = await read(dialled)
    assert await claimed(dialled, epoch, most=1) == ["expired"]
    (settled,) = await transact(dialled, lambda connection: dial.settle(connection, found))
    assert settled == {"sent", "claimed meanwhile"}, "the one that left after all is not settled as never sent"
    assert await states(dialled) == {"expired": "sent"}
    assert await claimed(dialled, epoch) == []
    assert await dial.set_result(result("sent", "done")) == "kept", "a late result of a settled order is still kept"
    (again,) = await transact(dialled, lambda connection: dial.settle(connection, found))
    assert again == set()


async def test_a_source_is_awaited_until_its_orders_are_settled(dialled: Store) -> None:
    """However its switch is declared meanwhile: a word of it decides what the orders came to."""
    ledger, epoch = dialled.ledger, await subscribe(dialled)
    assert await ledger.awaited_sources() == []
    await put(dialled, order("a"), order("b"), order("c", source="/switches/earlier"))
    assert await ledger.awaited_sources() == [(TENANT, "/switches/earlier"), (TENANT, SOURCE)]
    assert sorted(await claimed(dialled, epoch)) == ["a", "b"]
    await withdraw(dialled, "c")
    assert await ledger.awaited_sources() == [(TENANT, SOURCE)]
    both = await read(dialled)
    for left, one in zip(([(TENANT, SOURCE)], []), both, strict=True):
        await transact(dialled, lambda connection, one=one: dial_of(dialled).settle(connection, [one]))
        assert await ledger.awaited_sources() == left


async def test_nothing_is_awaited_of_a_message_gateway(dialled: Store) -> None:
    """What it says comes into the ledger by no log."""
    await dial_of(dialled).subscribe(TENANT, MESSAGE_GATEWAY)
    await put(dialled, order("m", command="sendMessage", switch=MESSAGE_GATEWAY, source=MESSAGE_GATEWAY))
    assert await dialled.ledger.awaited_sources() == []


async def test_a_stop_is_acknowledged_when_nothing_can_ring_any_more(dialled: Store) -> None:
    epoch, dial = await subscribe(dialled), dial_of(dialled)
    later_ms = START_MS + VALID_MS + 60_000
    await put(dialled, order("a"), order("b"), order("c", expires_at_ms=later_ms), order("open"))
    await put(dialled, order("ask", command="snapshotCall", expires_at_ms=later_ms + 60_000))
    assert await claimed(dialled, epoch, most=4) == ["a", "b", "c", "ask"], "the question is in the same turn"
    end_ms = START_MS + VALID_MS + ASK_AFTER_MS
    every = ("a", "b", "c", "open")

    async def acknowledged(now_ms: int, *ids: str) -> bool:
        lane = await dial.lane_stop_acknowledged(TENANT, SWITCH, LANE, now_ms)
        found = await dial.stop_acknowledged(TENANT, ids or every, now_ms)
        assert ids or found == lane
        return found

    assert not await acknowledged(end_ms - 1, "open")
    assert await withdraw(dialled, *every) == {"open"}
    assert await acknowledged(START_MS, "open", "nobody's")
    assert await dial.stop_acknowledged("other", every, START_MS), "another tenant's are nobody's"
    assert not await acknowledged(START_MS)
    assert await dial.set_result(result("a", "accepted")) == "kept"
    assert not await acknowledged(START_MS, "a"), "it may still dial"
    assert await dial.set_result(result("a", "refused", reason="expired")) == "kept"
    assert await acknowledged(START_MS, "a")
    assert not await acknowledged(end_ms - 1, "b")
    assert await acknowledged(end_ms, "a", "b")
    assert not await acknowledged(end_ms)
    assert await dial.set_result(result("c", "done")) == "kept"
    assert await acknowledged(end_ms)


async def test_another_process_hears_of_orders_and_results(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as gateway,
        open_store(postgres_ready_url, clock, PARTITIONS) as dialler,
    ):
        ordered, answered = asyncio.Event(), asyncio.Event()
        dial_of(gateway).wake_claims(ordered)
        dial_of(dialler).wake(answered)
        epoch = await subscribe(gateway)
        async with asyncio.timeout(20):
            while not answered.is_set():  # until each knows of the other
                await subscribe(gateway)
            epoch = await subscribe(gateway)
            while not ordered.is_set():
                await put(dialler, order(f"first {clock.now_ms()}"))
                clock.move_to(clock.now_ms() + 1)
        answered.clear()
        await put(dialler, order("a"))
        assert "a" in await claimed(gateway, epoch)
        async with asyncio.timeout(20):
            while not answered.is_set():
                await dial_of(gateway).set_result(result("a", "accepted"))
                await dial_of(gateway).set_result(result("a", "done"))
                await answered.wait()


async def test_this_process_is_woken_too(dialled: Store) -> None:
    ordered, answered = asyncio.Event(), asyncio.Event()
    dial_of(dialled).wake_claims(ordered)
    dial_of(dialled).wake(answered)
    epoch = await subscribe(dialled)
    assert answered.is_set(), "a dialler that waits for the switch goes on"
    answered.clear()
    await put(dialled, order("a"))
    dial_of(dialled).made()
    assert ordered.is_set()
    await claimed(dialled, epoch)
    await dial_of(dialled).set_result(result("a", "done"))
    assert answered.is_set()
    answered.clear()
    await dial_of(dialled).set_result(result("a", "done"))
    assert not answered.is_set(), "nothing new"


async def test_in_memory_nothing_is_dialled(clock: VirtualClock) -> None:
    async with open_store("memory:", clock, PARTITIONS) as store:
        assert store.dial is None
