"""Workbooks: the cells of a sheet, its own dates, times and lengths among them."""

import json

import pytest

from cti.replay import rows_workbook
from cti.replay.events import read_events
from cti.replay.mapping_file import parse
from cti.replay.rows import FileRefused, Layout, Table
from cti.replay.table import read_table
from tests.replay.workbooks import LINES, MAPPING, open_document, sheet, workbook


def table(content: bytes, **layout: object) -> Table:
    return read_table(content, Layout(format="xlsx", **layout))


def test_cells_are_texts_and_lines_are_the_sheet_s() -> None:
    found = table(workbook(Calls=LINES), skip_lines=2, skip_last_lines=1)
    assert found.columns == ["id", "came", "talk", "wait", "agent", "note"]
    assert [(row.line, row.cells, row.damage) for row in found.rows] == [
        (
            4,
            {"id": "a", "came": "2024-03-04T09:00:00", "talk": "00:01:30", "wait": "20", "agent": "安娜", "note": ""},
            "",
        ),
        (
            5,
            {"id": "b", "came": "2024-03-04T12:00:00", "talk": "129600.0", "wait": "2.5", "agent": "Bo", "note": ""},
            "",
        ),
    ]


def test_a_workbook_s_own_times_are_read_whatever_the_format() -> None:
    mapping = parse(MAPPING, "book.toml").mapping
    found = read_table(workbook(Calls=LINES), mapping.layout("calls.xlsx"))
    reading = read_events(found.rows, mapping.with_iso_times())
    times = [json.loads(event.body)["time"][8:19] for event in reading.events]
    assert times[:3] == ["04T08:00:00", "04T08:00:20", "04T08:01:50"]
    assert times[5] == "05T23:00:02"
    assert (reading.accepted, reading.rejected) == (2, [])


@pytest.mark.parametrize(("count", "kept"), [(1, [4, 5]), (2, [4]), (3, []), (5, []), (9, [])])
def test_last_lines_are_counted_as_in_a_text_and_more_than_there_are_leave_none(count: int, kept: list[int]) -> None:
    layout = {"columns": LINES[2], "skip_lines": 3, "skip_prefix": ("Total",), "skip_last_lines": count}
    assert [row.line for row in table(workbook(Calls=LINES), **layout).rows] == kept


def test_a_sheet_is_chosen_by_its_name() -> None:
    content = workbook(Other=[["x"]], Calls=LINES)
    assert table(content, sheet="Calls", skip_lines=2).columns == LINES[2]
    assert table(content).columns == ["x"]
    with pytest.raises(FileRefused, match=r"no sheet 'Gone' \(there are: Other, Calls\)"):
        table(content, sheet="Gone")


def test_what_is_no_workbook_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileRefused, match="no workbook"):
        table(b"id,came\n1,2\n")
    with pytest.raises(FileRefused, match="empty"):
        table(workbook(Calls=[]))
    content = bytearray(workbook(Calls=LINES))
    content[content.index(b"PK\x01\x02")] ^= 0xFF
    with pytest.raises(FileRefused, match="no workbook"):
        table(bytes(content))
    monkeypatch.setattr(rows_workbook, "UNPACKED_BYTES_MAX", 100)
    with pytest.raises(FileRefused, match="unpacked"):
        table(workbook(Calls=LINES))


FIRST, LAST = '<row r="1"><c r="A1"><v>1</v></c></row>', '<row r="1048576"><c r="XFD1048576"%s</row>'
FILLED = '<table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>'


def rows_without_numbers(rows: int, columns: int) -> str:
    return "<row><c><v>1</v></c></row>" * (rows - 1) + f"<row>{'<c/>' * (columns - 1)}<c><v>1</v></c></row>"


@pytest.mark.parametrize(
    ("content", "rows", "columns"),
    [
        (sheet(FIRST + LAST % "><v>1</v></c>"), 1_048_576, 16_384),
        (sheet(FIRST + LAST % ' t="inlineStr"><is><t>x</t></is></c>'), 1_048_576, 16_384),
        (sheet(rows_without_numbers(5_001, 4_000)), 5_001, 4_000),
        (sheet('<row r="5000"/><row><c r="B5001"><v>1</v></c><c r="EWV1"/><c><v>1</v></c></row>'), 5_001, 4_001),
        (sheet("<x:row r='9000000'><x:c r='a1'/><x:c r='ZZ9000000'><x:v>1</x:v></x:c></x:row>"), 9_000_000, 702),
        (
            open_document(
                '<table:table-row table:number-rows-repeated="1048575"><table:table-cell/></table:table-row>'
                f'<table:table-row><table:table-cell table:number-columns-repeated="16383"/>{FILLED}</table:table-row>'
            ),
            1_048_576,
            16_384,
        ),
    ],
)
def test_cells_too_far_apart_are_refused_before_room_is_made_for_them(content: bytes, rows: int, columns: int) -> None:
    assert len(content) < 100_000
    with pytest.raises(FileRefused, match=rf"down to row {rows} and across to column {columns}, more than 20000000"):
        table(content)


def test_cells_without_a_value_take_no_room() -> None:
    assert table(sheet(FIRST + LAST % ' s="1"/>')).columns == ["1"]
    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    more = f'<table:table-row table:number-rows-repeated="1048575">{empty}</table:table-row>'
    assert table(open_document(f"<table:table-row>{FILLED}</table:table-row>{more}")).columns == ["x"]


def test_the_limit_of_cells_holds_to_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_workbook, "CELLS_MAX", 6)
    assert len(table(sheet(rows_without_numbers(2, 3)), columns=["a", "b", "c"]).rows) == 2
    with pytest.raises(FileRefused, match="more than 6 cells"):
        table(sheet(rows_without_numbers(7, 1)))


@pytest.mark.parametrize(
    "rows", ['<row r="1"><c r="A1">', '<row r="1"><c r="1A"><v>1</v></c></row>', '<row r="one"></row>']
)
def test_a_sheet_that_is_no_sound_xml_is_refused(rows: str) -> None:
    with pytest.raises(FileRefused, match="no workbook that can be read"):
        table(sheet(rows))


def test_a_document_type_hides_no_cells() -> None:
    content = sheet(FIRST, before='<!DOCTYPE a [<!ENTITY b "c">]>')
    with pytest.raises(FileRefused, match="no workbook that can be read: .*document type"):
        table(content)
