"""NDJSON to records: the same whatever the pieces, digits as they are written, and never an exception."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.imports import json_lines
from campaigns.imports.cells import FORM
from campaigns.imports.json_lines import JsonLines
from campaigns.imports.records import Record


def read(content: bytes, size: int = 1 << 20) -> tuple[list[str], list[Record]]:
    lines = JsonLines()
    found = [one for at in range(0, len(content), size) for one in lines.feed(content[at : at + size])]
    found += lines.end()
    return lines.header, found


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_members_are_columns_in_the_order_in_which_they_appear(size: int) -> None:
    header, found = read('\ufeff{"户号": "A1", "b": null}\r\n\n{"c": "x", "户号": "A2"}'.encode(), size)
    assert header == ["户号", "b", "c"]
    assert [(one.row, list(one.cells)) for one in found] == [(1, ["A1", ""]), (3, ["A2", "", "x"])]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234.50", "1234.50"),
        ("0.1", "0.1"),
        ("99999999999999999999", "99999999999999999999"),
        ("1.38E+10", "1.38E+10"),
        ("-3", "-3"),
        ("true", "yes"),
        ("false", "no"),
        ("null", ""),
        (r'"\u5f20"', "张"),
        (r'"\ud800"', "\ufffd"),
    ],
)
def test_each_value_has_one_text(value: str, text: str) -> None:
    assert read(f'{{"a": {value}}}'.encode())[1] == [Record(1, [text])]


@pytest.mark.parametrize("value", ["[1]", '{"b": 1}', "[]"])
def test_a_list_is_no_cell(value: str) -> None:
    (record,) = read(f'{{"a": {value}}}'.encode())[1]
    assert (record.cells, record.wrong[0][0]) == ([""], FORM)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (b'["a"]', "is no JSON object"),
        (b"a,b", "is no JSON object"),
        (b'{"a": 1', "is no JSON object"),
        (b'{"a": NaN}', "is no JSON object: NaN is no number"),
        (b'{"a": 1} {"a": 2}', "is no JSON object"),
        (b'{"a": 1, "a": 2}', "has the member 'a' twice"),
        (b'{"a": ' + b"[" * 40_000, "is no JSON object"),
        (b'{"' + b"n" * 201 + b'": 1}', "has a member whose name has more than 200"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', "has more than 65536 characters"),
        (json.dumps({str(at): at for at in range(201)}).encode(), "brings more members than 200"),
    ],
)
def test_what_is_no_object_costs_its_own_line(line: bytes, mistake: str) -> None:
    found = read(line + b'\n{"a": "1"}\n')[1]
    assert (found[0].mistake or "").startswith(mistake)
    assert (found[1].row, list(found[1].cells)[-1]) == (2, "1")


def test_a_line_without_end_takes_no_memory() -> None:
    lines = JsonLines()
    for _ in range(200):
        assert list(lines.feed(b"x" * 100_000)) == []
    assert lines._partial_bytes <= 4 * json_lines.RECORD_CHARS_MAX + 4
    (record,) = lines.end()
    assert record.mistake


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text('{}[]":,ab1\n\\u0d8', max_size=60).map(str.encode), st.integers(1, 20))
def test_any_bytes_in_any_pieces_give_the_same(content: bytes, size: int) -> None:
    assert read(content, size) == read(content)
