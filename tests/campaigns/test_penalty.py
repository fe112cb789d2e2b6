"""The late-payment penalty of a day (ARR-1), to the cent."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.penalty import Arrears, NoFormula, Penalty, Rate, penalty_on, total_holds, total_on
from tests.campaigns.shipped import rules

DUE = date(2026, 2, 1)
ROW = Arrears("resident", Decimal("120.00"), penalty_from=DUE, rate_per_day=Decimal("0.001"))
TABLE = rules().penalties


def amount(arrears: Arrears, day: str) -> str:
    found = penalty_on(arrears, date.fromisoformat(day), TABLE)
    assert isinstance(found, Penalty), found
    return str(found.amount)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-01-31", "0.00"),
        ("2026-02-01", "0.12"),
        ("2026-02-02", "0.24"),
        ("2026-03-04", "3.84"),
        ("2027-02-01", "43.92"),
    ],
)
def test_a_rows_own_rate_counts_both_days(day: str, expected: str) -> None:
    assert amount(ROW, day) == expected


def test_before_its_first_day_it_counts_none() -> None:
    assert penalty_on(ROW, DUE - timedelta(days=2)) == Penalty(Decimal("0.00"), 0, ())


@pytest.mark.parametrize(
    ("arrears", "rate", "expected"),
    [
        ("100.00", "0.00005", "0.01"),  # half a cent, up
        ("100.00", "0.000049", "0.00"),
        ("300.00", "0.00005", "0.02"),  # half up, not half even
        ("0.01", "0.001", "0.00"),
        ("123456789.99", "0.003", "370370.37"),
    ],
)
def test_rounded_half_up_to_a_cent(arrears: str, rate: str, expected: str) -> None:
    row = Arrears("resident", Decimal(arrears), penalty_from=DUE, rate_per_day=Decimal(rate))
    assert amount(row, "2026-02-01") == expected


def test_it_is_rounded_after_the_days_not_before() -> None:
    row = Arrears("resident", Decimal("10.40"), penalty_from=DUE, rate_per_day=Decimal("0.001"))
    assert [amount(row, f"2026-02-{day:02}") for day in (1, 10)] == ["0.01", "0.10"]


def test_the_minimum_holds_once_it_is_due() -> None:
    row = replace(ROW, minimum=Decimal("1.00"))
    days = ("2026-01-31", "2026-02-01", "2026-02-08", "2026-02-09")
    assert [amount(row, day) for day in days] == ["0.00", "1.00", "1.00", "1.08"]


def test_a_fixed_penalty_holds_on_its_day_alone() -> None:
    row = Arrears("resident", Decimal("120.00"), penalty=Decimal("3.84"), as_of=date(2026, 3, 4))
    assert penalty_on(row, date(2026, 3, 4)) == Penalty(Decimal("3.84"), 0, ())
    for day in (date(2026, 3, 3), date(2026, 3, 5)):
        assert penalty_on(row, day) == NoFormula("the fixed penalty is that of 2026-03-04")
    without = replace(row, as_of=None)
    assert penalty_on(without, date(2026, 3, 4)) == NoFormula("the fixed penalty is that of no day")


def test_a_row_that_says_nothing_has_no_formula() -> None:
    nothing = Arrears("resident", Decimal("120.00"))
    assert isinstance(penalty_on(nothing, DUE, TABLE), NoFormula)
    assert isinstance(penalty_on(replace(nothing, rate_per_day=Decimal("0.001")), DUE, TABLE), NoFormula)
    assert isinstance(penalty_on(replace(nothing, penalty_from=DUE), DUE), NoFormula)


# -- the operator's table ----------------------------------------------------------------------------------------------


def by_table(customer_class: str, first: str, day: str, minimum: str | None = None) -> str:
    least = None if minimum is None else Decimal(minimum)
    return amount(Arrears(customer_class, Decimal("1000.00"), date.fromisoformat(first), minimum=least), day)


@pytest.mark.parametrize(
    ("customer_class", "day", "expected"),
    [
        ("resident", "2025-12-30", "1.00"),
        ("resident", "2026-01-02", "4.00"),
        ("organisation", "2025-12-30", "2.00"),
        ("organisation", "2025-12-31", "4.00"),
        ("organisation", "2026-01-01", "7.00"),  # from the next year on three parts in a thousand
        ("organisation", "2026-12-31", "1099.00"),
        ("organisation", "2027-01-01", "1102.00"),
        ("organisation", "2025-12-29", "0.00"),
    ],
)
def test_the_table_knows_classes_and_years(customer_class: str, day: str, expected: str) -> None:
    assert by_table(customer_class, "2025-12-30", day) == expected


def test_the_table_is_dated() -> None:
    """The minimum of the older regulation is gone with it."""
    small = Arrears("resident", Decimal("10.00"), date(2024, 5, 30))
    assert [amount(small, day) for day in ("2024-05-31", "2024-06-01")] == ["1.00", "0.03"]
    found = penalty_on(small, date(2024, 6, 1), TABLE)
    assert isinstance(found, Penalty)
    assert found.days == 3
    assert [source[:6] for source in found.sources] == ["供电营业规则"] * 2
    assert len(set(found.sources)) == 2


def test_a_rows_minimum_comes_before_that_of_the_table() -> None:
    assert by_table("resident", "2026-01-01", "2026-01-01", "5.00") == "5.00"
    assert by_table("resident", "2024-05-31", "2024-05-31", "0.00") == "1.00", "its sum is 1.00 too"
    assert amount(Arrears("resident", Decimal("10.00"), date(2024, 5, 31), minimum=Decimal(0)), "2024-05-31") == "0.01"


def test_a_day_without_a_rate_has_no_formula() -> None:
    rate = Rate("resident", date(2026, 1, 1), date(2026, 1, 31), Decimal("0.001"), Decimal("0.001"), Decimal(0), "x")
    row = Arrears("resident", Decimal("100.00"), date(2026, 1, 1))
    assert penalty_on(row, date(2026, 1, 31), [rate]) == Penalty(Decimal("3.10"), 31, ("x",), (Decimal("0.001"),))
    for first, day in (("2026-01-01", "2026-02-01"), ("2025-12-31", "2026-01-01")):
        late = replace(row, penalty_from=date.fromisoformat(first))
        assert isinstance(penalty_on(late, date.fromisoformat(day), [rate]), NoFormula)
    assert isinstance(penalty_on(replace(row, customer_class="organisation"), date(2026, 1, 31), [rate]), NoFormula)
    assert isinstance(penalty_on(row, date(2026, 1, 31), [rate, rate]), NoFormula), "two rates for one day"


# -- totals ------------------------------------------------------------------------------------------------------------


def test_a_total_is_the_sum_of_items_each_with_its_penalty() -> None:
    other = replace(ROW, amount=Decimal("80.00"), penalty_from=date(2026, 3, 1))
    assert total_on([ROW, other], date(2026, 3, 4)) == Decimal("204.16")
    assert isinstance(total_on([ROW, replace(other, penalty_from=None)], date(2026, 3, 4)), NoFormula)
    assert total_on([], date(2026, 3, 4)) == 0


@pytest.mark.parametrize(
    ("total", "holds"), [("123.84", True), ("123.72", True), ("123.60", False), ("123.96", False), ("123.83", False)]
)
def test_a_rows_total_is_that_of_the_import_or_of_the_day_before(total: str, holds: bool) -> None:
    assert total_holds(ROW, Decimal(total), date(2026, 3, 4)) is holds


def test_where_it_says_as_of_that_day_alone_holds() -> None:
    row = replace(ROW, as_of=date(2026, 3, 1))
    held = [total for total in ("123.36", "123.48", "123.60") if total_holds(row, Decimal(total), date(2026, 3, 1))]
    assert held == ["123.48"]
    assert total_holds(row, Decimal("123.48"), date(2026, 3, 20))


def test_the_total_of_a_fixed_penalty_is_its_sum() -> None:
    row = Arrears("resident", Decimal("120.00"), penalty=Decimal("3.84"), as_of=date(2026, 3, 4))
    assert total_holds(row, Decimal("123.84"), date(2026, 3, 9))
    assert not total_holds(row, Decimal("123.85"), date(2026, 3, 4))


def test_a_total_that_cannot_be_computed_does_not_hold() -> None:
    assert not total_holds(Arrears("resident", Decimal("120.00")), Decimal("120.00"), date(2026, 3, 4))


@settings(max_examples=200)
@given(st.integers(1, 10**9), st.sampled_from(["resident", "organisation"]), st.integers(0, 3000), st.integers(0, 1200))
def test_by_the_table_it_is_the_sum_of_its_days(cents: int, customer_class: str, since: int, days: int) -> None:
    first = date(2024, 6, 1) + timedelta(days=since)
    with localcontext(prec=60):
        owed = Decimal(cents).scaleb(-2)
        later = Decimal("0.001") if customer_class == "resident" else Decimal("0.003")
        this = Decimal("0.001") if customer_class == "resident" else Decimal("0.002")
        each = [this if (first + timedelta(days=day)).year == first.year else later for day in range(days + 1)]
        exact = owed * sum(each)
    found = penalty_on(Arrears(customer_class, owed, first), first + timedelta(days=days), TABLE)
    assert isinstance(found, Penalty)
    assert found.days == days + 1
    assert Decimal("-0.005") < found.amount - exact <= Decimal("0.005")


def test_a_callers_decimal_context_changes_nothing() -> None:
    with localcontext(prec=3):
        assert amount(replace(ROW, amount=Decimal("123456.78")), "2026-02-01") == "123.46"
