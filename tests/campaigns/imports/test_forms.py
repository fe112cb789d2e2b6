"""One list of contacts as CSV, NDJSON and workbook: the same comes of each, on both databases."""

from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import Connection, update

from campaigns.imports.errors import TooLarge, UnreadableFile
from campaigns.imports.taking import Form, taken_of
from campaigns.ledger.tables import imports
from tests.campaigns.imports.books import DAY, MOMENT, book, book_of, number, sheet_xml, text
from tests.campaigns.imports.site import ARREARS, ROWS, Site, csv_of, ndjson_of

MADE = {Form.CSV: csv_of, Form.NDJSON: ndjson_of, Form.XLSX: book_of}
ALL = pytest.mark.parametrize("form", list(Form))


def some_rows(kind: str) -> Sequence[Mapping[str, str]]:
    """Accounts with several items, rows that are rejected and merged."""
    row = ROWS[kind]
    plain = [{**row, "account": f"A{at}", "number": f"138{at:08}"} for at in range(20)]
    return [*plain, {**row, "number": "95598"}, plain[3], {**plain[4], "name": "王五"}]


@ALL
@pytest.mark.parametrize("kind", list(ROWS))
async def test_each_kind_of_file_comes_to_the_same(site: Site, form: Form, kind: str) -> None:
    campaign = await site.campaign(kind)
    row = await site.imported(campaign, MADE[form](some_rows(kind)), form=form)
    assert (row.state, row.received) == ("done", 23), row.error
    assert row.received == row.accepted + row.rejected + row.merged
    other = await site.campaign(kind, "c2")
    plain = await site.imported(other, csv_of(some_rows(kind)))
    assert plain[7:14] == row[7:14]
    found = await site.contacts()
    mine, theirs = ([one[3:10] for one in found if one.campaign == which.id] for which in (campaign, other))
    assert mine == theirs
    shift = 1 if form is Form.NDJSON else 0  # there the first row is no header
    errors = [error.split(": ", 1) for error in await site.errors(row)]
    assert [(str(int(at) + shift), what) for at, what in errors] == [
        tuple(error.split(": ", 1)) for error in await site.errors(plain)
    ]


TYPED = {
    "户号": number("3100000007"), "姓名": text("张三"), "联系电话": number("13800000001"),
    "电费年月": number("46023", DAY),
    "欠费金额": number("120"), "违约金日利率": number("1E-3"), "起算日": number("46054", DAY),
    "as_of": number("46082", MOMENT), "总欠费额": number("123.48000000000002"), "交费地点": text("营业厅"),
}  # fmt: skip


def typed(**others: str) -> bytes:
    cells = {**TYPED, **others}
    lines = {1: [text("三月欠费")], 3: [text(name) for name in cells], 4: list(cells.values())}
    return book({"三月": sheet_xml(lines, ["A1:J1"]), "草稿": sheet_xml({1: [text("x")]})}, hidden=["草稿"])


async def test_cells_as_a_spreadsheet_types_them(site: Site) -> None:
    row = await site.imported(await site.campaign("arrears"), typed(), form=Form.XLSX)
    assert (row.state, row.accepted) == ("done", 1), (row.error, await site.errors(row))
    (contact,) = await site.contacts()
    assert contact.account == "3100000007"
    assert '"+8613800000001"' in contact.phones
    assert contact.items == (
        '[{"months":"2026-01","arrears":"120.00","penalty_rate_per_day":"0.001","as_of":"2026-03-01",'
        '"penalty_from":"2026-02-01","total_due":"123.48","pay_at":"营业厅"}]'
    )
    taken = taken_of(row.header)
    assert taken is not None
    assert (taken.sheet, list(taken.hidden_sheets)) == ("三月", ["草稿"])


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"户号": number("3.1000000071234567E15")}, "4: 户号: SPOILT: '3.1e+15' has more digits"),
        ({"户号": 't="e"|<v>#N/A</v>'}, "4: 户号: FORM: is an error of the spreadsheet"),
        ({"联系电话": number("13800000001.5")}, "4: 联系电话: SPOILT: "),
        ({"联系电话": 't="e"|<v>#REF!</v>'}, "4: 联系电话: FORM: is an error of the spreadsheet"),
        ({"时区": 't="e"|<v>#REF!</v>'}, "4: 时区: FORM: is an error of the spreadsheet"),
        ({"as_of": 't="e"|<v>#VALUE!</v>'}, "4: as_of: FORM: is an error of the spreadsheet"),
        ({"电费年月": number("46024", DAY)}, "4: 电费年月: FORM: "),
        ({"总欠费额": number("123.485")}, "4: 总欠费额: FORM: '123.485' has parts of a cent"),
        ({"欠费金额": 't="b"|<v>1</v>'}, "4: 欠费金额: FORM: 'yes' is not an amount"),
    ],
)
async def test_what_a_cell_cannot_be_is_named_with_its_field(lite: Site, cells: dict[str, str], error: str) -> None:
    row = await lite.imported(await lite.campaign("arrears"), typed(**cells), form=Form.XLSX)
    assert (row.state, row.rejected) == ("done", 1), row.error
    assert (await lite.errors(row))[0].startswith(error)


