"""POST /v1/settlements: one as JSON, files as CSV, and files of contacts that come later."""

import csv
import io
import json
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest

from campaigns.api.idempotent import NAME
from campaigns.ledger import audit
from campaigns.ledger.campaigns import read as read_campaign
from campaigns.ledger.notices import put as put_notices
from campaigns.settings import Settings
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.api.site import Reply, Site, contact_row, site
from tests.campaigns.api.test_imports import imported
from tests.scheduler import START_MS, TENANT

PATH = "/v1/settlements"
CSV = {"Content-Type": "text/csv"}
ONE = {"reference": "R1", "account": "1000001", "settled_at": "2026-03-01T10:00:00+08:00"}
HEADER = "account,items,settled_at,reference"
MB, WARM_ROWS, MANY_ROWS, MEMORY_MB = 1 << 20, 20_000, 60_000, 24


async def two_contacts(it: Site, **changed: Any) -> str:
    campaign: str = (await it.campaign(**changed))["id"]
    await it.put([contact_row(campaign, 1), contact_row(campaign, 2)])
    return campaign


async def states(it: Site, campaign: str) -> list[str]:
    listed = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
    return [one["state"] for one in listed]


def file(*rows: str) -> bytes:
    return ("\r\n".join([HEADER, *rows]) + "\r\n").encode()


async def send(it: Site, body: Any, **headers: str) -> Reply:
    return await it.ask("POST", PATH, body, headers={**CSV, **headers})


async def test_a_payment_closes_the_contact_and_is_known_again(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await two_contacts(it)
        first = await it.ask("POST", PATH, ONE)
        assert (first.status, first.json["paid"], first.json["items"]) == (200, 1, []), first.body
        assert first.json["settled_at"] == "2026-03-01T02:00:00.000Z"
        assert await states(it, campaign) == ["paid", "waiting"]
        again = await it.ask("POST", PATH, {**ONE, "items": []}, headers={NAME: "k-1"})
        assert (again.status, again.json) == (200, first.json)
        other = await it.ask("POST", PATH, {**ONE, "account": "1000002"})
        assert (other.status, other.code) == (409, "settled_otherwise")
        assert (await it.ask("POST", PATH, {**ONE, "account": "1000002"}, key="stranger")).json["paid"] == 0
        assert await states(it, campaign) == ["paid", "waiting"]
        (line,) = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "settled"]
        assert (line["about"], line["who"].split(" ")[0]) == ("R1", "manager")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"settled_at": "2026-03-01"}, "/settled_at"),
        ({"settled_at": "2036-03-01T00:00:00Z"}, "/settled_at"),
        ({"items": ["M1"]}, "/items"),
        ({"items": "2026-01"}, "/items"),
        ({"account": ""}, "/account"),
        ({"account": " "}, "/account"),
        ({"reference": "1.2E+10"}, "/reference"),
        ({"amount": "1.00"}, "/amount"),
    ],
)
async def test_what_is_no_payment(changed: dict[str, Any], pointer: str, tmp_path: Any) -> None:
    async with site(f"sqlite:///{tmp_path}/r.db", tasks=False) as it:
        answer = await it.ask("POST", PATH, {**ONE, **changed})
        assert (answer.status, answer.code) == (422, "invalid_body")
        assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
        wrong = await it.ask("POST", PATH, b"<a/>", headers={"Content-Type": "text/xml"})
        assert (wrong.status, wrong.code) == (415, "unsupported_media_type")


