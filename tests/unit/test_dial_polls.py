"""Dial orders by poll: each poll is a subscription of its own, and polls that follow one another starve nobody."""

import asyncio
from collections.abc import Sequence

import pytest

from cti.errors import LedgerAway
from cti.gateway import dial_outlets
from cti.gateway.dial_outlets import orders_of_poll
from tests.contract.rows import TENANT
from tests.unit.dial_desk import NOW_MS, SWITCH, Desk
from tests.unit.test_hub import settled


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.declare()
    return made


async def polled(desk: Desk, *, beside: bool = False, here: bool = True) -> list[str]:
    """One poll that does not wait: the ids it answers."""
    async with orders_of_poll(desk.dialling, TENANT, SWITCH, lambda: here) as orders:
        assert orders is not None
        return [order_id for order_id, _ in await orders.taken(beside=beside)]


async def test_polls_that_follow_one_another_get_every_order_once(desk: Desk) -> None:
    got: list[list[str]] = []
    for n in range(5):
        desk.book.put(f"{n}a", f"{n}b")
        got.append(await polled(desk, beside=n % 2 == 1))
    assert got == [[f"{n}a", f"{n}b"] for n in range(5)]
    assert set(desk.book.sent.values()) == {1, 2, 3, 4, 5}, "each under an epoch of its own"


async def test_the_switch_lives_between_two_polls_and_no_longer(desk: Desk) -> None:
    await polled(desk)
    assert desk.book.alive_until_ms[TENANT, SWITCH] == NOW_MS + 15_000
    assert desk.book.times("leave") == 0
    assert desk.counted("ringback_dial_streams") == 0, "no subscription is open here"


async def test_a_poll_makes_one_claim_that_finds_any(desk: Desk) -> None:
    async with orders_of_poll(desk.dialling, TENANT, SWITCH, lambda: True) as orders:
        assert orders is not None
        desk.book.put("a", "b")
        await orders.found()
        desk.book.put("c")
        assert orders.takes() == 0
        assert [order_id for order_id, _ in await orders.taken(beside=False)] == ["a", "b"]
    assert await polled(desk) == ["c"]


async def test_a_poll_beside_inbound_commands_does_not_wait_for_a_ledger_that_hangs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial_outlets, "BESIDE_S", 0.01)
    desk.book.put("a")
    desk.book.open.clear()
    assert await polled(desk, beside=True) == []
    desk.book.open.set()
    assert (desk.book.sent, desk.book.times("claim")) == ({}, 0), "what it could not answer it did not take"
    assert await polled(desk) == ["a"]


async def test_after_its_answer_a_poll_claims_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_outlets, "BESIDE_S", 0.01)
    desk.book.put("a")
    desk.book.open.clear()
    async with orders_of_poll(desk.dialling, TENANT, SWITCH, lambda: True) as orders:
        assert orders is not None
        assert await orders.taken(beside=True) == []
        desk.book.open.set()
        await settled()
        assert (desk.book.sent, desk.book.times("claim")) == ({}, 0)


class Stalling:
    """A stream whose connection is full, or is not."""

    stalled = True

    async def send_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        """Nothing is sent here."""


async def test_a_stream_with_anything_unwritten_takes_no_order(desk: Desk) -> None:
    frames = Stalling()
    outlet = dial_outlets.StreamOutlet(desk.dialling, frames)
    assert outlet.takes() == 0
    frames.stalled = False
    assert outlet.takes() == desk.limits.dial_claim


async def test_a_claim_under_way_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_outlets, "BESIDE_S", 0.01)
    monkeypatch.setattr(dial_outlets, "CLAIM_END_BESIDE_S", 20.0)
    desk.book.put("a")
    desk.book.going.clear()
    answer = asyncio.create_task(polled(desk, beside=True))
    await desk.book.claimed.wait()
    late = asyncio.get_running_loop().call_later(0.05, desk.book.going.set)
    assert await answer == ["a"]
    late.cancel()


async def test_inbound_commands_do_not_wait_long_for_a_claim_under_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial_outlets, "CLAIM_END_BESIDE_S", 0.01)
    desk.book.put("a")
    desk.book.going.clear()
    async with asyncio.timeout(20):
        assert await polled(desk, beside=True) == []
    desk.book.going.set()
    assert await polled(desk) == [], "what it took is not sent again"


async def test_a_poll_whose_client_is_gone_claims_nothing(desk: Desk) -> None:
    desk.book.put("a")
    assert await polled(desk, here=False) == []
    assert desk.book.sent == {}


async def test_a_poll_answers_though_the_ledger_is_away(desk: Desk) -> None:
    desk.book.put("a")
    desk.book.faults = [LedgerAway("tried")]
    assert await polled(desk) == []
    assert await polled(desk) == ["a"]


async def test_a_poll_takes_over_from_a_stream_and_a_stream_from_a_poll(desk: Desk) -> None:
    subscription, reader = desk.listener()
    await subscription.turn()
    desk.book.put("a")
    assert await polled(desk) == ["a"]
    await subscription.turn()
    assert (subscription.superseded, reader.ids) == (True, [])
    later, after = desk.listener()
    desk.book.put("b")
    await later.turn()
    assert after.ids == ["b"]


async def test_an_older_poll_that_waits_gets_nothing_once_a_newer_one_is_there(desk: Desk) -> None:
    async with orders_of_poll(desk.dialling, TENANT, SWITCH, lambda: True) as older:
        assert older is not None
        assert await polled(desk) == []
        desk.book.put("a")
        assert await older.taken(beside=False) == []
    assert await polled(desk) == ["a"]


async def test_a_switch_that_did_not_declare_it_has_no_orders_in_its_poll() -> None:
    desk = Desk()
    await desk.declare(outbound=None)
    desk.book.put("a")
    async with orders_of_poll(desk.dialling, TENANT, SWITCH, lambda: True) as orders:
        assert orders is None
    assert desk.book.asked == []
