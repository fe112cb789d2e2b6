"""The time of day beside the clock that orders: it jumps when somebody sets it, and the other does not."""

import time

import pytest

from cti.adapters.clock import SystemClock, SystemWallClock, VirtualClock, VirtualWallClock
from cti.ports import Clock, WallClock

HOUR_MS = 3_600_000.0


def test_the_machines_wall_clock_follows_each_setting_and_the_other_never_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall: WallClock = SystemWallClock()
    ordering: Clock = SystemClock()
    before_ms, ordered_ms = wall.wall_ms(), ordering.now_ms()
    shown = time.time
    monkeypatch.setattr(time, "time", lambda: shown() - HOUR_MS / 1000)
    assert before_ms - HOUR_MS <= wall.wall_ms() < before_ms
    assert ordering.now_ms() >= ordered_ms


def test_a_virtual_wall_clock_shows_the_scenes_time_until_it_is_set_and_runs_on_from_there() -> None:
    clock = VirtualClock(1_000.0)
    virtual = VirtualWallClock(clock)
    wall: WallClock = virtual
    clock.move_to(3_000.0)
    assert wall.wall_ms() == 3_000.0
    virtual.set_to(500.0)
    clock.move_to(4_000.0)
    assert (wall.wall_ms(), clock.now_ms()) == (1_500.0, 4_000.0)
