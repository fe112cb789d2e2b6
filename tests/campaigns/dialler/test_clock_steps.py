"""Clocks that are set while lanes are turned: nobody is called at a time that may be wrong."""

from pathlib import Path
from typing import Any

import pytest

from campaigns.dialler.lane_orders import LaneOrders
from tests.campaigns.dialler.made import campaign, contact, contact_of, context_of, put
from tests.campaigns.shipped import HOUR_MS
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, scene
from tests.simulation.dialling_switch import DiallingSwitch

ONE = "+8613800000001"


async def test_a_clock_that_was_set_freezes_dialling_until_two_looks_agree(tmp_path: Path) -> None:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as it:
        switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
        await switch.to(10)
        it.wall_clock.set_to(it.clock.now_ms() + 5_000)
        of = campaign("c000000000000002")
        await put(it, of, [contact(of, 1, ONE)])
        await switch.to(20)
        assert switch.received == []
        it.wall_clock.set_to(it.clock.now_ms())
        await switch.to(30)
        assert [one.number for one in switch.received] == [ONE]


@pytest.mark.parametrize("by_h", [2, -2])
async def test_a_clock_that_is_set_within_a_turn_moves_nobody_into_the_hours(
    by_h: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """06:30 or 13:00 in Shanghai: it is set after the turn has judged its clocks."""
    start_ms = START_MS + round((-2.5 if by_h > 0 else 4) * HOUR_MS)
    async with scene(ready_sqlite(tmp_path / "ringback.db"), start_ms=start_ms) as it:
        switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
        now_s = it.now_s
        await switch.to(now_s + 5)
        of = campaign(received_at_ms=start_ms, made_at_ms=start_ms, started_at_ms=start_ms)
        await put(it, of, [contact(of, 1, ONE)])
        await switch.to(now_s + 30)  # whoever takes over a lane calls nobody at first
        read, looked = LaneOrders.read, 0

        async def after_it_was_set(self: LaneOrders) -> Any:
            nonlocal looked
            looked += 1
            if looked == 1:
                it.wall_clock.set_to(it.wall_clock.wall_ms() + by_h * HOUR_MS)
            return await read(self)

        monkeypatch.setattr(LaneOrders, "read", after_it_was_set)
        context_of(it).woken.set()
        await switch.to(now_s + 90)
        assert looked > 1
        assert switch.received == []


async def test_by_a_clock_that_is_ahead_no_deadline_passes(tmp_path: Path) -> None:
    """What a turn notes on clocks that are not believed goes by the earlier of them."""
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as it:
        switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
        await switch.to(10)
        it.wall_clock.set_to(it.clock.now_ms() + 3 * HOUR_MS)
        by_ms = START_MS + 2 * HOUR_MS
        of = campaign(fallback_by_ms=by_ms, expires_at_ms=by_ms)
        row = contact(of, 1, ONE)
        await put(it, of, [row._replace(fallback_by_ms=by_ms, expires_at_ms=by_ms, deadline_at_ms=by_ms)])
        await switch.to(20)
        assert (await contact_of(it, row.id)).state == "waiting"
        it.wall_clock.set_to(it.clock.now_ms())
        await switch.to(30)
        assert [one.number for one in switch.received] == [ONE]
