"""What `ringback run` says of a clock that is not the machine's."""

from cti.cli.run import clock_hint

NOW_MS = 1_772_589_600_000.0
HOUR_MS = 3_600_000


def test_of_the_real_time_nothing_is_said() -> None:
    assert clock_hint(NOW_MS + 1_500, NOW_MS, "sqlite:///ringback.db") == []


def test_a_clock_that_is_ahead_is_told_with_the_database_and_what_helps() -> None:
    """A database of an earlier run with --speed, used again: else nobody would know why a switch is not commanded."""
    told = " ".join(clock_hint(NOW_MS + 5 * HOUR_MS, NOW_MS, "sqlite:///ringback.db"))
    assert "gets no commands" in told
    assert "sqlite:///ringback.db" in told
    assert "RINGBACK_DB" in told


def test_a_clock_that_was_set_back_is_told_too() -> None:
    assert clock_hint(NOW_MS - HOUR_MS, NOW_MS, "sqlite:///ringback.db")
