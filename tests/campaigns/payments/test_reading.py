"""Payments as people write them."""

from typing import Any

import pytest

from campaigns.imports.cells import Wrong
from campaigns.imports.errors import CannotImport
from campaigns.imports.records import Record
from campaigns.imports.rows import Refused
from campaigns.settlements.reading import PaymentReader, read_mark, read_marks
from campaigns.settlements.settling import ReportedPayment
from tests.campaigns.shipped import DAY_MS, SHANGHAI, ms

NOW_MS, MIDNIGHT_MS = ms("2026-03-04 09:00"), ms("2026-03-03 00:00")
NO_READING = "no reading like 2026-03-01 METER"
SPOILT = "was spoilt by a spreadsheet: format the column as text"
HEADER = ("户号", "缴费项目", "缴费时间", "流水号")


def read(*cells: str, header: tuple[str, ...] = HEADER) -> Any:
    found = PaymentReader(header, SHANGHAI, NOW_MS).read(Record(7, cells))
    return found.error if isinstance(found, Refused) else found


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("2026-02", "2026-02"),
        ("202602", "2026-02"),
        ("２０２６/２", "2026-02"),
        ("20260301", "2026-03-01"),
        ("2026/3/1", "2026-03-01"),
        ("2026-03-01  M 7", "2026-03-01 M 7"),
    ],
)
def test_a_month_or_a_reading(text: str, mark: str) -> None:
    assert read_mark(text) == mark


@pytest.mark.parametrize("text", ["", "M7", "2026-13", "2026-02-30", "2026-01,2026-02", "2026-03-01 " + "m" * 65])
def test_what_is_none(text: str) -> None:
    with pytest.raises(Wrong):
        read_mark(text)


def test_items_stand_once_and_in_order() -> None:
    assert read_marks(["2026-02", "2026-01", "202602", " "]) == ("2026-01", "2026-02")
    with pytest.raises(Wrong, match="LENGTH"):
        read_marks([f"2026-03-01 {n}" for n in range(61)])


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (("A1", "", "2026-03-03 10:00", "R1"), ReportedPayment("R1", "A1", (), ms("2026-03-03 10:00"))),
        (
            ("A1", "2026-02;202601", "2026-03-03", "R1"),
            ReportedPayment("R1", "A1", ("2026-01", "2026-02"), MIDNIGHT_MS),
        ),
        (('="00１"', "", "2026-03-03T02:00:00.900Z", "'R1"), ReportedPayment("R1", "001", (), ms("2026-03-03 10:00"))),
        (("", " ", "", ""), None),
    ],
)
def test_a_row(cells: tuple[str, ...], told: ReportedPayment | None) -> None:
    assert read(*cells) == told


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        (("", "", "2026-03-03", "R1"), "7: 户号: MISSING: is empty"),
        (("A1", "", "soon", ""), "7: 缴费时间: FORM: 'soon' is no date like 2026-03-01; 7: 流水号: MISSING: is empty"),
        (("A1", "x", "2026-03-03", "R1"), f"7: 缴费项目: FORM: 'x' is no month like 2026-02 and {NO_READING}"),
        (("A1", "", "2026-03-06", "R1"), "7: 缴费时间: RANGE: has not come yet"),
        (("A1", "", "2026-03-03", "1.2E+10"), f"7: 流水号: SPOILT: '1.2E+10' {SPOILT}"),
        (("A1", "", "2026-03-03", "R" * 129), "7: 流水号: LENGTH: has 129 characters, 128 at most"),
        (("A1", "", "2026-03-03", "R1", "x"), "7: -: CELLS: has 5 cells, the header 4"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_settled(cells: tuple[str, ...], error: str) -> None:
    assert read(*cells) == error


def test_tomorrow_is_near_enough_for_a_clock_that_is_ahead() -> None:
    found = read("A1", "", "2026-03-05 08:59", "R1")
    assert found.settled_at_ms == NOW_MS + DAY_MS - 60_000


def test_items_need_no_column_and_the_others_do() -> None:
    assert read("R1", "A1", "2026-03-03", header=("Reference", "account", "settled at")).items == ()
    for header in (("account", "reference"), ("account", "reference", "settled_at", "户号")):
        with pytest.raises(CannotImport):
            PaymentReader(header, SHANGHAI, NOW_MS)
