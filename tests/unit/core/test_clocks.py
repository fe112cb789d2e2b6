"""When a switch's clock may be believed (contract, Time): lag is the least delay of 30 s, within [-0.5 s, +2 s]."""

import pytest

from cti.core.clocks import SourceClock

T = 1_772_413_200_000


def heard(*lags_ms: int, every_ms: int = 1_000, call_events: bool = False) -> SourceClock:
    clock = SourceClock()
    for n, lag in enumerate(lags_ms):
        clock.observe(T + n * every_ms, T + n * every_ms - lag, call_events)
    return clock


def test_before_anything_was_heard_there_is_no_time_and_no_trust() -> None:
    clock = SourceClock()
    assert clock.now_ms(T) is None
    assert not clock.trusted(T)


def test_the_switch_clock_is_partition_time_minus_lag() -> None:
    assert heard(300).now_ms(T + 10_000.5) == T + 9_700.5
    assert heard(-200).now_ms(T) == T + 200


def test_the_least_delay_counts_because_delay_only_adds() -> None:
    assert heard(900, 120, 1_500).lag_ms == 120


def test_the_window_forgets_after_30_s_and_then_the_next_least_counts() -> None:
    clock = heard(100, 400)
    clock.observe(T + 30_999, T + 30_999 - 700, False)
    assert clock.lag_ms == 100
    clock.observe(T + 31_000, T + 31_000 - 700, False)
    assert clock.lag_ms == 400


def test_a_silent_source_keeps_its_last_lag() -> None:
    clock = heard(250)
    assert clock.lag_ms == 250
    assert clock.now_ms(T + 3_600_000) == T + 3_600_000 - 250


@pytest.mark.parametrize(("lag", "trusted"), [(-501, False), (-500, True), (0, True), (2_000, True), (2_001, False)])
def test_the_edges_of_trust(lag: int, trusted: bool) -> None:
    assert heard(lag).trusted(T) is trusted


def test_a_call_event_that_lagged_stops_trust_for_5_s() -> None:
    clock = heard(50, 50)
    clock.observe(T + 2_000, T - 1_000, True)
    assert not clock.trusted(T + 2_000)
    assert not clock.trusted(T + 7_000)
    assert clock.trusted(T + 7_001)


def test_a_late_heartbeat_does_not() -> None:
    clock = heard(50, 50)
    clock.observe(T + 2_000, T - 60_000, False)
    assert clock.trusted(T + 2_000)


def test_a_later_straggler_starts_the_5_s_again() -> None:
    clock = heard(50)
    clock.observe(T + 1_000, T - 5_000, True)
    clock.observe(T + 4_000, T - 5_000, True)
    assert not clock.trusted(T + 8_000)


def test_append_times_of_two_partitions_may_interleave() -> None:
    clock = SourceClock()
    clock.observe(T + 5_000, T + 4_900, False)
    clock.observe(T + 3_000, T + 2_950, False)
    assert clock.lag_ms == 50


# -- stamps far ahead --------------------------------------------------------------------------------------------------

TWO_HOURS = 7_200_000


def test_one_stamp_far_ahead_moves_no_clock() -> None:
    clock = heard(300, 300, -TWO_HOURS, call_events=True)
    assert (clock.lag_ms, clock.now_ms(T + 2_000)) == (300, T + 1_700)
    assert clock.trusted(T + 2_000)


@pytest.mark.parametrize(("lags", "moves"), [
    ((-TWO_HOURS,) * 2, False),
    ((-TWO_HOURS,) * 3, True),
    ((-TWO_HOURS, 0, -TWO_HOURS, 0, -TWO_HOURS), True),
    ((-TWO_HOURS, 0, 0, -TWO_HOURS, 0, -TWO_HOURS), False),
])  # fmt: skip
def test_three_of_the_last_five_are_believed(lags: tuple[int, ...], moves: bool) -> None:
    clock = heard(0, 0, *lags)
    assert (clock.lag_ms == -TWO_HOURS) is moves
    assert clock.trusted(T) is not moves, "a clock so far ahead gets no interventions"


@pytest.mark.parametrize(("lag", "moves"), [(-2_000, True), (-2_001, False)])
def test_the_edge_of_far_ahead(lag: int, moves: bool) -> None:
    assert (heard(100, lag).lag_ms == lag) is moves


def test_a_first_stamp_far_ahead_is_no_clock_yet() -> None:
    assert heard(-TWO_HOURS).now_ms(T) is None


def test_a_clock_that_was_set_right_again_is_believed_30_s_later() -> None:
    clock = heard(*(-TWO_HOURS,) * 3, *(100,) * 33)
    assert clock.lag_ms == 100
