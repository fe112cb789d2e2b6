"""Exports with Chinese headings, and exported contacts that are imported again."""

import csv
import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from campaigns.api import attempt, contacts
from campaigns.api.item_rows import item_columns
from campaigns.api.titles import titles
from campaigns.imports.header import layout_of
from campaigns.imports.taking import Form
from campaigns.kinds import known_kinds
from tests.campaigns.api.site import Site, site
from tests.campaigns.imports.books import book_of
from tests.campaigns.imports.site import ARREARS, BILLING, OUTAGE, csv_of, ndjson_of

AS_CSV = {"Accept": "text/csv"}
FEBRUARY = {**ARREARS, "months": "2026-02", "arrears": "80.00", "total_due": "82.32"}
FILES: dict[str, Sequence[dict[str, str]]] = {
    "arrears": [
        {**ARREARS, "address": "北街1号", "class": "单位", "zone": "Asia/Urumqi"},
        FEBRUARY,
        {**ARREARS, "number": "01082345678"},
        {**ARREARS, "account": "=A2", "number": "+8613800000002", "name": "-李", "penalty_min": "1"},
    ],
    "billing": [BILLING, {**BILLING, "meter": "", "account": "B2"}],
    "outage": [OUTAGE, {**OUTAGE, "account": "O2", "important": "是", "area": "西湖区"}],
}
SENT = {Form.CSV: csv_of, Form.NDJSON: ndjson_of, Form.XLSX: book_of}


async def imported(it: Site, campaign: str, content: bytes, form: Form, query: str = "") -> dict[str, Any]:
    path = f"/v1/campaigns/{campaign}/imports"
    answer = await it.ask("POST", f"{path}{query}", content, headers={"Content-Type": form.value})
    assert answer.status == 202, answer.body
    await it.it.settle()
    found: dict[str, Any] = (await it.ask("GET", answer.headers["Location"])).json
    return found


async def held(it: Site, campaign: str) -> list[Any]:
    """What an import decides of its contacts."""
    listed = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts", key="revealer")).json["contacts"]
    found = []
    for one in listed:
        whole = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{one['contact']}", key="revealer")).json
        names = ("account", "name", "class", "important", "numbers", "address", "zones", "items")
        found.append([whole[name] for name in names])
    return found


@pytest.mark.parametrize("kind", list(FILES))
async def test_what_is_exported_by_items_is_imported_again(url: str, kind: str) -> None:
    async with site(url) as it:
        first, again = [(await it.campaign(kind=kind))["id"] for _ in range(2)]
        counts = await imported(it, first, csv_of(FILES[kind]), Form.CSV)
        assert counts["rejected"] == 0, counts
        path = f"/v1/campaigns/{first}/contacts?rows=items&headers=zh"
        exported = (await it.ask("GET", path, key="revealer", headers=AS_CSV)).body
        assert exported.decode("utf-8-sig").startswith("户号,姓名,客户类别,重要用户,联系电话,联系电话2,")
        taken = await imported(it, again, exported, Form.CSV)
        assert (taken["state"], taken["rejected"]) == ("done", 0), taken
        assert await held(it, again) == await held(it, first)


async def test_who_does_not_see_numbers_exports_masked_ones(url: str) -> None:
    async with site(url) as it:
        campaign = (await it.campaign())["id"]
        await imported(it, campaign, csv_of([{**ARREARS, "pay_at": "请打 158-1234-5678 找他"}]), Form.CSV)
        path = f"/v1/campaigns/{campaign}/contacts?rows=items"
        body = (await it.ask("GET", path, headers=AS_CSV)).body.decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(body, newline=""))
        assert row["number"] == "'+86138****0001"
        assert "张三" not in body
        assert (row["pay_at"], row["arrears"]) == ("请打 158****5678 找他", ARREARS["arrears"])


