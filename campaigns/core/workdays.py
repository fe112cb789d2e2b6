"""Working days: weekdays that are no holiday, and the weekend days that make up for a holiday.

Holidays are announced year by year. A year that has not been announced yet is provisional: weekdays work, but for the
days off that the law names, and nobody makes up for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

DAYS_WITHOUT_WORK_MAX = 366
"""No calendar has a longer run of days off."""
SATURDAY = 5
ONE_DAY = timedelta(days=1)


class Year(NamedTuple):
    """An announced year: the days off, weekend days among them or not, and the weekend days that are worked."""

    holidays: frozenset[date]
    working_weekends: frozenset[date]


class WorkingDay(NamedTuple):
    """`provisional`: counting to it passed a day of a year that has not been announced."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """`years`: the announced ones. For others `statutory` has the days off by law, where they move with the moon, and
    `every_year` those that do not, as (month, day).
    """

    years: Mapping[int, Year]
    statutory: Mapping[int, frozenset[date]]
    every_year: frozenset[tuple[int, int]]

    def is_working(self, day: date) -> bool:
        weekend = day.weekday() >= SATURDAY
        year = self.years.get(day.year)
        if year is not None:
            return day in year.working_weekends if weekend else day not in year.holidays
        off = day in self.statutory.get(day.year, ()) or (day.month, day.day) in self.every_year
        return not weekend and not off

    def is_provisional(self, day: date) -> bool:
        return day.year not in self.years

    def working_day_after(self, day: date, count: int) -> WorkingDay:
        """The `count`-th working day after `day`, which is day 0 whether it is worked or not."""
        provisional = False
        for _ in range(count * DAYS_WITHOUT_WORK_MAX):
            if count == 0:
                break
            day += ONE_DAY
            provisional = provisional or self.is_provisional(day)
            count -= self.is_working(day)
        assert count == 0, "a calendar without working days"
        return WorkingDay(day, provisional)
