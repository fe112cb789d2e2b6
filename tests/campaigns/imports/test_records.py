"""Bytes to records: the same whatever the pieces, and never an exception."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.imports import records
from campaigns.imports.records import Cutter, Record, Sniffer

TEXT = '户号,户名,电费\r\nA1,张三,"1,234.50"\nA2,李 四,5\r\n'
CELLS = [["户号", "户名", "电费"], ["A1", "张三", "1,234.50"], ["A2", "李 四", "5"]]


def cut(content: bytes, sizes: Sequence[int] = (1 << 30,)) -> list[Record]:
    """All records of a file that comes in pieces of these sizes, again and again."""
    parts, at = [], 0
    while at < len(content):
        size = sizes[len(parts) % len(sizes)]
        parts.append(content[at : at + size])
        at += size
    sniffer = Sniffer()
    for part in parts:
        sniffer.feed(part)
    sniffer.feed(b"", True)
    cutter = Cutter(sniffer.encoding())
    return [one for part in parts for one in cutter.feed(part)] + list(cutter.end())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_encodings_and_delimiters(encoding: str, delimiter: str, size: int) -> None:
    rows = io.StringIO()
    csv.writer(rows, delimiter=delimiter).writerows(CELLS)
    found = cut(rows.getvalue().encode(encoding), [size])
    assert [list(record.cells) for record in found] == CELLS
    assert [record.row for record in found] == [1, 2, 3]


def test_utf_16_of_the_other_end() -> None:
    content = b"\xfe\xff" + TEXT.encode("utf-16-be")
    assert [list(record.cells) for record in cut(content)] == CELLS


def test_rows_are_numbered_as_a_spreadsheet_shows_them() -> None:
    found = cut(b'\n,,\na,b\n1,"x\ny"\n\n2,z')
    assert [(record.row, list(record.cells)) for record in found] == [
        (3, ["a", "b"]), (4, ["1", "x\ny"]), (5, []), (6, ["2", "z"]),
    ]  # fmt: skip


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    found = cut(b'a,b\n1,"x\n2,y\n3,z\n')
    assert [(record.row, list(record.cells), record.mistake) for record in found] == [
        (1, ["a", "b"], None),
        (2, ['1,"x'], "a quote is opened and not closed"),
        (3, ["2", "y"], None),
        (4, ["3", "z"], None),
    ]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_too_long_costs_its_own_line(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(records, "RECORD_CHARS_MAX", 50)
    monkeypatch.setattr(records, "RECORD_LINES_MAX", 3)
    found = cut(b"a,b\n1," + b"x" * 100 + b'\n2,y\n3,"1\n2\n3\n4"\n4,z\n', [size])
    assert [(record.row, record.mistake) for record in found] == [
        (1, None), (2, "has more than 50 characters"), (3, None), (4, "a quote is opened and not closed"),
        (5, None), (6, None), (7, None), (8, None),
    ]  # fmt: skip


ANY_BYTES = st.binary(max_size=200) | st.text('ab,;\t"\r\n张\x00', max_size=80).map(lambda text: text.encode("utf-8"))
SIZES = st.lists(st.integers(1, 20), min_size=1, max_size=6)


@settings(max_examples=400)
@example(b'a,b\n1,"x\n2,y', [1])
@example(b'a,b\n1,"x\r', [3])
@example(b'"a\r\n', [1])
@given(ANY_BYTES, SIZES)
def test_pieces_of_any_size_give_the_same_records(content: bytes, sizes: list[int]) -> None:
    assert cut(content, sizes) == cut(content)


@settings(max_examples=300)
@given(st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=4), min_size=1, max_size=8), SIZES)
def test_what_is_written_is_read(rows: list[list[str]], sizes: list[int]) -> None:
    """But for line ends within cells, which become one kind."""
    rows = [["a,", "b"], *([cell.replace("\r", "") for cell in row] for row in rows)]
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    content = written.getvalue().encode("utf-8", "surrogatepass")
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    found = cut(content, sizes)
    assert [list(record.cells) for record in found if record.mistake is None] == rows
