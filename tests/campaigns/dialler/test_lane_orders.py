"""The orders of a lane as a turn reads them: nothing is missed, whatever of it was read before."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from campaigns.dialler import lane_orders
from campaigns.dialler.lane_orders import LaneOrders
from campaigns.ledger.lanes import Lane
from cti.dial.ports import DialOrders
from cti.dial.rows import Ability, OrderResult, OrderState
from tests.campaigns.dialler.known import fact, record
from tests.campaigns.dialler.made import database_of
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch, put

LANE = Lane(TENANT, "s1", "main")
ACCEPTED = OrderResult(TENANT, "d2", "accepted", None, None, None, None, None, None, 0)


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


def dial_of(it: Scene) -> DialOrders:
    assert it.store.dial is not None
    return it.store.dial


@pytest.mark.parametrize("page", [1, 2, 1_000])
async def test_every_reading_finds_what_a_reading_of_all_finds(
    it: Scene, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_orders, "ORDERS_PAGE", page)
    monkeypatch.setattr(lane_orders, "STANDINGS_PAGE", page)
    switch = await DiallingSwitch.declared(it, {})
    it.running = False
    assert it.store.dial is not None
    epoch = await it.store.dial.subscribe(TENANT, "s1")
    orders = LaneOrders(dial_of(it), LANE)

    async def read() -> list[OrderState]:
        found = await orders.read()
        assert found == await dial_of(it).read_orders(*LANE, 0, 100)
        return found

    assert await read() == []
    for id_ in ("d1", "d2", "d3"):
        await put(it, switch, id_, to="+8613800000001")
    first = await read()
    assert [one.order.id for one in first] == ["d1", "d2", "d3"]
    await it.store.dial.claim(TENANT, "s1", epoch, Ability("/switches/s1", {"main": 2.0}), 10)
    await put(it, switch, "d4", to="+8613800000001")
    second = await read()
    assert [one.state for one in second] == ["sent", "sent", "open", "open"]
    assert second[2] is first[2], "nothing of it has changed"
    await it.store.dial.set_result(ACCEPTED._replace(at_ms=round(it.clock.now_ms())))
    await settle(it, second[0])
    third = await read()
    assert [(one.order.id, one.result) for one in third] == [("d2", "accepted"), ("d3", None), ("d4", None)]
    assert (third[1], third[2]) == (second[2], second[3])
    assert await read() == third


async def settle(it: Scene, order: OrderState) -> None:
    writer = database_of(it).writer("campaigns")
    assert await writer.run(lambda connection, asked: [dial_of(it).settle(connection, asked)], order) == {
        order.order.id
    }


async def test_facts_of_settled_orders_that_are_not_read_yet_are_left_for_the_next_turns(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch that sends what it kept during an outage: a fact of many orders that were settled long ago."""
    monkeypatch.setattr(lane_orders, "LATE_MAX", 2)
    switch = await DiallingSwitch.declared(it, {})
    for id_ in ("d1", "d2", "d3"):
        await put(it, switch, id_, to="+8613800000001")
    orders = LaneOrders(dial_of(it), LANE)
    facts = [fact(record(q850=17), ended_s=30)._replace(commandid=id_) for id_ in ("d3", "d2", "d1", "nobody's")]
    late, taken = await orders.late([], facts)
    assert (sorted(late), [one.commandid for one in taken]) == (["d1", "d2"], ["d2", "d1"])
    late, taken = await orders.late([], [one for one in facts if one not in taken])
    assert (sorted(late), [one.commandid for one in taken]) == (["d3"], ["d3", "nobody's"])
