"""Moments and lengths of time: every form that files have, and what cannot be read."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cti.replay.durations import seconds_ms
from cti.replay.moments import mistake_in, mistake_in_date, moment
from cti.replay.reasons import Damaged, Rejection

BERLIN = ZoneInfo("Europe/Berlin")
PLAIN = "%Y-%m-%d %H:%M:%S"


def utc(word: str, form: str) -> str:
    return moment(word, form, BERLIN).astimezone(UTC).strftime("%d %H:%M:%S.%f")[:-3]


@pytest.mark.parametrize(
    ("word", "form", "expected"),
    [
        ("2024-03-04 09:00:00", PLAIN, "04 08:00:00.000"),
        ("2024-03-04 09:00:00+0800", f"{PLAIN}%z", "04 01:00:00.000"),
        ("2024-03-04 09:00:00 -05:30", f"{PLAIN} %z", "04 14:30:00.000"),
        ("2024-03-04T09:00:00Z", "%Y-%m-%dT%H:%M:%S%z", "04 09:00:00.000"),
        ("2024-03-04 09:00:00 UTC", f"{PLAIN} %Z", "04 09:00:00.000"),
        ("2024-03-04 09:00:00 Asia/Shanghai", f"{PLAIN} %Z", "04 01:00:00.000"),
        ("1709542800", "%s", "04 09:00:00.000"),
        ("1709542800.25", "unix_s", "04 09:00:00.250"),
        ("1709542800250", "unix_ms", "04 09:00:00.250"),
        ("1709542800250999", "unix_us", "04 09:00:00.250"),
        ("2024-03-04T09:00:00.1234567+01:00", "iso8601", "04 08:00:00.123"),
        ("2024-03-04T09:00:00", "iso8601", "04 08:00:00.000"),
    ],
)
def test_a_zone_that_is_said_is_obeyed_and_the_mapping_says_the_others(word: str, form: str, expected: str) -> None:
    assert utc(word, form) == expected


def test_a_time_before_1970_has_its_fraction_on_the_right_side() -> None:
    assert moment("-0.25", "%s", BERLIN) == datetime(1969, 12, 31, 23, 59, 59, 750_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("2024-03-04 09:00:00 CET", f"{PLAIN} %Z"),
        ("2024-03-04 09:00:00 Europe/Atlantis", f"{PLAIN} %Z"),
        ("2024-03-04 09:00:00", f"{PLAIN}%z"),
        ("17095428oo", "%s"),
        ("1e9", "%s"),
        ("99999999999999999", "%s"),
        ("", "%s"),
        ("yesterday", "iso8601"),
    ],
)
def test_what_cannot_be_read_is_no_moment(word: str, form: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        moment(word, form, BERLIN)


@pytest.mark.parametrize("form", [PLAIN, "%d.%m.%y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%s", "iso8601", f"{PLAIN} %Z"])
def test_a_format_that_can_be_read_is_no_mistake(form: str) -> None:
    assert mistake_in(form, day_elsewhere=False) is None


@pytest.mark.parametrize(
    ("form", "day_elsewhere", "said"),
    [
        ("%Q", False, "can never be read"),
        ("%Y-%m-%d %T", False, "can never be read"),
        ("%Y-%m-%d %H:%M:%", False, "can never be read"),
        ("yyyy-MM-dd HH:mm:ss", False, "does not say the hour"),
        ("%H:%M:%S", False, "does not say year, month and day"),
        ("%d.%m. %H:%M", False, "does not say year, month and day"),
        ("%Y-%m-%d %I:%M:%S", False, "does not say the hour of 24"),
        ("%Z %Y-%m-%d %H:%M", False, "%Z belongs at the end"),
        ("%Y-%m-%d %H:%M%Z", False, "%Z belongs at the end"),
        ("%H:%M:%S%z", True, "says an offset from UTC but no day"),
        ("%M:%S", True, "does not say the hour"),
    ],
)
def test_a_format_that_can_never_be_read_is_a_mistake(form: str, day_elsewhere: bool, said: str) -> None:
    assert said in (mistake_in(form, day_elsewhere) or "")


def test_a_date_column_needs_a_whole_date() -> None:
    assert mistake_in_date("%y%m%d") is None
    assert "year, month and day" in (mistake_in_date("%d.%m.") or "")
    assert "can never be read" in (mistake_in_date("%Q") or "")


@pytest.mark.parametrize("form", ["%Y-%m-%d %Z", "%Z %Y-%m-%d"])
def test_a_date_column_names_no_zone(form: str) -> None:
    assert "a day has no %Z" in (mistake_in_date(form) or "")


@pytest.mark.parametrize(
    ("word", "ms"),
    [
        ("0", 0),
        ("20", 20_000),
        ("20.5", 20_500),
        (".25", 250),
        ("-7", -7_000),
        ("00:01:00", 60_000),
        ("1:02:03.5", 3_723_500),
        ("01:30", 90_000),
        ("90:00", 5_400_000),
        ("100:00:00", 360_000_000),
        ("-00:00:10", -10_000),
    ],
)
def test_a_length_is_seconds_or_a_clock(word: str, ms: int) -> None:
    assert seconds_ms("talk", word) == ms


@pytest.mark.parametrize(
    "word", ["", "many", "NaN", "1e3", "1_000", "1,5", "1:60", "1:60:00", "00:00:61", ":10", "1:2:3:4", "2000000000"]
)
def test_what_is_no_length_is_named_with_its_column(word: str) -> None:
    with pytest.raises(Damaged) as damaged:
        seconds_ms("talk", word)
    assert (damaged.value.reason, damaged.value.detail) == (Rejection.BAD_NUMBER, f"talk: {word!r}")
