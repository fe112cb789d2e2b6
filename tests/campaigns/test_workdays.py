"""Working days, and the deadlines that count them."""

from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest

from campaigns.calendars import YEAR_FILES_MAX, YearFile, announced, read_year, work_calendar, year_files
from campaigns.core.deadlines import NO_DEADLINES, Deadlines, by_working_days, default_deadlines, of_all
from campaigns.core.workdays import WorkCalendar, WorkingDay, Year
from tests.campaigns.shipped import DAY_MS, HOUR_MS, NEW_YORK, SHANGHAI, ms, rules, text

CALENDAR = work_calendar()


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def test_every_day_of_the_announced_years_is_as_the_library_says() -> None:
    every = days(date(2004, 1, 1), date(2026, 12, 31))
    assert [day for day in every if CALENDAR.is_working(day) != chinese_calendar.is_workday(day)] == []
    assert [day for day in every if CALENDAR.is_provisional(day)] == []
    assert announced().keys() == set(range(2004, 2027))


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-02-13", True),  # a Friday
        ("2026-02-14", True),  # a Saturday that makes up
        ("2026-02-15", False),  # a Sunday, the eve of the eve
        ("2026-02-23", False),  # a Monday, the last of the Spring Festival
        ("2026-02-24", True),
        ("2026-02-28", True),  # a Saturday that makes up
        ("2026-03-01", False),
    ],
)
def test_days_around_a_spring_festival(day: str, working: bool) -> None:
    assert CALENDAR.is_working(date.fromisoformat(day)) is working


def test_years_that_nobody_has_announced_have_weekdays_and_the_days_of_the_law() -> None:
    off = [day.isoformat() for day in days(date(2027, 1, 1), date(2027, 12, 31)) if not CALENDAR.is_working(day)]
    weekdays_off = [day for day in off if date.fromisoformat(day).weekday() < 5]
    assert weekdays_off == [
        "2027-01-01", "2027-02-05", "2027-02-08", "2027-04-05", "2027-06-09", "2027-09-15", "2027-10-01",
    ]  # fmt: skip
    assert len(off) == 104 + 7
    assert all(CALENDAR.is_provisional(date.fromisoformat(day)) for day in off)


def test_beyond_the_last_year_of_the_table_the_days_of_every_year_are_known() -> None:
    off = [day for day in days(date(2041, 1, 1), date(2041, 12, 31)) if not CALENDAR.is_working(day)]
    weekdays = [day.isoformat() for day in off if day.weekday() < 5]
    assert weekdays == ["2041-01-01", "2041-05-01", "2041-05-02", "2041-10-01", "2041-10-02", "2041-10-03"]


def test_counting_working_days() -> None:
    calendar = WorkCalendar({2026: Year(frozenset({date(2026, 3, 5)}), frozenset({date(2026, 3, 8)}))}, {}, frozenset())
    wednesday = date(2026, 3, 4)
    counted = [calendar.working_day_after(wednesday, count).day.day for count in range(6)]
    assert counted == [4, 6, 8, 9, 10, 11]
    assert calendar.working_day_after(date(2026, 3, 7), 1) == WorkingDay(date(2026, 3, 8), provisional=False)


def test_a_count_that_reaches_a_year_that_is_not_announced_is_provisional() -> None:
    assert CALENDAR.working_day_after(date(2026, 12, 30), 1) == WorkingDay(date(2026, 12, 31), provisional=False)
    assert CALENDAR.working_day_after(date(2026, 12, 31), 1) == WorkingDay(date(2027, 1, 4), provisional=True)


def test_a_calendar_without_working_days_is_a_broken_invariant() -> None:
    years = {year: frozenset(days(date(year, 1, 1), date(year, 12, 31))) for year in (2027, 2028, 2029)}
    nothing = WorkCalendar({}, years, frozenset())
    with pytest.raises(AssertionError, match="without working days"):
        nothing.working_day_after(date(2027, 1, 1), 1)


def test_a_run_of_365_days_off_is_counted_through_and_no_longer_one() -> None:
    def day_after(off: list[date]) -> date:
        others = frozenset(days(date(2027, 1, 1), date(2028, 12, 31))) - frozenset(off)
        years = dict.fromkeys((2027, 2028), Year(frozenset(off), working_weekends=others))
        return WorkCalendar(years, {}, frozenset()).working_day_after(date(2027, 1, 1), 1).day

    assert day_after(days(date(2027, 1, 2), date(2028, 1, 1))) == date(2028, 1, 2)
    with pytest.raises(AssertionError, match="without working days"):
        day_after(days(date(2027, 1, 2), date(2028, 1, 2)))


# -- deadlines ---------------------------------------------------------------------------------------------------------


def deadlines(received: str, kind: str = "billing", zone: str = SHANGHAI) -> Deadlines:
    return default_deadlines(rules().deadlines, CALENDAR, kind, ms(received), zone)


@pytest.mark.parametrize("kind", ["billing", "arrears"])
@pytest.mark.parametrize("time", ["00:00:00", "20:59:59.999", "21:00:00", "23:59:59.999"])
def test_receipt_is_day_nought_until_midnight(kind: str, time: str) -> None:
    found = deadlines(f"2026-03-04 {time}", kind)
    assert text(found.notice_out_by_ms) == "2026-03-05 21:00:00"
    assert text(found.fallback_by_ms) == "2026-03-09 21:00:00"
    assert text(found.expires_at_ms) == "2026-03-19 21:00:00"
    assert not found.provisional


