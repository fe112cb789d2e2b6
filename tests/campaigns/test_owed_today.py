"""What an account owes on the day of the dial."""

from datetime import date, timedelta

import pytest

from campaigns.core.penalty import NoFormula
from campaigns.owed_today import items_on
from campaigns.rendering import said_to
from tests.campaigns.shipped import rules
from tests.campaigns.test_rendering import DEBT, SPEAKER, account, known_kinds

DAY = date(2026, 3, 4)
OWED = {**DEBT, "penalty": "", "penalty_from": "2026-02-01"}


def test_the_penalty_and_total_are_those_of_the_day() -> None:
    today = items_on("arrears", [OWED], "resident", DAY)
    tomorrow = items_on("arrears", [OWED], "resident", DAY + timedelta(days=1))
    assert not isinstance(today, NoFormula)
    assert not isinstance(tomorrow, NoFormula)
    assert (today[0]["penalty"], today[0]["total_due"]) == ("3.84", "123.84")
    assert (tomorrow[0]["penalty"], tomorrow[0]["total_due"]) == ("3.96", "123.96")
    assert today[0]["months"] == "2026-01"
    body = said_to(known_kinds()["arrears"], SPEAKER, account("arrears", *tomorrow)).on_answer["body"]["zh"]
    assert "违约金3.96元" in body
    assert "合计应缴123.96元" in body


def test_a_fixed_penalty_holds_on_its_day_alone() -> None:
    fixed = {**OWED, "penalty_rate_per_day": "", "penalty": "3.84", "as_of": "2026-03-04"}
    assert not isinstance(items_on("arrears", [fixed], "resident", DAY), NoFormula)
    assert isinstance(items_on("arrears", [OWED, fixed], "resident", DAY + timedelta(days=1)), NoFormula)


def test_a_rate_comes_before_a_penalty_that_was_computed_with_it() -> None:
    both = {**OWED, "penalty": "1.00", "as_of": "2026-02-10"}
    told = items_on("arrears", [both], "resident", DAY)
    assert not isinstance(told, NoFormula)
    assert told[0]["penalty"] == "3.84"


def test_the_least_penalty_and_the_operators_table() -> None:
    [least] = items_on("arrears", [{**OWED, "penalty_min": "5.00"}], "resident", DAY)
    assert least["penalty"] == "5.00"
    plain = {**OWED, "penalty_rate_per_day": ""}
    assert isinstance(items_on("arrears", [plain], "resident", DAY), NoFormula)
    [by_table] = items_on("arrears", [plain], "organisation", DAY, rules().penalties)
    assert by_table["penalty"] == "7.68"


def test_how_the_penalty_is_computed_by_the_operators_table_is_said_too() -> None:
    """ARR-1: the penalty to date and how it is computed."""
    plain = {**OWED, "penalty_rate_per_day": "", "penalty_from": "2025-12-01", "months": "2025-11"}
    told = items_on("arrears", [plain], "organisation", DAY, rules().penalties)
    assert not isinstance(told, NoFormula)
    body = said_to(known_kinds()["arrears"], SPEAKER, account("arrears", *told)).on_answer["body"]
    assert "自2025年12月1日起按每日千分之2、千分之3计算" in body["zh"]
    assert "0.2 percent and 0.3 percent a day from 1 December 2025" in body["en"]


@pytest.mark.parametrize("change", [{"arrears": "x"}, {"penalty_from": "1 Feb"}, {"penalty_from": ""}])
def test_what_cannot_be_computed_is_not_guessed(change: dict[str, str]) -> None:
    assert isinstance(items_on("arrears", [{**OWED, **change}], "resident", DAY), NoFormula)


def test_other_kinds_say_what_they_say() -> None:
    assert items_on("billing", [{"amount": "x"}], "resident", DAY) == ({"amount": "x"},)