async def test_a_kept_column_that_is_spoilt_is_empty(lite: Site) -> None:
    content = typed(台区='t="e"|<v>#N/A</v>')
    row = await lite.imported(await lite.campaign("arrears"), content, ["台区"], form=Form.XLSX)
    assert (row.accepted, (await lite.contacts())[0].kept) == (1, '{"台区":""}')


async def test_a_workbook_that_is_none_leaves_nothing(site: Site) -> None:
    campaign = await site.campaign("arrears")
    for content in (b"", b"PK\x03\x04", b"a,b\r\n", book_of([ARREARS])[:-40]):
        with pytest.raises(UnreadableFile):
            await site.receive(campaign, content, form=Form.XLSX)
    with pytest.raises(UnreadableFile, match="send it as one"):
        await site.receive(campaign, book_of([ARREARS]))
    with pytest.raises(UnreadableFile, match="no sheet 'x'"):
        await site.receive(campaign, book_of([ARREARS]), form=Form.XLSX, sheet="x")
    assert await site.imports() == []
    assert (await site.imported(campaign, book_of([ARREARS]), form=Form.XLSX)).state == "done"


async def test_a_workbook_is_bounded(lite: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.taking.WORKBOOK_BYTES_MAX", 1_000)
    with pytest.raises(TooLarge):
        await lite.receive(await lite.campaign("arrears"), book_of([ARREARS]), form=Form.XLSX)
    assert await lite.imports() == []


@pytest.mark.parametrize("form", [Form.NDJSON, Form.XLSX])
async def test_an_empty_file_has_no_header(lite: Site, form: Form) -> None:
    content = b"\n" if form is Form.NDJSON else book({"S": sheet_xml({})})
    row = await lite.imported(await lite.campaign("arrears"), content, form=form)
    assert (row.state, row.error) == ("failed", "the file has no header")


async def test_lines_of_json_that_are_none_come_back(lite: Site) -> None:
    content = ndjson_of([ARREARS]) + b'{"account": [1]}\nnot JSON\n' + ndjson_of([{**ARREARS, "account": "A2"}])
    row = await lite.imported(await lite.campaign("arrears"), content, form=Form.NDJSON)
    assert (row.received, row.accepted, row.rejected) == (4, 2, 2)
    errors = await lite.errors(row)
    assert errors[0].startswith("2: account: FORM: is a list or an object; 2: ")
    assert errors[1].startswith("3: -: ROW: is no JSON object")


async def test_an_import_of_an_earlier_release_fails_clearly(lite: Site) -> None:
    row = await lite.receive(await lite.campaign("arrears"), csv_of([ARREARS]))

    def forget(connection: Connection, given: Sequence[None]) -> Sequence[None]:
        connection.execute(update(imports).values(header=None))
        return given

    await lite.context.writer.run(forget, None)
    await lite.work()
    row = await lite.read(row)
    assert (row.state, row.error) == ("failed", "an earlier release received this file: send it again")
