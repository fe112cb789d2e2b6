"""The file of hours, delays, deadlines and rates: read whole, or every mistake is shown where it stands."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from campaigns.core.calling_hours import Window
from campaigns.profile import SHIPPED, clock_ms, compile_hours, read_hours
from schemas.profile import MISTAKES_MAX, ProfileMistakes
from tests.campaigns.shipped import HOUR_MS, MINUTE_MS, rules

TEXT = SHIPPED.read_text("utf-8")


def mistakes(written: str, instead: str) -> list[str]:
    """What is said of the shipped file with one thing changed."""
    assert TEXT.count(written) == 1, written
    with pytest.raises(ProfileMistakes) as caught:
        read_hours(TEXT.replace(written, instead), "h.toml")
    return str(caught.value).splitlines()


def line_of(written: str) -> int:
    return TEXT[: TEXT.index(written)].count("\n") + 1


def test_the_shipped_rules() -> None:
    shipped = rules()
    assert shipped.profiles == ("power-95598", "gov-12345", "cable-tv", "mobile-10086")
    assert shipped.zone == "Asia/Shanghai"
    assert (shipped.ring_timeout_floor_ms, shipped.ring_timeout_max_ms) == (30_000, 120_000)
    assert shipped.hours.rest == (Window(clock_ms("07:30"), clock_ms("12:30")), Window(14 * HOUR_MS, 21 * HOUR_MS))
    assert (shipped.hours.set_up_ms, shipped.hours.agreed_ms) == (10_000, 15 * MINUTE_MS)
    assert shipped.hours.agreed_time_prevails == {"callback"}
    assert not shipped.hours.sms_in_quiet_hours
    assert shipped.deadlines == (21 * HOUR_MS, 1, 3, 10, HOUR_MS)


def test_the_delays_between_attempts() -> None:
    minutes = {name: ms / MINUTE_MS for name, ms in rules().retry_ms["billing"].items()}
    assert minutes == {
        "answeredIncomplete": 15,
        "noAnswer": 60,
        "busy": 30,
        "poweredOff": 120,
        "congestion": 5,
        "failedOther": 15,
        "machine": 120,
        "noAgent": 15,
    }
    assert rules().retry_ms.keys() == {"billing", "arrears", "outage", "callback", "follow-up", "reminder"}


def test_a_kind_may_have_delays_of_its_own() -> None:
    changed = TEXT.replace("[kinds.outage]\n", "[kinds.outage]\nretry_min = { busy = 5 }\n")
    compiled = compile_hours(read_hours(changed, "h.toml"), rules().hours.calendar)
    assert compiled.retry_ms["outage"]["busy"] == 5 * MINUTE_MS
    assert compiled.retry_ms["outage"]["noAnswer"] == 60 * MINUTE_MS
    assert compiled.retry_ms["billing"] == rules().retry_ms["billing"]


def test_rates_are_decimals_in_order_of_time() -> None:
    rates = rules().penalties
    assert [(rate.customer_class, rate.first.year) for rate in rates] == [
        ("resident", 1996),
        ("organisation", 1996),
        ("resident", 2024),
        ("organisation", 2024),
    ]
    assert (rates[3].this_year, rates[3].earlier_years) == (Decimal("0.002"), Decimal("0.003"))
    assert all(rate.source for rate in rates)


def test_the_order_of_the_rows_is_nothing() -> None:
    head, *rows = TEXT.split("[[penalty]]")
    turned = "[[penalty]]".join([head, *reversed([row + "\n" for row in rows])])
    compiled = compile_hours(read_hours(turned, "h.toml"), rules().hours.calendar)
    assert sorted(compiled.penalties) == sorted(rules().penalties)
    assert [rate.first for rate in compiled.penalties] == [rate.first for rate in rules().penalties]
    assert replace(compiled, penalties=()) == replace(rules(), penalties=())


@pytest.mark.parametrize(
    ("written", "instead", "field", "said"),
    [
        ('"14:00-21:00"', '"14:00-25:00"', "rest.windows[1]", "String should match pattern"),
        ('"14:00-21:00"', '"21:00-14:00"', "rest.windows", "A window ends after it begins"),
        ('"14:00-21:00"', '"14:00-14:00"', "rest.windows", "A window ends after it begins"),
        ('"14:00-21:00"', '"12:29-21:00"', "rest.windows", "in order of time and do not overlap"),
        ('["07:30-12:30", "14:00-21:00"]', "[]", "rest.windows", "at least 1 item"),
        ("sms_in_quiet_hours = false", 'sms_in_quiet_hours = "no"', "rest.sms_in_quiet_hours", "valid boolean"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Shangai"', "zone", "No time zone is called Asia/Shangai"),
        ("timeout_max_s = 120", "timeout_max_s = 29", "ring.timeout_max_s", "Less than `timeout_floor_s`"),
        ("set_up_s = 10", "set_up_s = 10.5", "ring.set_up_s", "valid integer"),
        (
            'prevails = ["callback"]',
            'prevails = ["arrears"]',
            "agreed_time.prevails",
            "No time is agreed on for arrears",
        ),
        ('prevails = ["callback"]', 'prevails = ["sales"]', "agreed_time.prevails[0]", "Input should be 'billing'"),
        ("fallback_working_days = 3", "fallback_working_days = 0", "deadlines.fallback_working_days", "equal to 1"),
        ('time = "21:00"', 'time = "9 pm"', "deadlines.time", "String should match pattern"),
        ("[kinds.billing]\n", "", "kinds", "Nothing is said of billing"),
        ("[kinds.billing]\n", "[kinds.sales]\n", "kinds.sales", "Input should be 'billing'"),
        ("busy = 30", "", "retry_min", "Nothing is said of busy"),
        ("busy = 30", "busy = 0", "retry_min.busy", "greater than or equal to 1"),
        ("busy = 30", "bizzy = 30", "retry_min.bizzy", "Input should be 'answeredIncomplete'"),
        ("version = 1", "version = 1\ncolour = 3", "colour", "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_names_file_line_and_field(written: str, instead: str, field: str, said: str) -> None:
    found = [one for one in mistakes(written, instead) if said in one]
    assert [re.sub(r":\d+:", "", one, count=1).split(": ")[0] for one in found] == [f"h.toml {field}"]


def test_the_line_is_that_of_the_field() -> None:
    assert mistakes("busy = 30", "busy = 0")[0].startswith(f"h.toml:{line_of('busy = 30')}: retry_min.busy: ")
    assert mistakes('time = "21:00"', "time = 3")[0].startswith(f"h.toml:{line_of('time = ')}: deadlines.time: ")


RATES = TEXT[TEXT.rindex("[[penalty]]") :]


@pytest.mark.parametrize(
    ("written", "instead", "field", "said"),
    [
        ('"0.002"', "0.002", "penalty[3].this_year", "Wants a rate from 0 to below 1"),
        ('"0.002"', '"2"', "penalty[3].this_year", "Wants a rate from 0 to below 1"),
        ('"0.002"', '"0.0000000001"', "penalty[3].this_year", "at most 9 decimals"),
        ("from = 2024-06-01", "from = 2024-06-01\nuntil = 2024-05-31", "penalty[3].until", "It ends before it begins"),
        ("from = 2024-06-01", "from = 2024-05-31", "penalty[3].from", "Another rate of organisation holds"),
        ('"organisation"', '"resident"', "penalty[3].from", "Another rate of resident holds"),
        ('"organisation"', '"government"', "penalty[3].class", "Input should be 'resident'"),
        ("source = ", "minimum = 1\nsource = ", "penalty[3].minimum", "Wants an amount with at most 2 decimals"),
        ("source = ", "minimum = '1.005'\nsource = ", "penalty[3].minimum", "Wants an amount"),
        ("source = ", "sauce = ", "penalty[3].source", "Field required"),
    ],
)
def test_a_mistake_in_a_rate(written: str, instead: str, field: str, said: str) -> None:
    assert RATES.count(written) == 1
    with pytest.raises(ProfileMistakes) as caught:
        read_hours(TEXT.removesuffix(RATES) + RATES.replace(written, instead), "h.toml")
    assert [one for one in str(caught.value).splitlines() if f" {field}: " in one and said in one]


def test_adjoining_rates_do_not_overlap() -> None:
    assert "until = 2024-05-31" in TEXT
    assert "from = 2024-06-01" in TEXT
    read_hours(TEXT, "h.toml")


def test_limits_that_are_equal_and_a_rate_of_one_day_are_no_mistakes() -> None:
    read_hours(TEXT.replace("timeout_max_s = 120", "timeout_max_s = 30"), "h.toml")
    read_hours(TEXT.replace("fallback_working_days = 3", "fallback_working_days = 1"), "h.toml")
    read_hours(
        TEXT.removesuffix(RATES) + RATES.replace("from = 2024-06-01", "from = 2024-06-01\nuntil = 2024-06-01"), "h.toml"
    )


def test_a_rate_that_stands_after_a_later_one_overlaps_on_a_single_day() -> None:
    """The last row ends on the day on which another one begins."""
    row = RATES.replace("2024-06-01", "1990-01-01\nuntil = 1996-10-07")
    read_hours(TEXT + row, "h.toml")
    with pytest.raises(ProfileMistakes, match="Another rate of organisation holds"):
        read_hours(TEXT + row.replace("1996-10-07", "1996-10-08"), "h.toml")


def test_no_more_mistakes_are_shown_than_can_be_read() -> None:
    with pytest.raises(ProfileMistakes) as caught:
        read_hours("\n".join(f"x{number} = 1" for number in range(100)), "h.toml")
    assert len(caught.value.mistakes) == MISTAKES_MAX


@pytest.mark.parametrize("text", ["[rest", "a = " + "[" * 3000])
def test_what_is_no_toml_is_said(text: str) -> None:
    with pytest.raises(ProfileMistakes, match="the file: "):
        read_hours(text, "h.toml")
