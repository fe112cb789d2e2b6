"""GET /v1/notice-batches/{batch} as PDF, over the real door and a real press."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from campaigns.api import notice_letters
from campaigns.ledger.notices import recall
from campaigns.letters import printer as printers
from tests.campaigns.api.site import Site
from tests.campaigns.letters.printed import amounts, pages
from tests.campaigns.notices.rows import campaign_row
from tests.campaigns.notices.test_routes import CAMPAIGN, CSV, add_campaign, lines, owe, printing, table, take
from tests.scheduler import TENANT

PDF = {"Accept": "application/pdf"}
FREED_S = 30.0
RARE = "张\U0002ffff"


async def batch(here: Site, count: int, **changed: Any) -> str:
    await owe(here, count, **changed)
    made: str = (await take(here)).json["id"]
    return made


async def freed(here: Site) -> None:
    """Every press has ended."""
    async with asyncio.timeout(FREED_S):
        while here.context.printer._free < printers.PRESSES:
            await here.context.reader.run(lambda _: None)


async def test_a_batch_is_printed_and_is_the_same_file_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_letters, "READ", 7)
    monkeypatch.setattr(notice_letters, "LETTERS", 4)
    async with printing(url) as here:
        name = await batch(here, 30)
        path = f"/v1/notice-batches/{name}"
        made = await here.ask("GET", path, key="printer", headers=PDF)
        assert (made.status, made.headers["Content-Type"]) == (200, "application/pdf")
        assert made.headers["Content-Disposition"] == f'inline; filename="{name}.pdf"'
        texts = [page.extract_text() for page in pages(made.body)]
        shown = (await here.ask("GET", path, key="printer")).json["notices"]
        assert len(texts) == len(shown) == 30
        for page, (text, notice) in enumerate(zip(texts, shown, strict=True), 1):
            said = (notice["account"], notice["name"], notice["address"], name, f"编号 {page}", "第 1 页，共 1 页")
            assert [one for one in said if one not in text] == []
            (item,) = notice["items"]
            assert set(map(str, amounts(text))) == {item["arrears"], item["penalty"], item["total_due"]}
            assert "set_aside" not in notice
        assert (await here.ask("GET", path, key="printer", headers=PDF)).body == made.body
        head = await here.ask("HEAD", path, key="printer", headers=PDF)
        assert (head.status, head.headers["Content-Type"], head.body) == (200, "application/pdf", b"")
        reads = [(about, details) for _, what, about, details in await lines(here) if what == "notice_batch_read"]
        assert reads.count((name, {"campaign": CAMPAIGN, "media": "application/pdf", "notices": 30})) == 2


async def test_the_language_of_the_campaign_is_that_of_its_letters(url: str) -> None:
    async with printing(url) as here:
        english = campaign_row(tenant=TENANT, id="cfffffffffffffff", language="en", kind="billing")
        await add_campaign(here, english)
        item = {
            "reading_date": "2026-03-01", "reading": "12", "energy_kwh": "5", "amount": "2.50",
            "previous_balance": "0.00", "amount_due": "2.50",
        }  # fmt: skip
        await owe(here, 1, english, items=json.dumps([item]))
        made = await here.ask("POST", "/v1/notice-batches", {"campaign": english.id}, key="printer")
        (page,) = pages((await here.ask("GET", made.headers["Location"], key="printer", headers=PDF)).body)
        for said in ("Electricity bill", "1 March 2026", "Total due (yuan)", "2.50"):
            assert said in page.extract_text()


async def test_who_cannot_be_printed_is_named_and_who_is_owed_no_more_is_left_out(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 3, account="1", name=RARE)
        row = campaign_row(tenant=TENANT, id="c000000000000001")
        await add_campaign(here, row)
        path = f"/v1/notice-batches/{await batch(here, 0)}"
        why = [{"field": "name", "rule": "glyph", "characters": ["U+2FFFF"]}]
        shown = (await here.ask("GET", path, key="printer")).json["notices"]
        assert [one["set_aside"] for one in shown] == [why] * 3
        rows = table(await here.ask("GET", path, key="printer", headers=CSV))
        assert [line[-2:] for line in rows] == [["to_recall", "set_aside"], *[["", "name: glyph U+2FFFF"]] * 3]
        (sheet,) = pages((await here.ask("GET", path, key="printer", headers=PDF)).body)
        assert sheet.extract_text().count("字库缺字 U+2FFFF") == 3
        assert "张" not in sheet.extract_text()

        await owe(here, 2, row)
        made = await here.ask("POST", "/v1/notice-batches", {"campaign": row.id}, key="printer")
        path = made.headers["Location"]
        before = pages((await here.ask("GET", path, key="printer", headers=PDF)).body)
        assert len(before) == 2
        await here.in_ledger(lambda connection: recall(connection, [(f"{row.id}-2", 1)], 1))
        letter, sheet = pages((await here.ask("GET", path, key="printer", headers=PDF)).body)
        assert (letter.extract_text(), "待撤回" in sheet.extract_text()) == (before[0].extract_text(), True)
        shown = (await here.ask("GET", path, key="printer")).json["notices"]
        assert [(one["state"], one.get("to_recall")) for one in shown] == [("exported", None), ("exported", True)]
        listed = (await here.ask("GET", "/v1/notices?to_recall=true", key="printer")).json["notices"]
        assert [(one["campaign"], one["account"]) for one in listed] == [(row.id, "1000002")]


async def test_an_empty_batch_is_a_sheet_that_says_so(url: str) -> None:
    async with printing(url) as here:
        path = f"/v1/notice-batches/{await batch(here, 0)}"
        (sheet,) = pages((await here.ask("GET", path, key="printer", headers=PDF)).body)
        assert "本批次没有信件" in sheet.extract_text()


async def test_letters_are_for_those_alone_who_may_export_them(url: str) -> None:
    async with printing(url) as here:
        await here.add_key("elsewhere", "notices:export", tenant="other")
        path = f"/v1/notice-batches/{await batch(here, 1)}"
        for key, code in (("elsewhere", "not_found"), ("other_switch", "not_found"), ("reader", "scope_missing")):
            assert (await here.ask("GET", path, key=key, headers=PDF)).code == code
        other = await here.ask("GET", path, key="printer", headers={"Accept": "image/png"})
        assert other.code == "not_acceptable"


async def test_faults_are_told_and_the_batch_stays(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with printing(url) as here:
        path = f"/v1/notice-batches/{await batch(here, 3)}"
        printer = here.context.printer
        (tmp_path / "arrears.zh.typ").write_text('#let title = ""\n#let letter(data, letter) = letter.nam\n', "utf-8")
        with monkeypatch.context() as own:
            own.setattr(printer, "_templates_folder", tmp_path)
            failed = await here.ask("GET", path, key="printer", headers=PDF)
            assert (failed.status, failed.code) == (500, "letters_failed")
            assert 'arrears.zh.typ:2:35: dictionary does not contain key "nam"' in failed.json["detail"]
        with monkeypatch.context() as odd:
            common = notice_letters._common
            odd.setattr(notice_letters, "_common", lambda *of: common(*of)._replace(caller="95598\ue000"))
            failed = await here.ask("GET", path, key="printer", headers=PDF)
            assert (failed.status, failed.code) == (500, "letters_failed")
            assert "U+E000" in failed.json["detail"]
        with monkeypatch.context() as full:
            full.setattr(printer, "_free", 0)
            busy = await here.ask("GET", path, key="printer", headers=PDF)
            assert (busy.status, busy.code, busy.headers["Retry-After"]) == (503, "letters_busy", "10")
        with monkeypatch.context() as bare:
            bare.setattr(printers, "PACKAGE", "no_such_package")
            bare.setattr(printers, "DEBIAN", tmp_path / "none")
            none = await here.ask("GET", path, key="printer", headers=PDF)
            assert (none.status, none.code) == (503, "letters_unavailable")
            assert len((await here.ask("GET", path, key="printer")).json["notices"]) == 3
        assert len(pages((await here.ask("GET", path, key="printer", headers=PDF)).body)) == 3


async def test_a_press_that_dies_in_the_middle_leaves_no_file_that_looks_whole(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_letters, "LETTERS", 1)
    letters, asked = printers.Pressing.letters, []

    async def third_fails(press: printers.Pressing, some: Any) -> bytes:
        asked.append(press.pid)
        if len(asked) == 3:
            raise printers.PressFailed("the press gave up")
        return await letters(press, some)

    async with printing(url) as here:
        path = f"/v1/notice-batches/{await batch(here, 5)}"
        monkeypatch.setattr(printers.Pressing, "letters", third_fails)
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            await here.ask("GET", path, key="printer", headers=PDF)
        assert len(asked) == 3
        assert (await here.ask("GET", f"/v1/notices?campaign={CAMPAIGN}", key="printer")).status == 200
        await freed(here)


async def test_who_reads_on_no_more_frees_the_press(url: str) -> None:
    async with printing(url) as here:
        path = f"/v1/notice-batches/{await batch(here, 200)}"
        sent = {"Authorization": f"Bearer {here.keys['printer']}", **PDF}
        async with aiohttp.ClientSession() as session:
            answer = await session.get(here.it.url + path, headers=sent)
            assert await answer.content.readexactly(8) == b"%PDF-1.7"
            answer.close()
        await freed(here)
