"""How cells are read, and every column of every kind wrong in every way that its type can be."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.imports import cells
from campaigns.imports.cells import Wrong
from campaigns.imports.header import NUMBER, layout_of
from campaigns.imports.records import Record
from campaigns.imports.rows import Read, Refused, RowReader
from campaigns.kinds import FieldType, known_kinds
from tests.campaigns.imports.site import ARREARS, BILLING, OUTAGE, ROWS
from tests.campaigns.shipped import rules

DAY = date(2026, 3, 2)
SHANGHAI = "Asia/Shanghai"
CONTROL = ("a\x00b", "a\x07b", "\ufffd1")
WRONG = {
    FieldType.TEXT: ("x" * 501, *CONTROL),
    FieldType.DATE: ("1.3.2026", "2026-02-30", "2026-13-01", "26-03-01", "20260301.0", "1999-01-01", "明天", *CONTROL),
    FieldType.MOMENT: (
        "2026-03-12",
        "2026-03-12 25:00",
        "2026-02-30 08:00",
        "08:00",
        "2026-03-12T08:00:00+99:00",
        *CONTROL,
    ),
    FieldType.MONTHS: ("2026-13", "202600", "2026", "1月", "2026-01~2026-03", "201", *CONTROL),
    FieldType.MONEY: ("1,23.00", "12.345", "1.2E+3", "壹佰", "12,00", "--1", "1" * 13, "$5", ".", *CONTROL),
    FieldType.NUMBER: ("0,5", "1.2E+3", "many", "0.12345678901", "1" * 13, "-1", *CONTROL),
    FieldType.YES_NO: ("maybe", "1", "对", *CONTROL),
}
OTHERS = {
    "account": ("x" * 65, "3.1E+12", *CONTROL),
    "name": WRONG[FieldType.TEXT],
    "address": WRONG[FieldType.TEXT],
    "class": ("company", "2", *CONTROL),
    "zone": ("Asia/Nowhere", "Asia/Shanghai;Mars", ";".join(["Asia/Tokyo", "UTC", "Asia/Seoul"] * 9) + ";X", *CONTROL),
    NUMBER: ("95598", "1.38E+10", "88888888", "12", *CONTROL),
    "number2": ("95598", "1.38E+10", "88888888", "12", *CONTROL),
}
FIRST_ZH = {
    "account": "户号",
    NUMBER: "联系电话",
    "number2": "手机号码2",
    "name": "姓名",
    "class": "客户类别",
    "zone": "时区",
}


def read(kind: str, row: dict[str, str], header: list[str] | None = None) -> Read | Refused | None:
    names = header or list(row)
    layout = layout_of(known_kinds()[kind], names)
    reader = RowReader(known_kinds()[kind], layout, SHANGHAI, DAY, rules().penalties)
    return reader.read(Record(7, list(row.values())))


def wrong_cells() -> list[tuple[str, str, str]]:
    found = []
    for kind, row in ROWS.items():
        for field in known_kinds()[kind].fields:
            found += [(kind, field.name, cell) for cell in WRONG[field.type]]
            if field.required:
                found.append((kind, field.name, ""))
            if field.type in (FieldType.MONEY, FieldType.NUMBER) and field.name != "previous_balance":
                found.append((kind, field.name, "-0.01"))
        found += [(kind, name, cell) for name, cells_ in OTHERS.items() for cell in cells_]
        found += [(kind, "account", ""), (kind, NUMBER, "")]
        assert row
    return found


@pytest.mark.parametrize("chinese", [False, True])
def test_every_column_wrong_in_every_way_is_named_as_the_file_spells_it(chinese: bool) -> None:
    for kind, name, cell in wrong_cells():
        row = {**ROWS[kind], name: cell}
        own = {field.name: field.headers[0] for field in known_kinds()[kind].fields if field.headers}
        spelled = {**own, **FIRST_ZH} if chinese else {}
        header = [spelled.get(column, column) for column in row]
        found = read(kind, row, header)
        if kind == "outage" and name in (NUMBER, "number2"):
            assert isinstance(found, Read)
            assert len(found.phones) == (name == "number2")
            continue
        assert isinstance(found, Refused), (kind, name, cell, found)
        start = f"7: {spelled.get(name, name)}: "
        assert start in found.error, (kind, name, cell, found.error)


def test_the_rows_themselves_are_right() -> None:
    for kind, row in ROWS.items():
        assert isinstance(read(kind, row), Read), read(kind, row)


@settings(max_examples=300)
@given(st.sampled_from(sorted(ROWS)), st.data())
def test_any_cells_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    row = ROWS[kind]
    any_cell = (
        st.text(max_size=20) | st.text("0123456789.,-/:Ee¥%+ ", max_size=16) | st.sampled_from(sorted(row.values()))
    )
    column = data.draw(st.sampled_from(sorted(row)))
    found = read(kind, {**row, column: data.draw(any_cell)})
    assert found is None or isinstance(found, Read) or found.error.startswith("7: ")


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026/3/1", "20260301", "2026/3/1 0:00:00", "２０２６－０３－０１", "2026-3-1 00:00"]
)
def test_dates(text: str) -> None:
    assert cells.read_date(text) == "2026-03-01"


@pytest.mark.parametrize(
    "text",
    ["2026-03-01 08:00", "2026/3/1 8:00:00", "20260301 08:00", "2026-03-01T08:00:00+08:00", "2026-03-01T00:00:00Z",
     "2026-02-28T19:00:00.000-05:00"],
)  # fmt: skip
def test_moments_are_those_of_the_campaigns_zone(text: str) -> None:
    assert cells.moment_reader(SHANGHAI)(text) == "2026-03-01T08:00:00+08:00"


def test_a_moment_that_the_clocks_skip_is_the_next_that_they_show() -> None:
    assert cells.moment_reader("America/New_York")("2026-03-08 02:30") == "2026-03-08T03:00:00-04:00"


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,234.50", "1234.50"), ("¥1234.5", "1234.50"), ("￥ 1,234.50", "1234.50"), ("1234.50元", "1234.50"),
     ("007", "7.00"), ("0", "0.00"), ("-0.00", "0.00"), ("-12", "-12.00"), ("１２．５", "12.50"), ("1.500", "1.50"),
     (".5", "0.50"), ("-¥3", "-3.00")],
)  # fmt: skip
def test_money(text: str, amount: str) -> None:
    assert cells.read_money(text) == amount


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.001", "0.001"), ("0.1%", "0.001"), ("1‰", "0.001"), ("04321.50", "4321.5"), ("1,000", "1000")],
)
def test_other_numbers(text: str, number: str) -> None:
    assert cells.read_number(text) == number


@pytest.mark.parametrize(
    ("text", "months"),
    [("2026-02", "2026-02"), ("202602", "2026-02"), ("2026-02,2026-01", "2026-01,2026-02"),
     ("202601、202602", "2026-01,2026-02"),
     ("2026-01; 2026-01", "2026-01"), ("2026-01-01 00:00:00", "2026-01")],
)  # fmt: skip
def test_months(text: str, months: str) -> None:
    assert cells.read_months(text) == months


@given(st.decimals(-999999999, 999999999, places=2))
def test_an_amount_that_is_written_is_read(amount: object) -> None:
    assert cells.read_money(f"{amount:,}") in (f"{amount}", f"{amount}".removeprefix("-"))


@pytest.mark.parametrize("text", ['="00123"', "'00123", " 00123\t", "\u300000123"])
def test_what_a_spreadsheet_puts_before_text_is_taken_off(text: str) -> None:
    assert cells.cleaned(text) == "00123"


# -- ARR-1, OUT-1 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"total_due": "123.49"}, "7: total_due: ARR-1: 123.49 is not its sum on 2026-03-01: 120.00 + 3.48 = 123.48"),
        ({"as_of": ""}, "7: total_due: ARR-1: 123.48 is not its sum on 2026-03-02 or 2026-03-01"),
        ({"as_of": "", "total_due": "123.60"}, None),  # of today
        ({"as_of": "", "total_due": "123.72"}, "ARR-1"),
        ({"penalty_rate_per_day": "", "penalty": "3.48"}, None),
        ({"penalty_rate_per_day": "", "penalty": "3.49"}, "7: total_due: ARR-1: "),
        ({"penalty_rate_per_day": "", "penalty": "3.48", "as_of": ""}, "7: as_of: MISSING: "),
        ({"penalty": "3.48"}, None),
        ({"penalty": "3.47"}, "7: penalty: ARR-1: "),
        ({"penalty_rate_per_day": "1"}, "7: penalty_rate_per_day: RANGE: "),
        ({"penalty_rate_per_day": "0"}, "7: penalty_rate_per_day: RANGE: "),
        ({"penalty_from": ""}, "7: penalty_from: MISSING: "),
        ({"arrears": "0", "total_due": "0"}, "7: total_due: ARR-1: nothing is owed"),
        ({"penalty_min": "5.00", "total_due": "125.00"}, None),
        ({"penalty_min": "5.00"}, "7: total_due: ARR-1: "),
    ],
)
def test_arrears_agree_with_their_sum(changes: dict[str, str], error: str | None) -> None:
    found = read("arrears", {**ARREARS, **changes})
    if changes == {"as_of": ""}:
        assert isinstance(found, Read)  # 2026-03-01 is the day before the import
        return
    assert isinstance(found, Read) if error is None else isinstance(found, Refused) and error in found.error


def test_a_row_without_rate_or_penalty_is_for_the_operators_table() -> None:
    row = {**ARREARS, "penalty_rate_per_day": ""}
    assert isinstance(read("arrears", row), Read)  # the shipped table has the same rate for residents
    odd = read("arrears", {**row, "total_due": "1.00"})
    assert isinstance(odd, Refused)
    assert "7: total_due: ARR-1: " in odd.error


def test_power_comes_back_after_it_went() -> None:
    found = read("outage", {**OUTAGE, "restores_at": "2026-03-12 08:00"})
    assert isinstance(found, Refused)
    assert "7: restores_at: OUT-1: " in found.error


def test_a_row_has_several_mistakes_one_for_each_field() -> None:
    found = read("billing", dict.fromkeys(BILLING, "\x07") | {"account": "B1"})
    assert isinstance(found, Refused)
    assert found.error.count("CHARACTERS") == 5
    assert found.error.startswith("7: name: CHARACTERS: has a control character; 7: reading_date: ")


def test_cells_beyond_the_header_are_a_mistake_unless_they_are_empty() -> None:
    layout = layout_of(known_kinds()["billing"], list(BILLING))
    reader = RowReader(known_kinds()["billing"], layout, SHANGHAI, DAY)
    cells_ = list(BILLING.values())
    assert isinstance(reader.read(Record(7, [*cells_, "", " "])), Read)
    found = reader.read(Record(7, [*cells_, "x"]))
    assert found == Refused("7: -: CELLS: has 11 cells, the header 10")
    assert reader.read(Record(7, ["", " ", *[""] * 8])) is None
    assert reader.read(Record(7, [])) is None


def test_zones_of_a_row_come_beside_those_of_its_number() -> None:
    found = read("billing", {**BILLING, "zone": "Asia/Urumqi; Europe/Paris"})
    assert isinstance(found, Read)
    assert found.phones == [("+8613800000001", ["Asia/Shanghai", "Asia/Urumqi", "Europe/Paris"])]


def test_a_wrong_cell_says_what_and_why() -> None:
    with pytest.raises(Wrong) as wrong:
        cells.read_money("12.345")
    assert str(wrong.value) == "FORM: '12.345' has parts of a cent"
