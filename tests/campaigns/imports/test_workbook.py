"""Workbooks to records: every type of cell, sheets, titles, and files that are not sound."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from campaigns.imports import sheet_scan, workbook, workbook_parts
from campaigns.imports.cells import FORM, SPOILT
from campaigns.imports.errors import UnreadableFile
from campaigns.imports.records import Record
from campaigns.imports.workbook import number_text, opened, records
from tests.campaigns.imports.books import (
    CLOCK,
    DAY,
    LENGTH,
    MOMENT,
    SHARE,
    book,
    book_of,
    number,
    one_cell,
    sheet_xml,
    text,
)
from tests.replay.workbooks import MAIN

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BY_DAY, BY_MOMENT = "46093", "46093.333333333336"  # 2026-03-12, 08:00


def read(content: bytes, sheet: str | None = None) -> list[Record]:
    return list(records(opened(content, sheet)))


def why(content: bytes, sheet: str | None = None) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(content, sheet)
    return str(refused.value.detail)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (text("张三 "), "张三 "),
        (text("007"), "007"),
        ('t="str"|<f>A1</f><v>abc</v>', "abc"),
        (number("1234.5"), "1234.5"),
        (number("0.30000000000000004"), "0.3"),
        (number("123.48000000000001"), "123.48"),
        (number("-3.5"), "-3.5"),
        (number("13800000001"), "13800000001"),
        (number("1.3800000001E10"), "13800000001"),
        (number("999999999999999"), "999999999999999"),
        (number("1E-3", SHARE), "0.001"),
        (number("2.5E-07"), "0.00000025"),
        ("|<f>A1+B1</f><v>7</v>", "7"),
        (number(BY_DAY, DAY), "2026-03-12"),
        (number(BY_MOMENT, MOMENT), "2026-03-12 08:00:00"),
        (number(BY_DAY, MOMENT), "2026-03-12 00:00:00"),
        (number("0.333333333333333", CLOCK), "08:00:00"),
        (number("1.5", LENGTH), "1 day, 12:00:00"),
        ('t="d"|<v>2026-03-12T08:00:00</v>', "2026-03-12 08:00:00"),
        ('t="b"|<v>1</v>', "yes"),
        ('t="b"|<v>0</v>', "no"),
    ],
)
def test_each_type_of_cell_has_one_text(cell: str, shown: str) -> None:
    assert read(one_cell(cell)) == [Record(1, ["x"]), Record(2, [shown])]


def test_what_has_lost_digits_is_spoilt_and_shows_no_more_than_a_cell_does() -> None:
    (_, record) = read(one_cell(number("3601021990010112")))
    assert (record.cells, record.wrong[0][0]) == (["3.60102e+15"], SPOILT)
    assert read(one_cell(number("1000000000000000")))[1].wrong
    assert not read(one_cell(text("1000000000000000")))[1].wrong


def test_an_error_is_told_from_an_empty_cell() -> None:
    rows = {1: [text("a"), text("b")], 2: [text("1"), 't="e"|<v>#N/A</v>'], 3: ['t="e"|<v>#REF!</v>', ""], 4: ["", ""]}
    _, second, third = read(book({"S": sheet_xml(rows)}))
    assert (second.row, second.cells, second.wrong[1][0]) == (2, ["1", ""], FORM)
    assert (third.row, set(third.wrong)) == (3, {0})


def test_titles_and_empty_rows_are_skipped_and_rows_keep_their_numbers() -> None:
    rows = {
        2: [text("三月欠费清单")],
        4: [text("a"), text("b"), text("c")],
        6: [text("1"), text("2"), ""],
        7: [text("1"), "", ""],
        9: [text("制表人：某某")],
    }
    content = book({"S": sheet_xml(rows, ["A2:C2", "B6:C6", "A9:C9"])})
    found = [(record.row, list(record.cells)) for record in read(content)]
    assert found == [(4, ["a", "b", "c"]), (6, ["1", "2", ""]), (7, ["1", "", ""])], (
        "a merged cell beside others is data"
    )


def test_the_first_sheet_that_is_shown_is_read_or_the_one_that_is_named() -> None:
    one, two = sheet_xml({1: [text("one")]}), sheet_xml({1: [text("two")]})
    content = book({"甲": one, "乙": two}, hidden=["甲"])
    sheet = opened(content, None)
    assert (sheet.name, sheet.hidden, next(records(sheet)).cells) == ("乙", ["甲"], ["two"])
    assert read(content, "甲")[0].cells == ["one"]
    assert why(content, "丙") == "no sheet '丙'; there are: 乙, 甲 (hidden)"
    assert why(book({"甲": one}, hidden=["甲"])) == "no sheet that is shown; there are: 甲 (hidden)"


def broken(content: bytes) -> bytes:
    """The bytes of the sheet are others than were packed."""
    at = content.index(b"xl/worksheets/sheet1.xml") + 24
    return content[:at] + bytes(byte ^ 0x55 for byte in content[at : at + 40]) + content[at + 40 :]


def lying(content: bytes) -> bytes:
    """The directory says that the sheet has ten bytes."""
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"xl/worksheets/sheet1.xml"))
    return content[: at + 24] + struct.pack("<I", 10) + content[at + 28 :]


def twice(content: bytes) -> bytes:
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a") as packed:
        packed.writestr("xl/worksheets/Sheet1.xml", sheet_xml({1: [text("x")]}))
    return out.getvalue()


def cell_at(row: int, place: str) -> bytes:
    """A workbook of one empty cell."""
    return book({"S": f'<worksheet><sheetData><row r="{row}"><c r="{place}"/></row></sheetData></worksheet>'})


GOOD = book_of([{"a": "1", "b": "2"}])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b"account,number\r\n", "it is no workbook (xlsx)"),
        (OLD + bytes(600), "it is an old workbook (xls): save it as xlsx"),
        (OLD + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "it is encrypted: save it without a password"),
        (GOOD[:-60], "it is damaged"),
        (GOOD[: len(GOOD) // 2], "it is damaged"),
        (broken(GOOD), "it is damaged"),
        (lying(GOOD), "it is damaged"),
        (twice(GOOD), "it is damaged: two parts have one name"),
        (book({"S": "<worksheet><sheetData>"}), "it is damaged"),
        (book({"S": '<!DOCTYPE x [<!ENTITY y "z">]><worksheet/>'}), "it is damaged: a document type"),
        (cell_at(1, "??"), "it is damaged: no cell"),
        (
            cell_at(1_048_576, "GR1048576"),
            "xl/worksheets/sheet1.xml reaches down to row 1048576 and across to column 200",
        ),
        (
            cell_at(1, "XFD1"),
            "xl/worksheets/sheet1.xml reaches across to column 16384, 200 at most",
        ),
        (
            book({"S": sheet_xml({1: [text("x")]})}, xl__other='<a><row r="1"><c r="XFD9"/></row></a>'),
            "xl/other reaches across",
        ),
    ],
)  # fmt: skip
def test_what_is_no_sound_workbook_says_what_it_is(content: bytes, what: str) -> None:
    assert why(content).startswith(what)


def test_a_zip_that_is_no_workbook_and_a_binary_one() -> None:
    def packed(*names: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as zipped:
            for name in names:
                zipped.writestr(name, "<a/>")
        return out.getvalue()

    assert why(packed("word/document.xml")) == "it is no workbook (xlsx)"
    assert why(packed("xl/workbook.bin")) == "it is a binary workbook (xlsb): save it as xlsx"


def test_a_zip_bomb_is_refused_by_what_comes_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "UNPACKED_BYTES_MAX", 1 << 20)
    bomb = book({"S": sheet_xml({1: [text("x")]})}, xl__media__picture="\0" * (2 << 20))
    assert len(bomb) < 8_000
    assert why(bomb) == "unpacked it has more than 1048576 bytes"


@pytest.mark.parametrize(
    ("kind", "part", "around", "repeated"),
    [
        ("si", "xl__sharedStrings.xml", "<sst>{}</sst>", "<si><t>a</t></si>"),
        ("xf", "xl__other.xml", "<styleSheet><cellXfs>{}</cellXfs></styleSheet>", '<xf numFmtId="18"/>'),
        ("mergeCell", "xl__other.xml", "<a><mergeCells>{}</mergeCells></a>", '<mergeCell ref="A1:B1"/>'),
        ("c", "xl__other.xml", '<a xmlns:x="y"><row r="3">{}</row></a>', '<x:c r="A3"/>'),
    ],
)
def test_what_a_reader_keeps_one_by_one_is_bounded(
    monkeypatch: pytest.MonkeyPatch, kind: str, part: str, around: str, repeated: str
) -> None:
    """Some hundred kilobytes unpack into more of them than there is memory."""
    monkeypatch.setattr(sheet_scan, "KEPT_MAX", {kind: 20})
    for count, said in ((20, None), (21, f"it is damaged: more than 20 elements {kind}")):
        content = book({"S": sheet_xml({1: [text("x")]})}, **{part: around.format(repeated * count)})
        assert (None if said is None else why(content)) == said
        assert said is not None or len(read(content)) == 1


SHARED = "<sst><si><t>12345</t><r><t>67890</t></r></si><si><t>1</t></si></sst>"


@pytest.mark.parametrize(
    ("cell", "chars"),
    [
        ("<v>0</v>", 10),
        ("<v>1</v>", 1),
        ("<v>1</v><v>0</v>", 10),  # the reader takes the last
        ("<v>0</v>1<f>1</f>", 10),
        ("<v> 0</v>", 10),
        ("<f>1</f>", 0),
    ],
)
def test_a_text_that_cells_share_is_there_as_often_as_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, cell: str, chars: int
) -> None:
    """A file of some kilobytes may have a long text in a million cells."""
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s">{cell}</c></row>' for row in range(1, 11))
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    content = book({"S": sheet}, **{"xl__sharedStrings.xml": SHARED})
    for most in (10 * chars, 10 * chars - 1):
        monkeypatch.setattr(workbook_parts, "SHARED_CHARS_MAX", max(most, 0))
        if most < 0 or most == 10 * chars:
            opened(content, None)
        else:
            assert why(content) == f"xl/worksheets/sheet1.xml has more than {most} characters"


def test_what_shares_a_text_that_is_not_there_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "SHARED_CHARS_MAX", 5)
    sheet = (
        f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="s"><v>2</v></c></row></sheetData></worksheet>'
    )
    assert why(book({"S": sheet}, **{"xl__sharedStrings.xml": SHARED})) == "it is damaged: no text is shared as '2'"


def test_a_row_is_bounded_as_in_other_files() -> None:
    found = read(book({"S": sheet_xml({1: [text("x")], 2: [text("y" * 65_537)], 3: [text("z" * 65_536)]})}))
    assert found[1] == Record(2, ["y" * 1_000], "has more than 65536 characters")
    assert found[2].mistake is None


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS_MAX", 3)
    assert len(read(book_of([{"a": str(at)} for at in range(3)]))) == 4
    assert why(book_of([{"a": str(at)} for at in range(4)])) == "the sheet has more than 3 rows"


@pytest.mark.parametrize("form", [repr, lambda value: f"{value:.17g}"])
def test_amounts_come_through_as_they_were_written(form: Callable[[float], str]) -> None:
    for cents in range(0, 3_000_000, 997):
        assert number_text(float(form(cents / 100))) in {
            f"{cents / 100:.2f}".rstrip("0").rstrip("."),
            str(cents // 100),
        }
