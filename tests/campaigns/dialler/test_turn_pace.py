"""How evenly a lane dials: claims at their own instants, and turns that take a while, on the virtual clock."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from campaigns.dialler.loop import Dialler
from campaigns.dialler.next_look import ORDERS_A_TURN, ORDERS_AT_FIRST
from campaigns.dialler.turn import BEYOND_ROOM
from campaigns.ledger.people import account_key
from cti.dial.rows import Ability
from tests.campaigns.dialler.made import CAMPAIGN, attempts_of, campaign, contact, count_calls, put
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

TURN_MS, STEP_MS = 300, 10


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


def dialler_of(it: Scene) -> Dialler:
    return next(task for one in it.hosted for task in one.opened.tasks if isinstance(task, Dialler))


async def opened(it: Scene, contacts: int, *, lane: int, **more: Any) -> Dialler:
    """The dialler owns its lane long enough to dial; then a campaign is there, and it stands still."""
    switch = await DiallingSwitch.declared(it, {})
    status, answer = await it.call("PUT", "/v1/switches/s1", {
        "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
        "trunk_groups": {"main": {"calls_per_second": lane, "calls_at_once": 1_000}},
    })  # fmt: skip
    assert status == 200, answer
    early = campaign("c000000000000009")
    await put(it, early, [contact(early, 1, "+8613900000001")])
    await switch.to(9)
    it.running = False
    of = campaign(**{"calls_at_once": 1_000, **more})
    await put(it, of, [contact(of, no, f"+86138{no:08}") for no in range(1, contacts + 1)])
    return dialler_of(it)


async def sent(it: Scene, dialler: Dialler, *, lane: int, seconds: int, claim_ms: int) -> list[int]:
    """When each call was claimed. A turn takes `TURN_MS`; a claim comes every `claim_ms`."""
    dial, began_ms, times = it.store.dial, it.clock.now_ms(), list[int]()
    assert dial is not None
    epoch = await dial.subscribe(TENANT, "s1")
    for after_ms in range(0, seconds * 1_000, STEP_MS):
        it.clock.move_to(began_ms + after_ms)
        if after_ms % claim_ms == 0:
            claim = await dial.claim(TENANT, "s1", epoch, Ability("/switches/s1", {"main": float(lane)}), 1_000)
            times += [one.sent_at_ms for one in claim.orders]
        if after_ms % TURN_MS == 0 and (dialler.next_ms() <= it.clock.now_ms() or after_ms == 0):
            await dialler.step()
    return times


def greatest(times: Sequence[int]) -> int:
    """In a sliding second."""
    return max(sum(1 for other in times if first <= other < first + 1_000) for first in times)


def a_second(times: Sequence[int], seconds: int) -> float:
    """On average, after the first second."""
    from_ms = times[0] + 1_000
    return sum(from_ms <= one < from_ms + 1_000 * seconds for one in times) / seconds


async def test_a_lane_dials_as_fast_as_it_may_though_a_turn_takes_its_time(it: Scene) -> None:
    dialler = await opened(it, 400, lane=40, calls_per_second=40)
    times = await sent(it, dialler, lane=40, seconds=9, claim_ms=20)
    assert greatest(times) <= 40
    assert a_second(times, 7) >= 39


@pytest.mark.parametrize("claim_ms", [10, 400])
async def test_a_campaign_that_may_send_less_than_its_lane_never_sends_more(it: Scene, claim_ms: int) -> None:
    """However its orders wait for the claim."""
    dialler = await opened(it, 150, lane=60, calls_per_second=20)
    times = await sent(it, dialler, lane=60, seconds=6, claim_ms=claim_ms)
    assert greatest(times) <= 20
    assert a_second(times, 4) >= (15 if claim_ms == 10 else 12)


async def made(it: Scene, contacts: int) -> int:
    return sum([len(await attempts_of(it, f"{CAMPAIGN}-{no}")) for no in range(1, contacts + 1)])


async def test_the_first_turn_is_small_and_those_that_follow_come_at_once(it: Scene) -> None:
    dialler = await opened(it, 80, lane=65, calls_per_second=65)
    counts = list[int]()
    for _ in range(3):
        await dialler.step()
        counts.append(await made(it, 80))
    assert counts == [ORDERS_AT_FIRST, ORDERS_AT_FIRST + ORDERS_A_TURN, 65]
    assert dialler.next_ms() > it.clock.now_ms(), "no room is left"


async def test_contacts_that_must_wait_do_not_hold_up_those_behind_them(it: Scene) -> None:
    """More than a turn looks at."""
    many = ORDERS_AT_FIRST + BEYOND_ROOM + 5
    await count_calls(it, [(TENANT, account_key(f"A{no}"), "2026-03-02", 3) for no in range(1, many + 1)])
    dialler = await opened(it, many + 1, lane=65, calls_per_second=65)
    for _ in range(2):
        assert dialler.next_ms() <= it.clock.now_ms() or not await made(it, many + 1)
        await dialler.step()
    assert len(await attempts_of(it, f"{CAMPAIGN}-{many + 1}")) == 1
