"""There is a country to call at any time of any day, and its quiet hours are told apart to the millisecond."""

from datetime import UTC, datetime

import pytest

from campaigns.imports.numbers import Number, normalised
from tests.campaigns.open_now import COUNTRIES, DAY_MS, HOUR_MS, left_ms, open_country, quiet

QUARTER_MS = HOUR_MS // 4
YEAR_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("month", range(12))
def test_somewhere_the_hours_stay_open_for_an_hour_and_a_half_at_any_time(month: int) -> None:
    begun_ms = YEAR_MS + month * 30 * DAY_MS
    for at_ms in range(begun_ms, begun_ms + DAY_MS, QUARTER_MS):
        found = open_country(at_ms, 1_000_000)
        assert left_ms(found.zone, at_ms) >= 6 * QUARTER_MS, datetime.fromtimestamp(at_ms / 1000, UTC)
        assert not quiet(found.zone, at_ms)


@pytest.mark.parametrize(
    ("local", "is_quiet"),
    [("07:29:59.999", True), ("07:30:00", False), ("12:29:59.999", False), ("12:30:00", True), ("13:59:59.999", True),
     ("14:00:00", False), ("20:59:59.999", False), ("21:00:00", True), ("00:00:00", True)],
)  # fmt: skip
def test_quiet_hours_begin_and_end_at_their_millisecond(local: str, is_quiet: bool) -> None:
    at_ms = datetime.fromisoformat(f"2026-03-04T{local}+08:00").timestamp() * 1000
    assert quiet("Asia/Hong_Kong", round(at_ms)) is is_quiet


def test_a_country_has_the_numbers_that_it_promises() -> None:
    for country in COUNTRIES:
        last = 10**country.digits - 1
        assert country.number(0) == country.prefix + "0" * country.digits
        assert country.number(last) == country.prefix + "9" * country.digits
        some = {country.number(at) for at in (*range(0, last, last // 99), last)}
        assert all(isinstance(normalised(one), Number) for one in some), country
    with pytest.raises(AssertionError):
        COUNTRIES[0].number(1_000_000)
