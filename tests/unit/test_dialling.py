"""Dial orders at the gateway, look by look: to the newest subscription alone, each once, none too late."""

import asyncio
from typing import Any

import pytest

from cti.errors import LedgerAway, OutcomeUnknown
from cti.gateway.dialling import BACKOFF_MAX_S, NEVER, PROLONG_S, STALLED_LOOK_S, SUPERSEDED_LOOK_S, backoff_s
from cti.web.limits import Limits
from tests.contract.rows import TENANT
from tests.unit.dial_desk import NOW_MS, SWITCH, Desk, Reader


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.declare()
    return made


async def test_an_order_leaves_once_with_the_time_that_is_left(desk: Desk) -> None:
    subscription, reader = desk.listener()
    desk.book.put("a", "b", valid_ms=8_000)
    desk.clock.move_to(NOW_MS + 1_500)
    assert await subscription.turn() == desk.limits.dial_poll_s
    await subscription.turn()
    assert [(each["id"], each["valid_for_ms"]) for each in reader.got] == [("a", 6_500), ("b", 6_500)]
    assert desk.counted("ringback_dial_orders_sent_total", command="makeCall") == 2
    assert desk.counted("ringback_dial_made_to_sent_seconds_sum") == 3


async def test_only_the_newest_subscription_is_sent_orders(desk: Desk) -> None:
    (older, old), (newer, new) = desk.listener(), desk.listener()
    await older.turn()
    await newer.turn()
    desk.book.put("a")
    assert await older.turn() == SUPERSEDED_LOOK_S
    await newer.turn()
    desk.book.put("b")
    assert await older.turn() == SUPERSEDED_LOOK_S
    await newer.turn()
    assert (old.ids, new.ids) == ([], ["a", "b"])
    assert desk.counted("ringback_dial_claims_refused_total") == 1
    assert desk.book.times("subscribe") == 2, "one that was superseded does not take the orders back"


async def test_an_older_subscription_takes_over_once_nothing_newer_has_lived_for_a_while(desk: Desk) -> None:
    """As after somebody has looked with curl."""
    (older, old), (newer, new) = desk.listener(), desk.listener()
    await older.turn()
    await newer.turn()
    await older.turn()
    new.here = False
    await newer.turn()
    desk.clock.move_to(NOW_MS + 14_999)
    await older.turn()
    desk.book.put("a")
    assert old.ids == []
    desk.clock.move_to(NOW_MS + 15_000)
    await older.turn()
    assert old.ids == ["a"]
    assert desk.counted("ringback_dial_streams") == 1
    newest, last = desk.listener()
    await newest.turn()
    desk.book.put("b")
    assert await older.turn() == SUPERSEDED_LOOK_S
    await newest.turn()
    assert last.ids == ["b"]


async def test_the_newest_at_another_gateway_is_the_newest(desk: Desk) -> None:
    elsewhere = Desk(book=desk.book)
    await elsewhere.declare()
    (here, mine), (there, theirs) = desk.listener(), elsewhere.listener()
    await here.turn()
    await there.turn()
    desk.book.put("a")
    assert await here.turn() == SUPERSEDED_LOOK_S
    await there.turn()
    assert (mine.ids, theirs.ids) == ([], ["a"])


async def test_what_waited_too_long_between_claim_and_write_is_never_written(desk: Desk) -> None:
    subscription, reader = desk.listener()
    desk.book.put("late", valid_ms=5_000)
    desk.book.put("good", valid_ms=9_000)
    desk.book.meanwhile = lambda: desk.clock.move_to(NOW_MS + 5_000)  # the process stood still
    await subscription.turn()
    desk.book.meanwhile = lambda: None
    await subscription.turn()
    assert [(each["id"], each["valid_for_ms"]) for each in reader.got] == [("good", 4_000)]
    assert desk.book.sent.keys() == {"late", "good"}
    assert desk.counted("ringback_dial_orders_unwritten_total") == 1


async def test_a_clock_that_goes_back_between_claim_and_write_gives_no_time(desk: Desk) -> None:
    ahead_ms = [60_000.0]
    desk.dialling.now_ms = lambda: desk.clock.now_ms() + ahead_ms[0]
    subscription, reader = desk.listener()
    desk.book.put("a", valid_ms=5_000)
    desk.book.meanwhile = lambda: ahead_ms.__setitem__(0, 0.0)
    await subscription.turn()
    assert reader.got[0]["valid_for_ms"] == 5_000


