"""Notices for tests, letters printed of them by a real press, and what can be read in the pages."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pypdf import PageObject, PdfReader

from campaigns.ledger.rows import NoticeRow
from campaigns.letters.content import Aside, Glyphs, letter, set_aside
from campaigns.letters.press import Job, Press
from campaigns.letters.printer import Batch, Printer, job
from campaigns.letters.templates import Templates, templates

ZONE = ZoneInfo("Asia/Shanghai")
ITEMS: Mapping[str, Mapping[str, str]] = {
    "arrears": {
        "months": "2026-01,2026-02", "arrears": "123.45", "penalty_rate_per_day": "0.001", "penalty": "1.20",
        "as_of": "2026-03-04", "penalty_from": "2026-02-20", "total_due": "124.65", "pay_at": "东湖营业厅",
    },
    "billing": {
        "reading_date": "2026-03-01", "meter": "DB-0012", "reading": "1234.5", "energy_kwh": "210", "amount": "110.20",
        "previous_balance": "-3.00", "amount_due": "107.20",
    },
    "outage": {
        "important": "no", "area": "长江路", "reason": "检修", "starts_at": "2026-03-10T08:00:00+08:00",
        "restores_at": "2026-03-10T18:30:00+08:00",
    },
}  # fmt: skip


def notice(page: int = 1, kind: str = "arrears", **changed: Any) -> NoticeRow:
    """`changed`: name, address, account, items."""
    said = {"name": "张三", "address": "江西省南昌市东湖区长江路1号", "items": [ITEMS[kind]], "attempts": []}
    account = changed.pop("account", f"31{page:08}")
    body = json.dumps({**said, **changed}, ensure_ascii=False)
    return NoticeRow(f"n{page}", "t", "c", f"c-{page}", 1, account, kind, body, 0, "exported", "b1", page, None)


def aside_of(row: NoticeRow, glyphs: Glyphs, language: str = "zh") -> list[Aside]:
    """Why it is not printed."""
    return set_aside(letter(row, language, ZONE), glyphs)


def batch_of(kind: str = "arrears", language: str = "zh", **changed: str) -> Batch:
    zh = language == "zh"
    batch = Batch(
        "b0123456789abcde", kind, language, "2026-03-04T09:00:00+08:00", "2026年3月4日" if zh else "4 March 2026",
        "95598供电服务热线" if zh else "the 95598 electricity service line", "95598",
    )  # fmt: skip
    return batch._replace(**changed)


async def printed(
    rows: Sequence[NoticeRow],
    batch: Batch,
    printer: Printer | None = None,
    piece: int = 25,
    aside: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """The whole file."""
    out = []
    async with (printer or Printer()).press(batch) as press:
        for at in range(0, len(rows), piece):
            some = [letter(row, batch.language, ZONE) for row in rows[at : at + piece]]
            out += [await press.letters(some)]
        out.append(await press.end(aside, 0))
    return b"".join(out)


def press_here(batch: Batch, glyphs: Glyphs, found: Templates | None = None) -> Press:
    """A press in this process."""
    return Press(Job(**job(Printer().folders(), found or templates(None), batch, glyphs)))


def pages(pdf: bytes) -> list[PageObject]:
    return list(PdfReader(io.BytesIO(pdf), strict=True).pages)


def glyph_numbers(page: PageObject) -> Iterator[int]:
    """Of every glyph that is shown, in the font's own numbers (Identity-H: two bytes each); 0 is the box."""
    contents = page.get_contents()
    assert contents is not None
    for operands, operator in contents.operations:
        texts = operands[0] if operator == b"TJ" else operands[:1] if operator == b"Tj" else []
        for text in texts:
            if isinstance(text, (bytes, str)):
                raw = text if isinstance(text, bytes) else text.original_bytes  # pypdf's own text
                yield from (int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))


def fonts_of(page: PageObject) -> list[Any]:
    fonts = page["/Resources"]["/Font"]
    return [fonts[name].get_object() for name in fonts]


def amounts(text: str) -> list[Decimal]:
    """Every number with two decimals, in order."""
    words = text.replace("\n", " ").split()
    return [Decimal(word) for word in words if word.lstrip("-").replace(".", "", 1).isdigit() and word[-3:-2] == "."]
