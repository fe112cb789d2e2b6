"""The parts of the day: the third attempt falls in another one than the first two, a rebooked one in the next."""

import pytest

from campaigns.core.calling_hours import next_part_of_day, part_of_day
from campaigns.core.zones import LATEST_MS
from tests.campaigns.shipped import SHANGHAI, URUMQI, asked, hours, ms, text

PARTS = [
    ("00:00", "morning"),
    ("07:30", "morning"),
    ("13:59:59.999", "morning"),
    ("14:00", "afternoon"),
    ("17:59:59.999", "afternoon"),
    ("18:00", "evening"),
    ("23:59:59.999", "evening"),
]


@pytest.mark.parametrize(("time", "part"), PARTS)
def test_the_part_of_the_day_is_that_of_the_local_time(time: str, part: str) -> None:
    assert part_of_day(ms(f"2026-03-04 {time}"), SHANGHAI) == part
    assert part_of_day(ms(f"2026-03-04 {time}", URUMQI), URUMQI) == part


@pytest.mark.parametrize(
    ("after", "begins"),
    [
        ("2026-03-04 10:00:30", "2026-03-04 14:00:00"),
        ("2026-03-04 13:59:59.999", "2026-03-04 14:00:00"),
        ("2026-03-04 14:00", "2026-03-04 18:00:00"),
        ("2026-03-04 17:59:59.999", "2026-03-04 18:00:00"),
        ("2026-03-04 18:00", "2026-03-05 07:30:00"),
        ("2026-03-04 23:00", "2026-03-05 07:30:00"),
        ("2026-03-05 00:00", "2026-03-05 14:00:00"),
    ],
)
def test_the_next_part_begins_when_it_is_open(after: str, begins: str) -> None:
    assert text(next_part_of_day(ms(after), SHANGHAI, hours(), asked())) == begins


def test_a_part_that_is_closed_is_passed_over() -> None:
    mornings = asked(windows=["08:00-11:00"])
    assert text(next_part_of_day(ms("2026-03-04 09:00"), SHANGHAI, hours(), mornings)) == "2026-03-05 08:00:00"
    late = asked(windows=["08:00-11:00", "19:00-20:00"])
    assert text(next_part_of_day(ms("2026-03-04 09:00"), SHANGHAI, hours(), late)) == "2026-03-04 19:00:00"


def test_all_zones_are_open_then_too() -> None:
    question = asked("billing", "resident", URUMQI, SHANGHAI)
    assert text(next_part_of_day(ms("2026-03-04 18:30"), SHANGHAI, hours(), question)) == "2026-03-05 09:30:00"


def test_none_where_there_is_none() -> None:
    at = ms("2026-03-04 10:00")
    assert next_part_of_day(at, SHANGHAI, hours(), asked(windows=["00:00-07:00"])) is None
    assert next_part_of_day(at, "Mars/Olympus", hours(), asked()) is None
    for out_of_range in (-1, LATEST_MS + 1, 10**18):
        assert next_part_of_day(out_of_range, SHANGHAI, hours(), asked()) is None
    assert next_part_of_day(0, SHANGHAI, hours(), asked()) is not None