@pytest.mark.parametrize(("back_ms", "stands_ms"), [(60_000, 5_000), (3_000, 6_000)])
async def test_a_clock_that_goes_back_gives_no_time_to_an_order_that_is_over_by_now(
    desk: Desk, back_ms: float, stands_ms: float
) -> None:
    ahead_ms = [back_ms]
    desk.dialling.now_ms = lambda: desk.clock.now_ms() + ahead_ms[0]
    subscription, reader = desk.listener()
    desk.book.put("a", valid_ms=5_000)

    def stand_still() -> None:
        ahead_ms[0] = 0.0
        desk.clock.move_to(NOW_MS + stands_ms)

    desk.book.meanwhile = stand_still
    await subscription.turn()
    assert (reader.ids, list(desk.book.sent)) == ([], ["a"])


async def test_nothing_is_claimed_for_a_reader_that_does_not_read(desk: Desk) -> None:
    subscription, reader = desk.listener()
    await subscription.turn()
    reader.free, claims = 0, desk.book.times("claim")
    desk.book.put("a")
    assert [await subscription.turn() for _ in range(3)] == [STALLED_LOOK_S] * 3
    assert (desk.book.times("claim"), desk.book.sent) == (claims, {})
    reader.free = 1
    await subscription.turn()
    assert reader.ids == ["a"]


async def test_no_claim_is_larger_than_one_write(desk: Desk) -> None:
    subscription, reader = desk.listener()
    desk.book.put(*(f"o{n}" for n in range(120)))
    assert [await subscription.turn() for _ in range(2)] == [0.0, 0.0]
    assert len(reader.got) == 2 * desk.limits.dial_claim
    assert await subscription.turn() == desk.limits.dial_poll_s
    assert reader.ids == [f"o{n}" for n in range(120)]


@pytest.mark.parametrize("fault", [LedgerAway("tried"), OutcomeUnknown("tried")])
async def test_a_ledger_that_is_away_is_asked_again_and_costs_no_order(desk: Desk, fault: Exception) -> None:
    subscription, reader = desk.listener()
    await subscription.turn()
    desk.book.put("a")
    desk.book.faults = [fault]
    with pytest.raises(type(fault)):
        await subscription.turn()
    await subscription.turn()
    assert reader.ids == ["a"]


