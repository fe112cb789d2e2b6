"""Ended calls leave memory when their time has come; one that must stay costs nothing until its next look."""

from typing import Any

from cti.engine.eviction import ENDED_KEPT_MAX, EVICT_AFTER_MS, Eviction
from cti.engine.live_calls import Layers

NEVER = float("inf")


class Ended:
    """An ended call; how often it was asked whether it may leave."""

    ended = True

    def __init__(self, is_open: bool) -> None:
        self.is_open, self.asked = is_open, 0

    @property
    def has_open_commands(self) -> bool:
        self.asked += 1
        return self.is_open


def ended(calls: int, is_open: bool = True) -> tuple[Layers, Eviction, list[Any]]:
    layers, found = Layers(), Eviction()
    lives: list[Any] = [Ended(is_open) for _ in range(calls)]
    layers.base.calls.update(enumerate(lives))
    found.add(range(calls), 0)
    return layers, found, lives


def test_a_call_leaves_when_its_time_has_come_and_not_before() -> None:
    layers, found, _ = ended(1, is_open=False)
    found.evict(layers, EVICT_AFTER_MS - 1)
    assert (list(layers.base.calls), found.next_ms()) == ([0], EVICT_AFTER_MS)
    found.evict(layers, EVICT_AFTER_MS)
    assert (list(layers.base.calls), found.next_ms()) == ([], NEVER)


def test_beyond_the_limit_the_oldest_leave_early() -> None:
    layers, found, _ = ended(ENDED_KEPT_MAX + 3, is_open=False)
    found.evict(layers, 0)
    assert sorted({*range(ENDED_KEPT_MAX + 3)} - layers.base.calls.keys()) == [0, 1, 2]


def test_what_has_an_open_command_is_looked_at_again_after_a_while_and_then_leaves() -> None:
    layers, found, (live,) = ended(1)
    found.evict(layers, EVICT_AFTER_MS)
    for now_ms in range(EVICT_AFTER_MS, 2 * EVICT_AFTER_MS, 100):
        found.evict(layers, now_ms)
    assert (live.asked, found.next_ms()) == (1, 2 * EVICT_AFTER_MS)
    live.is_open = False
    found.evict(layers, 2 * EVICT_AFTER_MS)
    assert not layers.base.calls


def test_beyond_the_limit_what_must_stay_is_not_looked_at_at_every_turn() -> None:
    """It was: a switch that answers no command, at 3,000 calls a second, cost the engine a fifth of its time."""
    layers, found, lives = ended(ENDED_KEPT_MAX + 500)
    for now_ms in range(100):
        found.evict(layers, now_ms)
    assert sum(live.asked for live in lives) == 500


def test_a_clock_that_was_set_moves_what_stays_too() -> None:
    layers, found, (live,) = ended(1)
    found.evict(layers, EVICT_AFTER_MS)
    found.move(-3_600_000)
    assert found.next_ms() == 2 * EVICT_AFTER_MS - 3_600_000
    live.is_open = False
    found.evict(layers, found.next_ms())
    assert not layers.base.calls
