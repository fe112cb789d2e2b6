"""What a payment settles of what is owed."""

import pytest

from campaigns.settlements.items import KINDS_MEANT, Payment, is_in_part, left, marks_of, settled_marks

JANUARY, FEBRUARY = {"months": "2026-01"}, {"months": "2026-02"}
BOTH = {"months": "2026-01,2026-02"}
READING = {"reading_date": "2026-03-01", "meter": "M1"}
OTHER_METER = {"reading_date": "2026-03-01", "meter": "M2"}
ALONE = {"reading_date": "2026-03-01"}


def test_it_is_meant_where_something_is_paid() -> None:
    assert KINDS_MEANT == ("arrears", "billing")


@pytest.mark.parametrize(
    ("kind", "item", "marks"),
    [
        ("arrears", BOTH, ("2026-01", "2026-02")),
        ("billing", READING, ("2026-03-01 M1",)),
        ("billing", ALONE, ("2026-03-01",)),
    ],
)
def test_an_item_is_named_by_its_months_or_its_reading(kind: str, item: dict[str, str], marks: tuple[str, ...]) -> None:
    assert marks_of(kind, item) == marks


@pytest.mark.parametrize(
    ("payment", "remaining"),
    [
        (Payment("2026-03-04", ("2026-01",)), [FEBRUARY]),
        (Payment("2026-03-04", ("2026-03",)), [JANUARY, FEBRUARY]),
        (Payment("2026-03-04"), []),
        (Payment("2026-02-01"), []),
        (Payment("2026-01-31"), [FEBRUARY]),
        (Payment("2025-12-31"), [JANUARY, FEBRUARY]),
    ],
)
def test_months_that_are_named_or_are_owed_by_its_day(payment: Payment, remaining: list[dict[str, str]]) -> None:
    items = [JANUARY, FEBRUARY]
    assert left("arrears", items, settled_marks("arrears", items, [payment])) == remaining


@pytest.mark.parametrize(
    ("payment", "remaining"),
    [
        (Payment("2026-03-04", ("2026-03-01 M1",)), [OTHER_METER]),
        (Payment("2026-03-04", ("2026-03-01",)), []),
        (Payment("2026-03-04", ("2026-03-02",)), [READING, OTHER_METER]),
        (Payment("2026-03-01"), []),
        (Payment("2026-02-28"), [READING, OTHER_METER]),
    ],
)
def test_readings_that_are_named_or_are_owed_by_its_day(payment: Payment, remaining: list[dict[str, str]]) -> None:
    items = [READING, OTHER_METER]
    assert left("billing", items, settled_marks("billing", items, [payment])) == remaining


def test_of_several_months_in_one_item_each_must_be_paid() -> None:
    first = settled_marks("arrears", [BOTH], [Payment("2026-03-04", ("2026-01",))])
    assert first == {"2026-01"}
    assert left("arrears", [BOTH], first) == [BOTH]
    assert is_in_part("arrears", BOTH, first)
    assert left("arrears", [BOTH], first | {"2026-02"}) == []
    assert not is_in_part("arrears", FEBRUARY, first)
