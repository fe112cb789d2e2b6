"""What now is for retention: no step of the clock, over a restart or not, makes it go faster than time does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.retention import DAY_MS, EVERY_MS, STEADY_MS, RetentionTime

START_MS = 1_772_413_200_000.0
HOUR_MS, YEAR_MS = 3_600_000.0, 365.0 * DAY_MS


class Machine:
    """A process that looks every minute."""

    def __init__(self, kept_ms: int | None = None, true_ms: float = START_MS, off_ms: float = 0.0) -> None:
        self.true_ms, self.off_ms = true_ms, off_ms
        self.time = RetentionTime(kept_ms)
        self.found = [self.time.look(true_ms + off_ms, true_ms)]

    def minutes(self, count: int) -> "Machine":
        for _ in range(count):
            self.true_ms += EVERY_MS
            self.found.append(self.time.look(self.true_ms + self.off_ms, self.true_ms))
        return self

    def restarted(self, after_ms: float = 0.0, off_ms: float | None = None) -> "Machine":
        off_ms = self.off_ms if off_ms is None else off_ms
        return Machine(int(self.time.at_ms), self.true_ms + after_ms, off_ms)

    @property
    def at_ms(self) -> list[int]:
        return [look.at_ms for look in self.found if look.at_ms is not None]


def test_on_a_steady_clock_it_is_now() -> None:
    machine = Machine().minutes(100)
    assert machine.at_ms == [int(START_MS + n * EVERY_MS) for n in range(101)]
    assert {look.behind_ms for look in machine.found} == {0}


@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS, 10 * YEAR_MS, -10 * YEAR_MS])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_jump_drops_nothing_before_its_time(off_ms: float, restarts: bool) -> None:
    machine = Machine().minutes(10)
    if restarts:
        machine = machine.restarted(off_ms=off_ms)
    machine.off_ms = off_ms
    machine.minutes(5)
    assert (machine.found[-5].at_ms is None) is not restarts, "nothing is dropped at the look that sees the step"
    assert max(machine.at_ms) <= machine.true_ms
    assert abs(machine.found[-1].behind_ms - off_ms) <= 1
    machine.off_ms = 0.0
    machine.minutes(3)
    assert max(machine.at_ms) <= machine.true_ms
    assert machine.found[-1] == (int(machine.true_ms), 0)


def test_a_clock_that_was_right_is_caught_up_with_after_a_day_without_a_step() -> None:
    """After a stop of two days."""
    machine = Machine().minutes(10).restarted(after_ms=2 * DAY_MS)
    day = int(STEADY_MS // EVERY_MS)
    machine.minutes(day - 1)
    assert machine.found[-1].behind_ms == 2 * DAY_MS
    machine.minutes(day)
    assert machine.found[-1].behind_ms == pytest.approx(DAY_MS, abs=EVERY_MS)
    machine.minutes(day + 2)
    assert machine.found[-1].behind_ms == 0


def test_a_step_begins_the_day_anew() -> None:
    machine = Machine().minutes(10).restarted(after_ms=2 * DAY_MS)
    for _ in range(4):
        machine.minutes(int(STEADY_MS // EVERY_MS) - 10)
        machine.off_ms += 5_000
    assert machine.found[-1].behind_ms >= 2 * DAY_MS


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(-YEAR_MS, YEAR_MS), st.booleans()), max_size=12))
def test_whatever_is_done_to_the_clock_it_is_never_ahead_of_time_and_never_leaps(
    steps: list[tuple[int, float, bool]],
) -> None:
    machine = Machine()
    before_ms = machine.time.at_ms
    for minutes, off_ms, restarts in steps:
        machine = machine.restarted(off_ms=off_ms) if restarts else machine
        machine.off_ms = off_ms
        machine.minutes(minutes)
        assert all(at_ms <= machine.true_ms for at_ms in machine.at_ms)
        assert machine.time.at_ms - before_ms <= 2 * minutes * EVERY_MS + 1
        before_ms = machine.time.at_ms