async def test_the_words_and_the_list_tell_what_is_left(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        row = contact_row(campaign, 1)
        january = json.loads(row.items)[0]
        items = [january, {**january, "months": "2026-02", "arrears": "7.00", "total_due": "7.21"}]
        await it.put([row._replace(items=json.dumps(items))])
        answer = await it.ask("POST", PATH, {**ONE, "items": ["202601"]})
        assert (answer.json["paid"], answer.json["in_part"], answer.json["items"]) == (0, 1, ["2026-01"])
        shown = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-1")).json
        assert [one["months"] for one in shown["items"]] == ["2026-02"]
        assert [one["months"] for one in shown["settled"]] == ["2026-01"]
        assert shown["state"] == "waiting"


async def test_a_letter_that_somebody_has_says_that_it_should_not_go_out(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await two_contacts(it)
        row = await it.in_ledger(lambda connection: read_campaign(connection, campaign, TENANT))
        rows = [contact_row(campaign, n) for n in (1, 2)]
        made = [notice_of(Owed(row, one, []), START_MS) for one in rows]
        await it.in_ledger(lambda connection: put_notices(connection, made))
        batch = await it.ask("POST", "/v1/notice-batches", {"campaign": campaign}, key="stranger")
        assert batch.status == 404
        await it.add_key("printer", "notices:export")
        batch = await it.ask("POST", "/v1/notice-batches", {"campaign": campaign}, key="printer")
        assert (await it.ask("POST", PATH, ONE)).json["to_recall"] == [made[0].id]
        listed = (await it.ask("GET", "/v1/notices", key="printer")).json["notices"]
        assert [("to_recall" in one, one["state"]) for one in listed] == [(True, "exported"), (False, "exported")]
        done = await it.ask("POST", f"/v1/notice-batches/{batch.json['id']}/acknowledge", {"failed": []}, key="printer")
        assert done.status == 200
        listed = (await it.ask("GET", "/v1/notices", key="printer")).json["notices"]
        assert [("to_recall" in one, one["state"]) for one in listed] == [(False, "acknowledged")] * 2


async def test_a_file_settles_what_it_can_and_gives_back_the_rest(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await two_contacts(it)
        body = file("1000001,,2026-03-01 10:00,R1", ",,2026-03-01,R2", "1000002,2026-02,2026-03-01,R3",
                    "1000001,,2026-03-01 10:00,R1", "1000002,,2026-03-01,R1")  # fmt: skip
        answer = await send(it, body)
        assert answer.status == 200, answer.body
        found = answer.json
        counted = ("received", "new", "repeated", "rejected", "paid", "in_part")
        assert [found[name] for name in counted] == [5, 2, 1, 2, 1, 0]
        assert [one["error"] for one in found["rows"]] == [
            "3: account: MISSING: is empty",
            "6: reference: CONFLICT: the reference is that of another payment, which stands",
        ]
        assert await states(it, campaign) == ["paid", "waiting"]
        as_csv = await send(it, body, Accept="text/csv")
        rows = list(csv.DictReader(io.StringIO(as_csv.body.decode("utf-8-sig"), newline="")))
        assert [(row["account"], row["reference"], row["error"].split(":")[2].strip()) for row in rows] == [
            ("", "R2", "MISSING"), ("1000002", "R1", "CONFLICT")
        ]  # fmt: skip
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [json.loads(one["details"])["new"] for one in lines if one["what"] == "settlements_told"] == [2, 0]


async def test_in_chinese_and_as_a_spreadsheet_writes_it(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await two_contacts(it)
        text = "户号;缴费时间;流水号\r\n1000001;2026/3/1 10:00;R1\r\n"
        assert (await send(it, text.encode("gb18030"))).json["paid"] == 1
        assert await states(it, campaign) == ["paid", "waiting"]


async def test_a_file_without_header_or_cut_short(url: str) -> None:
    async with site(url, tasks=False) as it:
        for body in (b"", b"a,b\r\n1,2\r\n"):
            answer = await send(it, body)
            assert (answer.status, answer.code) == (400, "bad_request"), body
        assert (await send(it, file())).json["received"] == 0, "a sign of life"


async def test_what_is_told_before_the_file_comes_holds(url: str) -> None:
    async with site(url) as it:
        campaign: str = (await it.campaign())["id"]
        told = file("A1,,2026-03-01 10:00,R1", "A2,2026-02,2026-03-01,R2", "A3,,2026-01-15,R3", "A4,,2025-12-31,R4")
        assert (await send(it, told)).json["paid"] == 0
        rows = "户号,姓名,联系电话,电费年月,欠费金额,起算日,违约金日利率,总欠费额,交费地点\r\n" + "".join(
            f"{account},张三,1380000000{account[1]},{month},120.00,2026-02-01,0.001,123.60,营业厅\r\n"
            for account, month in [("A1", "2026-01"), ("A2", "2026-01"), ("A2", "2026-02"), ("A3", "2026-01"),
                                   ("A4", "2026-01"), ("A5", "2026-01")]
        )  # fmt: skip
        shown = await imported(it, campaign, rows.encode())
        assert (shown["accepted"], shown["contacts"]) == (6, 5), shown
        assert await states(it, campaign) == ["paid", "waiting", "paid", "waiting", "waiting"]
        part = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-2")).json
        assert [one["months"] for one in part["items"]] == ["2026-01"]


async def test_payments_are_remembered_for_a_while(url: str) -> None:
    async with site(url, tasks=False) as it:
        await it.ask("POST", PATH, ONE)
        purge = it.it.hosted[0].opened.purge
        assert purge is not None
        kept_ms = Settings().settlements_ms
        await purge(START_MS + kept_ms)
        assert (await it.ask("POST", PATH, {**ONE, "account": "1000009"})).code == "settled_otherwise"
        await purge(START_MS + kept_ms + 1_000)
        assert (await it.ask("POST", PATH, {**ONE, "account": "1000009"})).status == 200, "the reference is free"


async def _rows(count: int, reference: str) -> AsyncIterator[bytes]:
    yield f"{HEADER}\r\n".encode()
    for n in range(count // 100):
        yield "".join(f"{n}-{k},,2026-03-01,{'' if k % 2 else f'{reference}{n}-{k}'}\r\n" for k in range(100)).encode()


async def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Any) -> None:
    async with site(f"sqlite:///{tmp_path}/r.db", tasks=False) as it:
        await send(it, _rows(WARM_ROWS, "W"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer = await send(it, _rows(MANY_ROWS, "M"), Accept="text/csv")
        assert answer.status == 200
        assert answer.body.count(b"MISSING") == MANY_ROWS // 2
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        assert grown - len(answer.body) < MEMORY_MB * MB, f"{grown / MB:.0f} MB"
