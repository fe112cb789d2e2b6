"""A batch as PDF and as PNG: what the ledger says, in fonts that are in the file, where the envelope's window is."""

from decimal import Decimal

import pytest

from campaigns.letters.content import Aside, letter, sheet_row
from campaigns.letters.printer import Printer
from tests.campaigns.letters.pictures import picture
from tests.campaigns.letters.printed import (
    ITEMS,
    ZONE,
    amounts,
    aside_of,
    batch_of,
    fonts_of,
    glyph_numbers,
    notice,
    pages,
    press_here,
    printed,
)

WINDOW = (27.0, 31.5, 113.0, 57.5)
SEEN_AT_MOST = (13.0, 17.0, 127.0, 72.0)  # through the window, wherever the sheet has slid to
HOSTILE = (
    '#read("/etc/passwd") $x$ \\ *bold* _it_ @ref <label> `raw` "q" \'a\' // /* */ [x] {y} = - + ~ --- ...',
    '欧阳"#"娜娜 = *',
    "O'Brien & Söhne <GmbH>",
    "a  b",
)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", sorted(ITEMS))
async def test_a_letter_says_what_the_ledger_says(kind: str, language: str) -> None:
    items = [ITEMS[kind], ITEMS[kind]]
    rows = [notice(page, kind, items=items) for page in (1, 2)]
    found = pages(await printed(rows, batch_of(kind, language)))
    assert len(found) == 2
    for row, page in zip(rows, found, strict=True):
        text = page.extract_text()
        assert f"{row.account}" in text
        assert "张三" in text
        assert "江西省南昌市东湖区长江路1号" in text
        assert "b0123456789abcde" in text
        money = [Decimal(value) for item in items for value in item.values() if value[-3:-2] == "."]
        sums = {"arrears": ["246.90", "2.40", "249.30"], "billing": ["214.40"], "outage": []}[kind]
        assert sorted(amounts(text)) == sorted([*money, *map(Decimal, sums)])
        numbers = list(glyph_numbers(page))
        assert len(numbers) > 100
        assert 0 not in numbers
        for font in fonts_of(page):
            assert "NotoSansCJKsc" in font["/BaseFont"]
            inside = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert len(inside["/FontFile3"].get_object().get_data()) > 1_000, "the font is in the file"


async def test_what_is_told_is_told_in_the_language_of_the_campaign() -> None:
    text = pages(await printed([notice()], batch_of()))[0].extract_text()
    for said in ("欠费催交通知", "2026年1月、2026年2月", "千分之1", "2026年2月20日", "东湖营业厅", "2026年3月4日"):
        assert said in text
    text = pages(await printed([notice()], batch_of(language="en")))[0].extract_text()
    for said in ("Notice of arrears", "January 2026, February 2026", "0.1 percent", "20 February 2026", "4 March 2026"):
        assert said in text
    text = pages(await printed([notice(kind="outage")], batch_of("outage")))[0].extract_text()
    assert "3月10日18点30分" in text


async def test_the_same_batch_is_the_same_file_however_it_is_cut() -> None:
    rows = [notice(page) for page in range(1, 8)]
    once = await printed(rows, batch_of(), piece=3)
    assert once == await printed(rows, batch_of(), piece=3)
    texts = [page.extract_text() for page in pages(once)]
    assert texts == [page.extract_text() for page in pages(await printed(rows, batch_of()))]
    assert [f"编号 {page}" in text for page, text in enumerate(texts, 1)] == [True] * 7


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_name_comes_out_as_it_is(name: str) -> None:
    row = notice(name=name[:26], address=name[-26:], items=[{**ITEMS["arrears"], "pay_at": name}])
    assert aside_of(row, await Printer().glyphs()) == []
    text = pages(await printed([row], batch_of()))[0].extract_text().replace("\n", "")
    for said in (name[:26], name[-26:], name):
        assert said.replace(" ", "") in text.replace(" ", "")


async def test_an_account_with_many_items_has_numbered_pages() -> None:
    row = notice(items=[ITEMS["arrears"]] * 30)
    found = pages(await printed([row, notice(2)], batch_of()))
    texts = [page.extract_text() for page in found]
    total = len(found) - 1
    assert total > 2
    assert [f"第 {at} 页，共 {total} 页" in text for at, text in enumerate(texts[:-1], 1)] == [True] * total
    assert "第 1 页，共 1 页" in texts[-1]
    assert all("编号 1" in text for text in texts[:-1])
    assert "3739.50" in texts[-2]


async def test_the_address_is_in_the_window_and_nothing_else_can_be_seen_through_it() -> None:
    long = "江西省南昌市东湖区长江路" * 8  # the most that the window holds
    rows = [notice(), notice(2, address=long, name="欧阳娜娜")]
    glyphs = await Printer().glyphs()
    assert [aside_of(row, glyphs) for row in rows] == [[], []]
    drawn = press_here(batch_of(), glyphs).compiled("png", [letter(row, "zh", ZONE) for row in rows])
    for png in drawn:
        sheet = picture(png, SEEN_AT_MOST[3])
        assert sheet.width / sheet.height == pytest.approx(210 / 297, rel=0.01)
        assert sheet.ink(*WINDOW) > 100
        assert sheet.ink(*SEEN_AT_MOST) == sheet.ink(*WINDOW)


async def test_who_is_set_aside_is_on_the_last_sheet_without_a_name() -> None:
    glyphs = await Printer().glyphs()
    odd = notice(2, name="张\U0002ffff三")
    why = aside_of(odd, glyphs)
    assert why == [Aside("name", "glyph", ("U+2FFFF",))]
    lines = [sheet_row(odd, why, glyphs, "zh"), sheet_row(notice(3), [], glyphs, "zh")]
    first, sheet = pages(await printed([notice()], batch_of(), aside=lines))
    assert "张三" in first.extract_text()
    text = sheet.extract_text()
    for said in ("本批次未打印的信件", "b0123456789abcde", "已打印1", "3100000002", "字库缺字 U+2FFFF", "待撤回"):
        assert said in text.replace("打印 1", "打印1")
    assert "张" not in text
    (empty,) = pages(await printed([], batch_of(language="en")))
    assert "There is no letter in this batch" in empty.extract_text()
