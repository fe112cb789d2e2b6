"""Claims: marked before it is sent, by the newest subscription alone, once, before its expiry, within the pace."""

import asyncio
import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from sqlalchemy import create_engine

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.dial import claims, orders
from cti.dial.clock import LedgerClock
from cti.dial.pace import MARGIN_MS, PACE_MS
from cti.dial.rows import STREAM_ALIVE_MS, Ability, SentOrder
from tests.contract.dialling import (
    LANE,
    SWITCH,
    VALID_MS,
    JumpingClock,
    claim,
    claimed,
    dial_of,
    order,
    put,
    subscribe,
    until_one_waits,
    withdraw,
)
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT

SECOND = PACE_MS + MARGIN_MS  # of the pace


async def test_what_is_claimed_is_marked_before_anything_is_sent(dialled: Store, clock: VirtualClock) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, order("b"), order("a"))
    clock.move_to(START_MS + 7)
    made = await claim(dialled, epoch)
    found = await dial_of(dialled).order(TENANT, "b")
    assert found is not None
    assert (found.state, found.sent_at_ms, found.epoch) == ("sent", START_MS + 7, epoch)
    first = SentOrder(
        "b", found.no, LANE, "makeCall", order("b").body, START_MS, START_MS + VALID_MS, START_MS + 7
    )  # fmt: skip
    assert made.orders[0] == first
    assert [one.id for one in made.orders] == ["b", "a"], "in the order of putting"
    assert (made.refused, made.at_ms, made.next_ms) == (False, START_MS + 7, None)
    assert await claimed(dialled, epoch) == [], "nobody gets it a second time"


async def test_what_was_made_under_another_source_reaches_nobody(dialled: Store) -> None:
    """The switch has declared itself anew: its events would say nothing of such a call. It is still asked."""
    epoch = await subscribe(dialled)
    earlier = [order(name, command=name, source="/switches/earlier") for name in ("makeCall", "sendMessage")]
    still = [order(name, command=name, source="/switches/earlier") for name in ("snapshotCall", "clearConnection")]
    await put(dialled, *earlier, *still, order("call"), order("message", command="sendMessage"))
    assert sorted(await claimed(dialled, epoch)) == ["call", "clearConnection", "message", "snapshotCall"]
    assert [one.id for one in (await claim(dialled, epoch, source="/switches/earlier")).orders] == [
        "makeCall", "sendMessage",
    ]  # fmt: skip


async def test_a_claim_that_was_committed_outlives_its_process(ready_durable_url: str, clock: VirtualClock) -> None:
    async with open_store(ready_durable_url, clock, PARTITIONS) as store:
        epoch = await subscribe(store)
        await put(store, order("a"))
        assert await claimed(store, epoch) == ["a"]
    async with open_store(ready_durable_url, clock, PARTITIONS) as store:
        assert await claimed(store, await subscribe(store)) == []
        found = await dial_of(store).order(TENANT, "a")
        assert found is not None
        assert found.sent_at_ms == START_MS


async def test_only_the_newest_subscription_claims(dialled: Store, clock: VirtualClock) -> None:
    dial = dial_of(dialled)
    first = await subscribe(dialled)
    await put(dialled, order("a"))
    second = await subscribe(dialled)
    assert second == first + 1
    assert await dial.subscribe("other", SWITCH) == 1, "epochs are those of a switch of a tenant"
    refused = await claim(dialled, first)
    assert (refused.orders, refused.refused) == ([], True)
    assert (await claim(dialled, second, tenant="other")).refused, "never subscribed under this epoch"
    assert (await claim(dialled, 0, switch="unknown")).refused
    assert not await dial.prolong(TENANT, SWITCH, first)
    await dial.leave(TENANT, SWITCH, first)
    assert (await dial.standing(TENANT, SWITCH, SOURCE)).alive, "the older one leaves in vain"
    assert await claimed(dialled, second) == ["a"]
    clock.move_to(START_MS + STREAM_ALIVE_MS)
    assert not (await dial.standing(TENANT, SWITCH, SOURCE)).alive
    assert await dial.prolong(TENANT, SWITCH, second)
    assert (await dial.standing(TENANT, SWITCH, SOURCE))[:2] == (second, True)
    await put(dialled, order("b"))
    await dial.leave(TENANT, SWITCH, second)
    assert not (await dial.standing(TENANT, SWITCH, SOURCE)).alive
    assert (await claim(dialled, second)).refused, "it has left"
    assert await subscribe(dialled) > second


