"""Rejected rows come back as they were, and can be mended and sent again."""

import csv
import io

import pytest

from campaigns.imports.rejected import PIECE_CHARS, PIECE_ROWS, in_pieces, rejected_csv, safe, shown
from tests.campaigns.imports.site import ARREARS, Site, csv_of


async def file_of(site: Site, campaign: str, no: int) -> bytes:
    return b"".join([part async for part in rejected_csv(site.context, campaign, no)])


def test_a_piece_is_small_whatever_the_rows_are() -> None:
    half = "x" * (PIECE_CHARS // 2)
    wide = [([half, ""], "wrong") for _ in range(5)]
    assert [len(piece) for piece in in_pieces(wide)] == [2, 2, 1]
    narrow = [([str(number)], "wrong") for number in range(PIECE_ROWS + 1)]
    pieces = list(in_pieces(narrow))
    assert [len(piece) for piece in pieces] == [PIECE_ROWS, 1]
    assert [row for piece in pieces for row in piece] == narrow
    assert [len(piece) for piece in in_pieces([([half * 3], "wrong")] * 2)] == [1, 1], "a row is never divided"
    assert list(in_pieces([])) == []


async def test_rejected_rows_come_back_as_they_were(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.rejected.PAGE_ROWS", 2)
    campaign = await site.campaign("arrears")
    row = {"户号": "A1", "联系电话": "95598", "备注": '他说"好", 行', **ARREARS}
    del row["account"], row["number"]
    rows = [{**row, "户号": f"A{n}"} for n in range(5)]
    ended = await site.of_rows(campaign, *rows, {**row, "联系电话": "13800000001", "户号": "A9"})
    content = await file_of(site, campaign.id, ended.no)
    assert content.startswith(b"\xef\xbb\xbf")
    back = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    errors = [one.pop("error") for one in back]
    assert back == rows
    assert errors == [f"{n}: 联系电话: SERVICE_NUMBER: '95598' is a service number" for n in range(2, 7)]
    mended = content.replace(b"95598,", b"+8613900000009,", 10)
    again = await site.imported(campaign, mended)
    assert (again.accepted, again.rejected, again.contacts) == (5, 0, 5)


async def test_an_import_as_the_interface_shows_it(lite: Site) -> None:
    campaign = await lite.campaign("arrears")
    ended = await lite.of_rows(campaign, ARREARS, ARREARS, {**ARREARS, "number": ""})
    body = dict(shown(ended))
    sha256 = body.pop("sha256")
    assert body == {
        "n": 1, "file": "file.csv", "state": "done", "received": 3, "accepted": 1, "rejected": 1, "merged": 1,
        "contacts": 1, "bytes": len(csv_of([ARREARS, ARREARS, {**ARREARS, "number": ""}])),
        "made_at": "2026-03-02T01:00:00.000Z", "ended_at": "2026-03-02T01:00:00.000Z",
    }  # fmt: skip
    assert len(str(sha256)) == 64
    assert shown(ended._replace(state="failed", error="why"))["error"] == "why"


async def test_of_an_import_that_is_none_there_is_only_the_header(lite: Site) -> None:
    assert await file_of(lite, "nothing", 1) == b"\xef\xbb\xbferror\r\n"


@pytest.mark.parametrize(
    ("cell", "as_written"),
    [
        ("=1+1", "'=1+1"), ("@x", "'@x"), ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"), ("\tx", "'\tx"),
        ("\x07", "'\x07"), ("-12.50", "-12.50"), ("+86138 0000-0001", "+86138 0000-0001"), ("张三", "张三"), ("", ""),
    ],
)  # fmt: skip
def test_no_cell_is_computed_by_a_spreadsheet(cell: str, as_written: str) -> None:
    assert safe(cell) == as_written
