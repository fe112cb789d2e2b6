"""Numbers of a country in which it is now a good time to call: real processes have the machine's clock, and a trial
must be able to dial at night. Each country has one time zone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
BY_ALL_RULES = ((8 * HOUR_MS, 12 * HOUR_MS + HOUR_MS // 2), (14 * HOUR_MS, 21 * HOUR_MS))
"""Local times of day that CB-1 and ARR-1 allow."""
BY_CB_1 = ((7 * HOUR_MS + HOUR_MS // 2, 12 * HOUR_MS + HOUR_MS // 2), (14 * HOUR_MS, 21 * HOUR_MS))
"""Written down once more, so that they can judge."""


class Country(NamedTuple):
    """`prefix` and `digits` more make a number that can be assigned."""

    prefix: str
    digits: int
    zone: str

    def number(self, at: int) -> str:
        """The number of this place, from 0."""
        assert 0 <= at < 10**self.digits, at
        return f"{self.prefix}{at:0{self.digits}}"


COUNTRIES = (
    Country("+85261", 6, "Asia/Hong_Kong"),
    Country("+81801", 7, "Asia/Tokyo"),
    Country("+97150", 7, "Asia/Dubai"),
    Country("+48501", 6, "Europe/Warsaw"),
    Country("+59894", 6, "America/Montevideo"),
    Country("+519", 8, "America/Lima"),
    Country("+50688", 6, "America/Costa_Rica"),
    Country("+18082", 6, "Pacific/Honolulu"),
    Country("+6797", 6, "Pacific/Fiji"),
)


def open_country(now_ms: float, numbers: int, countries: Sequence[Country] = COUNTRIES) -> Country:
    """The one with the longest time left until its hours close, of those that have so many numbers."""
    return max((one for one in countries if numbers <= 10**one.digits), key=lambda one: left_ms(one.zone, now_ms))


def left_ms(zone: str, now_ms: float) -> int:
    """How long the zone's hours stay open; 0: they are closed."""
    of_day = day_ms(zone, now_ms)
    return max((closes - of_day for opens, closes in BY_ALL_RULES if opens <= of_day < closes), default=0)


def quiet(zone: str, at_ms: float) -> bool:
    """Whether CB-1 forbids a telephone to ring in the zone at this instant."""
    of_day = day_ms(zone, at_ms)
    return not any(opens <= of_day < closes for opens, closes in BY_CB_1)


def day_ms(zone: str, at_ms: float) -> int:
    """The local time of day."""
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, milliseconds=at_ms % 1000)
    return since // timedelta(milliseconds=1)