async def test_what_has_expired_is_never_claimed(dialled: Store, clock: VirtualClock) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, order("a"), order("b", expires_at_ms=START_MS + VALID_MS + 1))
    await put(dialled, order("ask", command="snapshotCall"))
    clock.move_to(START_MS + VALID_MS)
    assert await claimed(dialled, epoch) == ["b"]
    clock.move_to(START_MS + VALID_MS + 1)
    assert await claimed(dialled, epoch) == []
    found = await dial_of(dialled).read_orders(TENANT, SWITCH, LANE)
    assert {one.order.id: one.sent_at_ms for one in found} == {"a": None, "ask": None, "b": START_MS + VALID_MS}


async def test_orders_of_others_and_lanes_without_a_limit_are_left(dialled: Store) -> None:
    epoch, dial = await subscribe(dialled), dial_of(dialled)
    await subscribe(dialled, "two")
    await dial.subscribe("other", SWITCH)
    await put(
        dialled, order("a"), order("of two", switch="two"), order("of other", tenant="other"),
        order("elsewhere", lane="unlisted"), order("ask elsewhere", lane="unlisted", command="snapshotCall"),
    )  # fmt: skip
    assert await claimed(dialled, epoch, limit=0) == ["ask elsewhere"]
    assert (await claim(dialled, epoch)).next_ms is None
    assert (await dial.order(TENANT, "elsewhere") or order("x"))[4] == "open"


async def test_the_pace_of_a_lane_holds_and_says_when_it_allows_more(dialled: Store, clock: VirtualClock) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, *[order(f"{n}") for n in range(6)])
    await put(dialled, order("ask", command="snapshotCall"), order("sms", command="sendMessage"))
    first = await claim(dialled, epoch, limit=2)
    assert [one.id for one in first.orders] == ["0", "1", "ask", "sms"], "what is no call is not counted"
    assert first.next_ms == START_MS + SECOND
    clock.move_to(START_MS + 400)
    assert (await claim(dialled, epoch, limit=3)).orders[0].id == "2", "the limit was raised"
    assert (await claim(dialled, epoch, limit=3)).next_ms == START_MS + SECOND
    clock.move_to(START_MS + SECOND - 1)
    assert await claimed(dialled, epoch, limit=3) == []
    clock.move_to(START_MS + SECOND)
    assert await claimed(dialled, epoch, limit=3, most=1) == ["3"]
    made = await claim(dialled, epoch, limit=3, most=1)
    assert ([one.id for one in made.orders], made.next_ms) == (["4"], START_MS + SECOND + 400)
    clock.move_to(START_MS + SECOND + 400)
    made = await claim(dialled, epoch, limit=3, most=3)
    assert ([one.id for one in made.orders], made.next_ms) == (["5"], None)


async def test_a_claim_that_may_take_no_more_says_that_more_waits(dialled: Store) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, order("a"), order("b"))
    made = await claim(dialled, epoch, most=1)
    assert ([one.id for one in made.orders], made.next_ms) == (["a"], START_MS)


@pytest.mark.parametrize("seed", range(2))
async def test_in_every_second_of_sent_at_a_lane_keeps_its_pace(ready_durable_url: str, seed: int) -> None:
    """With clocks that stand, run, jump ahead and go back, limits that change, and two processes in turn."""
    chance, clock = random.Random(seed), JumpingClock(START_MS)
    limits = {"slow": 1, "fast": 7, "closed": 0}
    made, sent = Counter[str](), defaultdict[str, list[int]](list)
    async with open_store(ready_durable_url, clock, PARTITIONS) as store:
        epoch = await subscribe(store)
        for turn in range(200):
            clock.at_ms += chance.choice([0, 1, 13, 130, 333, 999, 1_000, 1_001, -1, -400, -1_700, 2_500])
            if chance.random() < 0.1:
                epoch = await subscribe(store)
            lanes = [chance.choice(list(limits)) for _ in range(chance.choice([0, 1, 9]))]
            assert await dial_of(store).prolong(TENANT, SWITCH, epoch)
            many = [order(f"{turn}:{n}", lane=lane, expires_at_ms=2**60) for n, lane in enumerate(lanes)]
            made.update(lanes)
            await put(store, *many)
            taken = await dial_of(store).claim(
                TENANT, SWITCH, epoch, Ability(SOURCE, limits), chance.choice([1, 4, 100])
            )
            assert all(one.sent_at_ms == clock.at_ms for one in taken.orders)
            for one in taken.orders:
                sent[one.lane].append(one.sent_at_ms)
    assert not sent["closed"]
    for lane in ("slow", "fast"):
        dates = sorted(sent[lane])
        assert 20 < len(dates) < made[lane], "the pace held some back"
        limit = limits[lane]
        assert all(later - first >= SECOND for first, later in zip(dates, dates[limit:], strict=False)), lane


