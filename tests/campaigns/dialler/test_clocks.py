"""Clocks that part by more than a second freeze dialling until two later looks agree."""

import pytest

from campaigns.dialler.clocks import ClockGuard, Reading

WALL = 1_772_000_000_000


def looked(*looks: tuple[float, float, float]) -> list[bool]:
    """(monotonic, time of day, ledger) of each look; whether the clocks are believed after it."""
    guard = ClockGuard()
    believed = []
    for monotonic_ms, wall_ms, ledger_ms in looks:
        now = Reading(monotonic_ms, wall_ms)
        guard.look(now, ledger_ms, now)
        believed.append(guard.steady)
    return believed


def test_clocks_that_agree_are_believed_from_the_first_look() -> None:
    assert looked((0, WALL, WALL + 900), (5_000, WALL + 5_000, WALL + 4_100)) == [True, True]


@pytest.mark.parametrize("by_ms", [1_001, -1_001, 86_400_000])
def test_a_step_of_the_time_of_day_freezes_until_two_looks_agree(by_ms: int) -> None:
    """The ledger's clock was set with it: only the monotonic clock knows."""
    later = [(at_ms, WALL + at_ms + by_ms, WALL + at_ms + by_ms) for at_ms in (1_000, 2_000, 3_000)]
    assert looked((0, WALL, WALL), *later) == [True, False, False, True]


@pytest.mark.parametrize("by_ms", [1_001, -1_001])
def test_a_ledger_that_is_apart_freezes_as_long_as_it_is(by_ms: int) -> None:
    apart = [(at_ms, WALL + at_ms, WALL + at_ms + by_ms) for at_ms in range(0, 60_000, 10_000)]
    together = [(at_ms, WALL + at_ms, WALL + at_ms) for at_ms in (60_000, 70_000)]
    assert looked(*apart, *together) == [*[False] * 6, False, True]


def test_slow_drift_is_no_step() -> None:
    drift = [(at_ms, WALL + at_ms * 1.0005, WALL + at_ms * 1.0005) for at_ms in range(0, 100_000_000, 1_000_000)]
    assert all(looked(*drift))


def test_a_question_that_took_long_is_no_step() -> None:
    """The ledger's answer lies between the times before and after."""
    guard = ClockGuard()
    guard.look(Reading(0, WALL), WALL + 2_500, Reading(3_000, WALL + 3_000))
    assert guard.steady


@pytest.mark.parametrize("by_ms", [1_001, -1_001, 7_200_000])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_step_while_the_ledger_is_asked_freezes_at_the_first_look_too(by_ms: int, *, earlier: bool) -> None:
    """However wide the times before and after are apart then, the ledger's lies between them."""
    guard = ClockGuard()
    if earlier:
        guard.look(Reading(-5_000, WALL - 5_000), WALL - 5_000, Reading(-5_000, WALL - 5_000))
    guard.look(Reading(0, WALL), WALL + min(by_ms, 0), Reading(100, WALL + 100 + by_ms))
    assert not guard.steady