async def test_chinese_headings_stand_over_the_same_rows(url: str) -> None:
    async with site(url) as it:
        campaign = (await it.campaign())["id"]
        await imported(it, campaign, csv_of([ARREARS]), Form.CSV)
        for what, columns in (("contacts", contacts.COLUMNS), ("attempts", attempt.COLUMNS)):
            path = f"/v1/campaigns/{campaign}/{what}"
            plain, chinese = [
                (await it.ask("GET", path + query, headers=AS_CSV)).body.decode("utf-8-sig").split("\r\n", 1)
                for query in ("", "?headers=zh")
            ]
            assert plain[1] == chinese[1]
            assert plain[0].split(",") == list(columns)
            assert len(chinese[0].split(",")) == len(columns)
        assert (await it.ask("GET", f"{path}?headers=de", headers=AS_CSV)).status == 400


@pytest.mark.parametrize("kind", list(FILES))
def test_every_column_has_a_chinese_name_of_its_own_that_an_import_knows(kind: str) -> None:
    of = known_kinds()[kind]
    for columns in (contacts.COLUMNS, attempt.COLUMNS, item_columns(of)):
        chinese = titles(columns, "zh", of)
        assert len(set(chinese)) == len(columns)
        assert not [title for title in chinese if title.isascii()]
        assert titles(columns, None, of) == titles(columns, "en", of) == columns
    layout = layout_of(of, titles(item_columns(of), "zh", of))
    assert len(layout.numbers) + len(layout.fields) == len(item_columns(of))


@pytest.mark.parametrize("form", [Form.NDJSON, Form.XLSX])
async def test_the_other_kinds_of_file_over_http(url: str, form: Form) -> None:
    async with site(url) as it:
        campaign = (await it.campaign())["id"]
        content = SENT[form]([{**ARREARS, "身份证号": "x"}, FEBRUARY])
        shown = await imported(it, campaign, content, form, "?file=x&keep=" + quote("身份证号"))
        assert (shown["state"], shown["accepted"], shown["dropped"]) == ("done", 2, ["身份证号"])
        assert shown["sheet"] == ("Sheet1" if form is Form.XLSX else None)
        assert shown["hidden_sheets"] == []
        path = f"/v1/campaigns/{campaign}/imports"
        again = await it.ask("POST", path, content, headers={"Content-Type": form.value})
        assert (again.status, again.code) == (409, "same_file")


async def test_the_same_request_again_gets_the_same_answer(url: str) -> None:
    async with site(url) as it:
        path = f"/v1/campaigns/{(await it.campaign())['id']}/imports"
        headers = {"Content-Type": Form.XLSX.value, "Idempotency-Key": "k1"}
        first = await it.ask("POST", path, book_of([ARREARS]), headers=headers)
        assert (first.status, (await it.ask("POST", path, book_of([ARREARS]), headers=headers)).body) == (
            202,
            first.body,
        )
        other = await it.ask("POST", path, book_of([FEBRUARY]), headers=headers)
        assert (other.status, other.code) == (422, "idempotency_mismatch")


async def test_a_workbook_that_cannot_be_read_says_which(url: str) -> None:
    async with site(url) as it:
        path = f"/v1/campaigns/{(await it.campaign())['id']}/imports"
        headers = {"Content-Type": Form.XLSX.value, "Idempotency-Key": "k1"}
        for content, detail in ((b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old workbook"), (b"PK\x03\x04x", "damaged")):
            answer = await it.ask("POST", path, content, headers=headers)
            assert (answer.status, answer.code) == (422, "unreadable_file")
            assert detail in answer.json["detail"]
        assert (await it.ask("POST", path, book_of([ARREARS]), headers=headers)).status == 202, "the key is free again"
        wrong = await it.ask("POST", path, book_of([ARREARS]), headers={"Content-Type": "text/csv"})
        assert (wrong.code, wrong.json["detail"]) == ("unreadable_file", "it is a workbook: send it as one")
        named = await it.ask("POST", f"{path}?sheet=y", book_of([FEBRUARY]), headers={"Content-Type": Form.XLSX.value})
        assert named.json["detail"] == "no sheet 'y'; there are: Sheet1"
