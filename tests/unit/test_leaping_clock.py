"""A clock that skips time in which nothing happens, and when `ringback run --skip-waits` lets it."""

import asyncio
from typing import Any

import pytest

from cti.adapters.clock import LeapingClock, ShiftedClock, VirtualClock
from cti.cli.run_skipping import waiting_until_ms
from tests.loop_turn import loop_turn

PATIENCE_S = 10.0  # a test that hangs fails by then; none of them waits for it


async def woken(task: asyncio.Task[None]) -> bool:
    """Whether it ends once everything that can run has run."""
    for _ in range(20):
        await loop_turn()
    return task.done()


async def test_a_leap_wakes_whoever_waits_for_that_time_and_nobody_else() -> None:
    real = VirtualClock(0.0)
    clock = LeapingClock(real, 1_000.0)
    soon = asyncio.create_task(clock.wait(asyncio.Event(), 5_000.0))
    late = asyncio.create_task(clock.wait(asyncio.Event(), 9_000.0))
    assert not await woken(soon)
    clock.leap(4_000.0)
    assert (await woken(soon), await woken(late), clock.now_ms()) == (True, False, 5_000.0)
    real.move_to(4_000.0)
    assert await woken(late), "after a leap it waits for the time that is left"


async def test_an_event_ends_a_wait_before_and_after_a_leap() -> None:
    clock, event = LeapingClock(VirtualClock(0.0), 0.0), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, None))
    clock.leap(1.0)
    assert not await woken(waiting)
    event.set()
    assert await woken(waiting)
    async with asyncio.timeout(PATIENCE_S):
        await clock.wait(event, None)


async def test_a_shifted_clock_waits_by_its_own_time_and_neither_goes_back() -> None:
    real = VirtualClock(10_000.0)
    clock = ShiftedClock(real, -6_000.0)
    waiting = asyncio.create_task(clock.wait(asyncio.Event(), 5_000.0))
    assert (clock.now_ms(), await woken(waiting)) == (4_000.0, False)
    real.move_to(11_000.0)
    assert await woken(waiting)
    with pytest.raises(AssertionError, match="does not go back"):
        LeapingClock(real, 0.0).leap(-1.0)


def campaign(state: str = "running", until: str | None = "2026-03-04T06:00:00Z", **progress: int) -> dict[str, Any]:
    return {"state": state, "progress": progress, "next": {"until": until, "why": "retry_wait"}}


AT_14_MS = 1_772_604_000_000


def test_time_is_skipped_until_the_first_campaign_goes_on() -> None:
    later = campaign(until="2026-03-04T07:00:00Z")
    assert waiting_until_ms([later, campaign(waiting=3), campaign("done"), campaign("draft", None)]) == AT_14_MS


@pytest.mark.parametrize(
    "one",
    [campaign(in_progress=1), campaign(live=1), campaign(unknown=1), campaign(until=None), campaign() | {"next": None}],
)  # fmt: skip
def test_no_time_is_skipped_while_one_is_at_work_or_nobody_knows_for_how_long(one: dict[str, Any]) -> None:
    assert waiting_until_ms([campaign(), one]) is None


def test_without_a_running_campaign_no_time_is_skipped() -> None:
    assert waiting_until_ms([campaign("paused"), campaign("done")]) is None