async def test_a_claim_never_waits_longer_than_the_pace_demands(dialled: Store, clock: VirtualClock) -> None:
    epoch, dates = await subscribe(dialled), []
    await put(dialled, *[order(f"{n}", expires_at_ms=START_MS + 60_000) for n in range(40)])
    while len(dates) < 40:
        made = await claim(dialled, epoch, limit=4)
        dates += [one.sent_at_ms for one in made.orders]
        if made.next_ms is not None:
            clock.move_to(made.next_ms)
    assert dates[-1] == START_MS + 9 * SECOND
    assert all(later - first in (0, SECOND) for first, later in pairwise(dates))


async def test_of_two_claims_of_one_order_exactly_one_gets_it(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as one,
        open_store(postgres_ready_url, clock, PARTITIONS) as two,
    ):
        epoch = await subscribe(one)
        ids = [f"{n:03}" for n in range(200)]
        await put(one, *map(order, ids))
        turns = [claimed(store, epoch, limit=1_000, most=3) for store in (one, two) * 40]
        found = [order_id for some in await asyncio.gather(*turns) for order_id in some]
        assert sorted(found) == ids


async def test_two_processes_together_keep_the_pace(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as one,
        open_store(postgres_ready_url, clock, PARTITIONS) as two,
    ):
        epoch = await subscribe(one)
        await put(one, *[order(f"{n}") for n in range(200)])
        turns = [claimed(store, epoch, limit=5) for store in (one, two) * 20]
        assert sum(map(len, await asyncio.gather(*turns))) == 5


async def test_of_a_withdrawal_and_a_claim_exactly_one_wins(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as gateway,
        open_store(postgres_ready_url, clock, PARTITIONS) as dialler,
    ):
        epoch = await subscribe(gateway)
        ids = [f"{n:03}" for n in range(400)]
        await put(dialler, *map(order, ids))
        chance = random.Random(1)
        taken = [claimed(gateway, epoch, limit=10_000, most=7) for _ in range(60)]
        gone = [withdraw(dialler, *chance.sample(ids, 9)) for _ in range(60)]
        sent, *_ = await asyncio.gather(asyncio.gather(*taken), asyncio.gather(*gone))
        sent_ids = [order_id for some in sent for order_id in some]
        rest = await claimed(gateway, epoch, limit=10_000, most=1_000)
        assert len(sent_ids) == len(set(sent_ids))
        withdrawn = set(ids) - set(sent_ids) - set(rest)
        for order_id in ids:
            found = await dial_of(dialler).order(TENANT, order_id)
            assert found is not None
            assert (found.state, found.sent_at_ms is None) == (
                ("withdrawn", True) if order_id in withdrawn else ("sent", False)
            )


async def test_a_claim_passes_over_what_a_withdrawal_has_locked(postgres_ready_url: str) -> None:
    """And gets it later, if that withdrawal was rolled back."""
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as store:
        epoch = await subscribe(store)
        await put(store, order("a"), order("b"))
        engine = create_engine(postgres_ready_url)
        with engine.connect() as connection, connection.begin() as transaction:
            assert orders.withdraw(connection, TENANT, ["a"]) == {"a"}
            assert await claimed(store, epoch) == ["b"]
            transaction.rollback()
        engine.dispose()
        assert await claimed(store, epoch) == ["a"]


async def test_a_withdrawal_waits_for_the_claim_that_came_first(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as store:
        epoch = await subscribe(store)
        await put(store, order("a"), order("b"))
        engine = create_engine(postgres_ready_url)
        with engine.connect() as connection, connection.begin() as transaction:
            asked = claims.Asked(TENANT, SWITCH, epoch, Ability(SOURCE, {LANE: 9}), 1)
            (made,) = claims.claim(connection, LedgerClock(None), [asked])
            assert made.orders == [], "by the server's own clock they have expired long ago"
            (made,) = claims.claim(connection, LedgerClock(lambda: START_MS), [asked])
            assert [one.id for one in made.orders] == ["a"]
            gone = asyncio.create_task(withdraw(store, "a", "b"))
            await until_one_waits(connection)
            transaction.commit()
        engine.dispose()
        assert await gone == {"b"}


async def test_a_claim_that_rolls_back_has_marked_nothing(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as store:
        epoch = await subscribe(store)
        await put(store, order("a"))
        engine = create_engine(postgres_ready_url)
        with engine.connect() as connection, connection.begin() as transaction:
            asked = claims.Asked(TENANT, SWITCH, epoch, Ability(SOURCE, {LANE: 9}), 9)
            (made,) = claims.claim(connection, LedgerClock(lambda: START_MS), [asked])
            assert len(made.orders) == 1
            transaction.rollback()
        engine.dispose()
        assert await claimed(store, epoch) == ["a"]
