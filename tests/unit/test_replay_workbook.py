"""Workbooks: the cells of a sheet, its own dates, times and lengths among them."""

import json

import pytest

from cti.replay import rows_workbook
from cti.replay.events import read_events
from cti.replay.mapping_file import parse
from cti.replay.rows import FileRefused, Layout, Table
from cti.replay.table import read_table
from tests.replay.workbooks import LINES, MAPPING, workbook


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