def test_the_day_is_that_of_the_zone() -> None:
    there = by_working_days(rules().deadlines, CALENDAR, ms("2026-03-06 02:00"), NEW_YORK)  # Thursday afternoon there
    assert text(there.notice_out_by_ms, NEW_YORK) == "2026-03-06 21:00:00"
    assert text(there.expires_at_ms, NEW_YORK) == "2026-03-20 21:00:00"  # summer time has begun


@pytest.mark.parametrize(
    ("received", "provisional"), [("2026-12-28 10:00", False), ("2026-12-29 10:00", True), ("2026-12-31 10:00", True)]
)
def test_deadlines_beyond_the_announced_years_are_provisional(received: str, provisional: bool) -> None:
    assert deadlines(received).provisional is provisional


def test_a_year_file_settles_them() -> None:
    known = YearFile(
        year=2027, source="x", holidays=[date(2027, 1, 1), date(2027, 1, 4)], working_weekends=[date(2027, 1, 2)]
    )
    settled = default_deadlines(rules().deadlines, work_calendar([known]), "billing", ms("2026-12-31 10:00"), SHANGHAI)
    assert (text(settled.notice_out_by_ms), settled.provisional) == ("2027-01-02 21:00:00", False)


def test_an_outage_counts_from_when_the_power_goes_off() -> None:
    imported, starts, restores = ms("2026-03-04 10:00"), ms("2026-03-11 08:00"), ms("2026-03-11 17:00")

    def outage(imported_ms: int) -> Deadlines:
        return default_deadlines(rules().deadlines, CALENDAR, "outage", imported_ms, SHANGHAI, starts, restores)

    assert outage(imported) == Deadlines(starts - HOUR_MS, None, starts, provisional=False)
    assert outage(starts - 1).expires_at_ms == starts
    assert outage(starts).expires_at_ms == restores
    assert outage(starts + DAY_MS).expires_at_ms == restores


@pytest.mark.parametrize("kind", ["callback", "reminder", "outage"])
def test_kinds_without_defaults(kind: str) -> None:
    nothing = deadlines("2026-03-04 10:00", kind)
    assert nothing == Deadlines(None, None, None, provisional=False)
    assert nothing == NO_DEADLINES


def test_of_several_outages_the_first_is_told_of_and_the_last_gives_up() -> None:
    early, late = Deadlines(10, None, 50, provisional=False), Deadlines(20, None, 90, provisional=True)
    assert of_all([late, early]) == Deadlines(10, None, 90, provisional=True)
    assert of_all([early, NO_DEADLINES]) == early
    assert of_all([]) == NO_DEADLINES


# -- year files --------------------------------------------------------------------------------------------------------

GOOD = """\
year = 2027
source = "an announcement"
holidays = [
  2027-01-01,
  2027-01-04,
]
working_weekends = [2027-01-02]
"""


def test_a_year_file_is_read() -> None:
    assert read_year(GOOD, "2027.toml").working_weekends == [date(2027, 1, 2)]


def test_a_year_file_replaces_what_was_known(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD.replace("2027", "2026").replace("2026-01-02", "2026-01-03"), "utf-8")
    calendar = work_calendar(year_files(tmp_path).values())
    assert not calendar.is_working(date(2026, 1, 4))
    assert calendar.is_working(date(2026, 1, 3))
    assert calendar.is_working(date(2026, 10, 1)), "nothing of the library's year is left"
    assert not calendar.is_provisional(date(2026, 10, 1))


def test_a_folder_has_a_bounded_number_of_year_files(tmp_path: Path) -> None:
    for number in range(YEAR_FILES_MAX):
        (tmp_path / f"{number}.toml").write_text(GOOD, "utf-8")
    assert len(year_files(tmp_path)) == YEAR_FILES_MAX
    (tmp_path / "more.toml").write_text(GOOD, "utf-8")
    with pytest.raises(ValueError, match="more than 100 year files"):
        year_files(tmp_path)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("year = 2027", "year = 2028", "y.toml:3: holidays[0]: 2027-01-01 is not in 2028"),
        ("  2027-01-04,", "  2027-01-01,", "y.toml:3: holidays[1]: 2027-01-01 is there twice"),
        ("[2027-01-02]", "[2027-01-05]", "y.toml:7: working_weekends[0]: 2027-01-05 is no Saturday and no Sunday"),
        ("[2027-01-02]", "[2027-01-02, 2027-01-02]", "y.toml:7: working_weekends[1]: 2027-01-02 is there twice"),
        ("2027-01-04", "2027-01-02", "y.toml:7: working_weekends[0]: 2027-01-02 is a holiday too"),
        ("  2027-01-01,\n", "", "y.toml:3: holidays: 2027-01-01 is always a day off"),
        ("[2027-01-02]", '["2027-01-02"]', "y.toml:7: working_weekends[0]: Input should be a valid date"),
        ("source", "sauce", "y.toml:2: sauce: Extra inputs are not permitted"),
        ("[2027-01-02]", "[2027-13-02]", "y.toml:7: the file: "),
    ],
)
def test_a_mistake_names_file_line_and_field(written: str, instead: str, said: str) -> None:
    assert written in GOOD
    with pytest.raises(ValueError, match=r".") as caught:
        read_year(GOOD.replace(written, instead), "y.toml")
    assert said in str(caught.value)