def test_pauses_grow_up_to_their_limit() -> None:
    pauses = [backoff_s(failures) for failures in range(1, 2_000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.1, BACKOFF_MAX_S)


async def test_a_living_subscription_says_so_again_and_again(desk: Desk) -> None:
    subscription, _ = desk.listener()
    for second in range(0, 61, 1):
        desk.clock.move_to(NOW_MS + second * 1000)
        await subscription.turn()
        assert desk.book.alive_until_ms[TENANT, SWITCH] > desk.clock.now_ms() + 15_000 - PROLONG_S * 1000 - 1
    assert desk.book.times("subscribe") == 1
    assert desk.book.times("prolong") == 1 + 60 / PROLONG_S


async def test_a_quiet_subscription_learns_that_it_was_superseded(desk: Desk) -> None:
    older, _ = desk.listener()
    newer, _ = desk.listener()
    await older.turn()
    await newer.turn()
    assert desk.counted("ringback_dial_streams") == 2, "it does not know yet"
    desk.clock.move_to(NOW_MS + PROLONG_S * 1000)
    assert await older.turn() == SUPERSEDED_LOOK_S
    assert desk.counted("ringback_dial_streams") == 1


async def test_a_client_that_has_left_takes_no_more(desk: Desk) -> None:
    subscription, reader = desk.listener()
    await subscription.turn()
    reader.here = False
    desk.book.put("a")
    assert await subscription.turn() == NEVER
    assert (desk.book.sent, desk.book.alive_until_ms[TENANT, SWITCH]) == ({}, NOW_MS)
    assert desk.counted("ringback_dial_streams") == 0


async def test_leaving_takes_nothing_from_a_newer_one(desk: Desk) -> None:
    (older, _), (newer, _) = desk.listener(), desk.listener()
    await older.turn()
    await newer.turn()
    await older.leave()
    assert desk.book.alive_until_ms[TENANT, SWITCH] == NOW_MS + 15_000


async def test_leaving_does_not_wait_for_a_ledger_that_is_away(desk: Desk) -> None:
    subscription, _ = desk.listener()
    await subscription.turn()
    desk.book.faults = [LedgerAway("tried")]
    await subscription.leave()
    assert desk.book.times("leave") == 1


@pytest.mark.parametrize("changed", [{"outbound": None}, {"commands": ["makeCall"]}, {"facts": ["originated"]}])
async def test_a_switch_that_did_not_declare_it_never_sees_one(changed: dict[str, Any]) -> None:
    desk = Desk()
    await desk.declare(**changed)
    desk.book.put("a")
    subscription, _ = desk.listener()
    assert await subscription.turn() == desk.limits.dial_poll_s
    assert desk.book.asked == []


async def test_a_declaration_is_followed_while_a_stream_is_open() -> None:
    desk = Desk()
    await desk.declare(outbound=None)
    subscription, reader = desk.listener()
    await subscription.turn()
    await desk.declare()
    desk.book.put("a")
    await subscription.turn()
    assert (reader.ids, desk.book.asked[-1]) == (["a"], ("claim", {"main": 20}))
    await desk.declare(trunk_groups={"main": {"calls_per_second": 3, "calls_at_once": 9}})
    await subscription.turn()
    assert desk.book.asked[-1] == ("claim", {"main": 3})
    await desk.declare(trunk_groups={"other": {"calls_per_second": 3, "calls_at_once": 9}})
    desk.book.put("b")
    await subscription.turn()
    await desk.declare(commands=[])
    desk.book.put("c")
    await subscription.turn()
    assert (reader.ids, desk.book.asked[-1]) == (["a"], ("leave", 1))


async def test_a_claim_under_way_when_its_stream_ends_is_not_given_to_another(desk: Desk) -> None:
    (subscription, reader), (later, after) = desk.listener(), desk.listener()
    await subscription.turn()
    desk.book.put("a")
    desk.book.going.clear()
    task = asyncio.create_task(subscription.turn())
    await desk.book.claimed.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    desk.book.going.set()
    await later.turn()
    assert (desk.book.sent, reader.ids, after.ids) == ({"a": 1}, [], [])


async def test_orders_made_here_wake_a_subscription_that_waits() -> None:
    desk = Desk(Limits(key_cache_s=0, dial_poll_s=3600, dial_gap_s=0.001))
    await desk.declare()
    shared = asyncio.create_task(desk.dialling.run())
    reader = desk.listener()[1]
    async with desk.dialling.subscription(TENANT, SWITCH, reader, lambda: True) as subscription:
        task = asyncio.create_task(subscription.run())
        await subscription.looked.wait()
        desk.book.put("a")
        async with asyncio.timeout(20):
            await desk.book.claimed.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    shared.cancel()
    await asyncio.gather(shared, return_exceptions=True)
    assert desk.book.sent == {"a": 1}


async def test_a_subscription_goes_on_after_a_defect() -> None:
    desk = Desk(Limits(key_cache_s=0, dial_poll_s=0.001, dial_gap_s=0.001))
    await desk.declare()
    subscription, _ = desk.listener()
    desk.book.put("a")
    desk.book.faults = [ZeroDivisionError("a defect"), LedgerAway("tried")]
    task = asyncio.create_task(subscription.run())
    async with asyncio.timeout(20):
        await desk.book.claimed.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert desk.book.sent == {"a": 1}


async def test_the_age_of_the_last_word_is_shown(desk: Desk) -> None:
    subscription, _ = desk.listener()
    await subscription.turn()
    desk.clock.move_to(NOW_MS + 20_000)
    await subscription.turn()
    assert desk.counted("ringback_dial_source_word_seconds") == 20
    desk.book.last_word_ms = NOW_MS + 19_000
    desk.clock.move_to(NOW_MS + 25_000)
    await subscription.turn()
    assert desk.counted("ringback_dial_source_word_seconds") == 6
    subscription.close()
    assert desk.counted("ringback_dial_source_word_seconds") == 0


async def test_an_older_subscription_that_reaches_the_ledger_later_does_not_take_the_orders(desk: Desk) -> None:
    """The ledger was away when both were opened, and the older one waits longer until it asks again."""
    old, new = Reader(desk.dialling), Reader(desk.dialling)
    async with (
        desk.dialling.subscription(TENANT, SWITCH, old, lambda: True) as older,
        desk.dialling.subscription(TENANT, "pbx-2", Reader(desk.dialling), lambda: True),
    ):
        async with desk.dialling.subscription(TENANT, SWITCH, new, lambda: True) as newer:
            desk.book.faults = [LedgerAway("away")]
            with pytest.raises(LedgerAway):
                await newer.turn()
            assert await older.turn() == SUPERSEDED_LOOK_S
            await newer.turn()
            desk.book.put("a")
            assert await older.turn() == SUPERSEDED_LOOK_S
            await newer.turn()
            assert (old.ids, new.ids, desk.book.times("subscribe")) == ([], ["a"], 2)
        desk.book.put("b")
        await older.turn()
        assert old.ids == ["b"], "it is the newest now"


@pytest.mark.parametrize("ends", ["before the epoch is heard", "after"])
async def test_a_stream_that_ends_while_it_subscribes_leaves_too(desk: Desk, ends: str) -> None:
    """Else orders would be made for a switch that is not there."""
    subscription, _ = desk.listener()
    desk.book.heard.clear()
    task = asyncio.create_task(subscription.run())
    await desk.book.subscribed.wait()
    if ends == "after":
        desk.book.heard.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    leaving = asyncio.create_task(subscription.leave())
    desk.book.heard.set()
    await leaving
    assert desk.book.alive_until_ms[TENANT, SWITCH] == NOW_MS
    assert desk.counted("ringback_dial_streams") == 0
