"""Reading untidy files: every line is accounted for."""

import codecs

import pytest

from cti.replay.rows import FileRefused, Layout
from cti.replay.rows_delimited import LINES_PER_RECORD_MAX
from cti.replay.table import read_table


def cells(content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    return [row.cells for row in read_table(content, Layout(delimiter=delimiter)).rows]


def test_a_plain_file() -> None:
    table = read_table(b"a,b\r\n1, 2 \r\n\r\n3,4\r\n", Layout())
    assert table.columns == ["a", "b"]
    assert [(row.line, row.cells, row.damage) for row in table.rows] == [
        (2, {"a": "1", "b": "2"}, ""),
        (4, {"a": "3", "b": "4"}, ""),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n座席,1\n".encode(),
        codecs.BOM_UTF8 + "a,b\n座席,1\n".encode(),
        "a,b\n座席,1\n".encode("gb18030"),
        codecs.BOM_UTF16_LE + "a,b\n座席,1\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a,b\n座席,1\n".encode("utf-16-be"),
    ],
)
def test_encodings(content: bytes) -> None:
    assert cells(content) == [{"a": "座席", "b": "1"}]


def test_a_line_that_is_no_text_suffers_alone() -> None:
    rows = read_table("a,b\n座,1\n".encode() + b"\xff\xff,2\n" + b"x,3\n", Layout()).rows
    assert [(row.line, row.damage) for row in rows] == [
        (2, ""),
        (3, "bytes that are no utf-8: say encoding in the mapping"),
        (4, ""),
    ]


def test_a_replacement_character_of_the_file_s_own_is_a_character() -> None:
    assert cells("a,b\nL\ufffdwe,1\n".encode()) == [{"a": "L\ufffdwe", "b": "1"}]


@pytest.mark.parametrize("line", [b"1", b"1,2,3", b""])
def test_a_line_with_other_columns_is_damaged(line: bytes) -> None:
    rows = read_table(b"a,b\n" + line + b"\n5,6\n", Layout()).rows
    assert rows[-1].cells == {"a": "5", "b": "6"}
    assert [bool(row.damage) for row in rows] == ([True, False] if line else [False])


def test_a_quoted_cell_may_run_over_lines() -> None:
    rows = read_table(b'a,b\n"one\ntwo",2\n3,4\n', Layout()).rows
    assert [(row.line, row.cells["a"]) for row in rows] == [(2, "one\ntwo"), (4, "3")]


def test_a_stray_quote_does_not_swallow_the_file() -> None:
    lines = [b"a,b", b'"1,2', *[b"%d,0" % number for number in range(LINES_PER_RECORD_MAX + 5)]]
    rows = read_table(b"\n".join(lines), Layout()).rows
    assert rows[0].damage == "a quote is never closed"
    assert [row.damage for row in rows[1:]] == [""] * (LINES_PER_RECORD_MAX + 5)


def test_another_delimiter() -> None:
    assert cells(b"a;b\n1;2,5\n", ";") == [{"a": "1", "b": "2,5"}]


@pytest.mark.parametrize(("content", "said"), [(b"", "empty"), (b"\n\n", "empty"), (b"a,b,a\n", "twice: 'a'")])
def test_what_is_no_table_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read_table(content, Layout())


def test_lines_before_the_header_remarks_and_a_last_line_are_no_records() -> None:
    content = b"Export of March\n\na;b\n# from here\n1;2\n3;4\nTotal;2\n\n"
    layout = Layout(delimiter=";", skip_lines=2, skip_last_lines=1, skip_prefix=("#",))
    assert [(row.line, row.cells) for row in read_table(content, layout).rows] == [
        (5, {"a": "1", "b": "2"}),
        (6, {"a": "3", "b": "4"}),
    ]


def test_more_last_lines_than_there_are_leave_no_records() -> None:
    assert read_table(b"1,2\n3,4\n", Layout(columns=["a", "b"], skip_last_lines=3)).rows == []


def test_without_a_header_the_columns_are_the_mapping_s() -> None:
    found = read_table(b"1,2\n3,4\n", Layout(columns=["a", "b"]))
    assert [(row.line, row.cells) for row in found.rows] == [(1, {"a": "1", "b": "2"}), (2, {"a": "3", "b": "4"})]


def test_rows_of_any_length_where_the_layout_allows_them() -> None:
    layout = Layout(columns=["a", "b", "c"], cells_min=2, optional=["d"], used=frozenset({"a", "c", "d"}))
    found = read_table(b"1,2\n1,2,3,4,5\n1\n", layout).rows
    assert [(row.cells, row.damage) for row in found] == [
        ({"a": "1", "c": "", "d": ""}, ""),
        ({"a": "1", "c": "3", "d": ""}, ""),
        ({}, "1 cells, fewer than 2"),
    ]


def test_without_quoting_a_quote_is_a_character() -> None:
    layout = Layout(delimiter="|", quote="", columns=["a", "b"])
    assert [row.cells["b"] for row in read_table(b'1|"Bo <30>\n2|x\n', layout).rows] == ['"Bo <30>', "x"]


def test_another_quote() -> None:
    assert read_table(b"a,b\n'1,5',\"\n", Layout(quote="'")).rows[0].cells == {"a": "1,5", "b": '"'}


def test_only_a_used_column_must_be_unique() -> None:
    found = read_table(b"a,b,b\n1,2,3\n", Layout(used=frozenset({"a"})))
    assert found.rows[0].cells == {"a": "1"}
    with pytest.raises(FileRefused, match="line 1: a column that is used is there twice: 'b'"):
        read_table(b"a,b,b\n1,2,3\n", Layout(used=frozenset({"a", "b"})))


def test_utf_16_without_a_mark_is_refused_and_read_where_it_is_said() -> None:
    content = "a,b\n1,2\n".encode("utf-16-le")
    with pytest.raises(FileRefused, match="line 1: a NUL character: if this is UTF-16, say so by encoding"):
        read_table(content, Layout())
    assert read_table(content, Layout(encoding="utf-16-le")).rows[0].cells == {"a": "1", "b": "2"}


def test_columns_that_are_empty_throughout_are_named() -> None:
    found = read_table(b"a,b,c\n1,,\n2,3,\n", Layout())
    assert found.never_filled(["a", "b", "c", "d"]) == ["c", "d"]
