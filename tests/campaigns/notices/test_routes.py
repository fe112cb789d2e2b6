"""/v1/notices and /v1/notice-batches over the real door: keys, CSV to the letter, once for whoever asks, audited."""

import asyncio
import contextlib
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from campaigns.api import notice_batches as routes_of_batches
from campaigns.ledger import audit
from campaigns.ledger import notice_batches as ledger
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.tables import campaigns
from campaigns.written_notices.owing import Owed, owe_all
from cti.errors import LedgerAway
from cti.web.instants import rfc3339
from tests.campaigns.api.site import Reply, Site, attempt_row, contact_row, site
from tests.campaigns.notices.rows import campaign_row
from tests.scheduler import START_MS, TENANT

CAMPAIGN = "c0123456789abcde"
CSV = {"Accept": "text/csv"}
MONTH = {
    "months": "2026-01", "arrears": "100.00", "penalty_rate_per_day": "0.001", "penalty_from": "2026-02-01",
    "total_due": "103.00", "pay_at": "营业厅",
}  # fmt: skip
COLUMNS = (
    "batch", "page", "account", "name", "address", "months", "arrears", "penalty_rate_per_day", "penalty", "as_of",
    "penalty_from", "penalty_min", "total_due", "pay_at", "attempts", "created_at", "to_recall",
)  # fmt: skip
ZH = (
    "批次", "页码", "户号", "姓名", "通讯地址", "电费年月", "欠费金额", "违约金日利率", "违约金", "计算日期", "起算日",
    "最低违约金", "总欠费额", "交费地点", "呼叫记录", "生成时间", "需撤回",
)  # fmt: skip


@contextlib.asynccontextmanager
async def printing(url: str) -> AsyncIterator[Site]:
    """A site with a campaign, and a key of the printer's."""
    async with site(url) as here:
        await here.add_key("printer", "notices:export")
        await here.add_key("seer", "notices:export numbers:reveal")
        await here.add_key("other_switch", "notices:export", switches="s9")
        await add_campaign(here, campaign_row(tenant=TENANT))
        yield here


async def add_campaign(here: Site, row: CampaignRow) -> None:
    await here.in_ledger(lambda connection: connection.execute(campaigns.insert(), [row._asdict()]))


async def owe(here: Site, count: int, campaign: CampaignRow | None = None, **changed: Any) -> None:
    """So many notices, one a second, each after two attempts."""
    row = campaign or campaign_row(tenant=TENANT)
    people = [contact_row(row.id, no, tenant=row.tenant, state="fallback", **changed) for no in range(1, count + 1)]

    def work(connection: Any) -> None:
        for no, one in enumerate(people, 1):
            tried = [attempt_row(one, 1), attempt_row(one, 2, START_MS + 3_600_000, disposition="busy")]
            owe_all(connection, [Owed(row, one, tried)], START_MS + no * 1_000)

    await here.in_ledger(work)


async def lines(here: Site) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(who, what, about, details) of the audit log."""
    found = await here.context.reader.run(audit.lines, TENANT)
    return [(one["who"].split(" ")[0], one["what"], one["about"], json.loads(one["details"])) for one in found]


def table(answer: Reply) -> list[list[str]]:
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = answer.body.decode("utf-8")
    assert text.startswith("\ufeff")
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


async def take(here: Site, key: str = "printer", **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await here.ask("POST", "/v1/notice-batches", {"campaign": CAMPAIGN}, key=key, headers=sent)


async def test_notices_are_listed_masked_and_in_full_on_record(url: str) -> None:
    async with printing(url) as here:
        assert (await here.ask("GET", "/v1/notices", key="printer")).json == {"notices": [], "cursor": None}
        await owe(here, 3)
        shown = (await here.ask("GET", f"/v1/notices?campaign={CAMPAIGN}&state=pending", key="printer")).json
        first = shown["notices"][0]
        tried = {"channel": "auto", "counted": True}
        assert first == {
            "id": f"n-{CAMPAIGN}-1-1", "campaign": CAMPAIGN, "account": "1000001", "name": "张*",
            "address": "长江路***", "kind": "arrears",
            "items": [{**MONTH, "penalty": "3.00", "total_due": "103.00", "as_of": "2026-03-02"}],
            "attempts": [
                {"n": 1, **tried, "decided_at": rfc3339(START_MS), "sent_at": rfc3339(START_MS + 100),
                 "ended_at": rfc3339(START_MS + 32_000), "disposition": "noAnswer"},
                {"n": 2, **tried, "decided_at": rfc3339(START_MS + 3_600_000),
                 "sent_at": rfc3339(START_MS + 3_600_100), "ended_at": rfc3339(START_MS + 3_632_000),
                 "disposition": "busy"},
            ],
            "created_at": rfc3339(START_MS + 1_000), "state": "pending",
        }  # fmt: skip
        assert await lines(here) == []
        full = (await here.ask("GET", "/v1/notices", key="seer")).json["notices"][0]
        assert (full["name"], full["address"]) == ("张三", "长江路1号")
        assert await lines(here) == [("seer", "notices_revealed", "", {"notices": 3})]


async def test_pages_of_notices_follow_one_another(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 5)
        seen, cursor = [], ""
        for _ in range(3):
            page = (await here.ask("GET", f"/v1/notices?limit=2{cursor}", key="printer")).json
            seen += [one["account"] for one in page["notices"]]
            cursor = f"&cursor={page['cursor']}"
        assert (seen, page["cursor"]) == ([f"{1_000_000 + no}" for no in range(1, 6)], None)
        answer = await here.ask("GET", "/v1/notices?limit=2", key="printer", headers=CSV)
        assert answer.headers["Ringback-Cursor"]
        assert [row[2:5] for row in table(answer)[1:]] == [[f"100000{no}", "张*", "长江路***"] for no in (1, 2)]
        assert (await here.ask("GET", "/v1/notices?state=lost", key="printer")).code == "bad_parameter"
        assert (await here.ask("GET", "/v1/notices?campaign=x", key="printer")).code == "bad_parameter"


async def test_a_batch_is_taken_once_and_shown_in_full(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 3)
        made = await take(here)
        batch = made.json
        assert (made.status, made.headers["Location"]) == (201, f"/v1/notice-batches/{batch['id']}")
        assert batch == {
            "id": batch["id"], "campaign": CAMPAIGN, "created_at": rfc3339(START_MS), "count": 3, "state": "exported",
            "by": f"printer ({here.keys['printer'].split('_')[1]})",
        }  # fmt: skip
        again = (await take(here)).json
        assert (again["count"], again["id"] == batch["id"]) == (0, False)
        listed = (await here.ask("GET", "/v1/notice-batches", key="printer")).json
        assert sorted(one["id"] for one in listed["batches"]) == sorted([batch["id"], again["id"]])
        shown = (await here.ask("GET", f"/v1/notice-batches/{batch['id']}", key="printer")).json
        assert {name: shown[name] for name in batch} == batch
        assert [(one["account"], one["name"], one["state"], one["batch"]) for one in shown["notices"]] == [
            (f"100000{no}", "张三", "exported", batch["id"]) for no in (1, 2, 3)
        ]
        assert (await here.ask("GET", f"/v1/notice-batches/{again['id']}", key="printer")).json["notices"] == []
        assert [line for line in await lines(here) if line[2] == batch["id"]] == [
            ("printer", "notice_batch_taken", batch["id"], {"campaign": CAMPAIGN, "notices": 3}),
            (
                "printer",
                "notice_batch_read",
                batch["id"],
                {"campaign": CAMPAIGN, "media": "application/json", "notices": 3},
            ),
        ]
        listed = (await here.ask("GET", "/v1/notices?state=exported", key="printer")).json["notices"]
        assert {one["batch"] for one in listed} == {batch["id"]}


async def test_the_csv_of_a_batch_is_to_the_letter(url: str) -> None:
    async with printing(url) as here:
        items = [{**MONTH, "pay_at": "=HYPERLINK(1)"}, {**MONTH, "months": "2026-02", "arrears": "-5.00"}]
        await owe(here, 1, items=json.dumps(items), name='+张,"三"', address="\x07@长江路\n1号")
        batch = (await take(here)).json["id"]
        found = table(await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer", headers=CSV))
        attempts = f"{rfc3339(START_MS)} noAnswer; {rfc3339(START_MS + 3_600_000)} busy"
        letter = [batch, "1", "1000001", '\'+张,"三"', "'\x07@长江路\n1号"]
        ending = [attempts, rfc3339(START_MS + 1_000), "", "address: glyph U+0007 U+000A"]
        assert found == [
            [*COLUMNS, "set_aside"],
            [*letter, "2026-01", "100.00", "0.001", "3.00", "2026-03-02", "2026-02-01", "", "103.00", "'=HYPERLINK(1)",
             *ending],
            [*letter, "2026-02", "'-5.00", "0.001", "0.00", "2026-03-02", "2026-02-01", "", "'-5.00", "营业厅",
             *ending],
        ]  # fmt: skip
        chinese = await here.ask("GET", f"/v1/notice-batches/{batch}?headers=zh", key="printer", headers=CSV)
        assert table(chinese)[0] == [*ZH, "未打印原因"]
        assert table(chinese)[1:] == found[1:]
        every = table(await here.ask("GET", "/v1/notices", key="printer", headers=CSV))[0]
        assert every[:5] + every[-3:] == [*COLUMNS[:5], *COLUMNS[-3:]]
        assert {"reading", "area", "total_due"} <= set(every), "of all kinds where no campaign is named"
        some = await here.ask("GET", f"/v1/notices?headers=zh&campaign={CAMPAIGN}", key="printer", headers=CSV)
        assert table(some)[0] == list(ZH)


async def test_a_large_batch_comes_in_pieces(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_of_batches, "PIECE", 7)
    async with printing(url) as here:
        await owe(here, 30)
        batch = (await take(here)).json["id"]
        pages = [
            row[1] for row in table(await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer", headers=CSV))
        ]
        assert pages[1:] == [str(page) for page in range(1, 31)]
        shown = (await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer")).json["notices"]
        assert [one["account"] for one in shown] == [f"{1_000_000 + no}" for no in range(1, 31)]


async def test_a_ledger_that_goes_away_in_the_middle_leaves_no_answer_that_looks_whole(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_of_batches, "PIECE", 2)
    read, count = ledger.of_batch, 0

    def of_batch(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise LedgerAway("gone")
        return read(*given)

    async with printing(url) as here:
        await owe(here, 8)
        batch = (await take(here)).json["id"]
        monkeypatch.setattr(ledger, "of_batch", of_batch)
        with pytest.raises(aiohttp.ClientPayloadError):
            await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer")
        count = 10
        assert len((await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer")).json["notices"]) == 8


async def test_two_who_ask_at_once_share_what_is_pending(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 40)
        answers = await asyncio.gather(*(take(here) for _ in range(6)))
        assert [answer.status for answer in answers] == [201] * 6
        assert sum(answer.json["count"] for answer in answers) == 40
        accounts: list[str] = []
        for answer in answers:
            shown = (await here.ask("GET", f"/v1/notice-batches/{answer.json['id']}", key="printer")).json
            accounts += [one["account"] for one in shown["notices"]]
        assert sorted(accounts) == [f"{1_000_000 + no}" for no in range(1, 41)]


async def test_the_same_key_gets_the_same_batch(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 2)
        first, second = [await take(here, Idempotency_Key="night-1") for _ in range(2)]
        assert (first.status, first.json["count"]) == (201, 2)
        assert (second.status, second.json, second.headers["Location"]) == (201, first.json, first.headers["Location"])
        assert len((await here.ask("GET", "/v1/notice-batches", key="printer")).json["batches"]) == 1
        await add_campaign(here, campaign_row(id="cfffffffffffffff", tenant=TENANT))
        other = {"campaign": "cfffffffffffffff"}
        sent = {"Idempotency-Key": "night-1"}
        refused = await here.ask("POST", "/v1/notice-batches", other, key="printer", headers=sent)
        assert (refused.status, refused.code) == (422, "idempotency_mismatch")


async def test_a_batch_is_acknowledged_once(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 4)
        batch = (await take(here)).json["id"]
        path = f"/v1/notice-batches/{batch}/acknowledge"
        unknown = {"failed": ["1000002", "7", "1000009"]}
        refused = await here.ask("POST", path, unknown, key="printer")
        assert (refused.status, refused.code) == (422, "unknown_accounts")
        assert [(one["pointer"], one["detail"].split()[-1]) for one in refused.json["errors"]] == [
            ("/failed/1", "7"), ("/failed/2", "1000009"),
        ]  # fmt: skip
        done = await here.ask("POST", path, {"failed": ["1000003", "1000003"]}, key="printer")
        assert done.status == 200
        assert (done.json["state"], done.json["failed"], done.json["count"]) == ("acknowledged", 1, 4)
        assert done.json["acknowledged_at"] == rfc3339(START_MS)
        await here.it.to(60)
        again = await here.ask("POST", path, {"failed": ["1000003"]}, key="printer")
        assert (again.status, again.json) == (200, done.json)
        otherwise = await here.ask("POST", path, {}, key="printer")
        assert (otherwise.status, otherwise.code) == (409, "acknowledged_otherwise")
        shown = (await here.ask("GET", f"/v1/notice-batches/{batch}", key="printer")).json
        assert [one["state"] for one in shown["notices"]] == ["acknowledged", "acknowledged", "failed", "acknowledged"]
        said = [line for line in await lines(here) if line[1] == "notice_batch_acknowledged"]
        assert said == [
            ("printer", "notice_batch_acknowledged", batch, {"campaign": CAMPAIGN, "notices": 4, "failed": 1})
        ]


async def test_acknowledged_twice_at_once_it_is_acknowledged_once(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 4)
        path = f"/v1/notice-batches/{(await take(here)).json['id']}/acknowledge"
        asked = ({"failed": ["1000001"]}, {"failed": ["1000002"]}, {"failed": ["1000001"]}, {"failed": ["1000002"]})
        answers = await asyncio.gather(*(here.ask("POST", path, one, key="printer") for one in asked))
        assert sorted(answer.status for answer in answers) == [200, 200, 409, 409]


async def test_whose_notices_they_are(url: str) -> None:
    async with printing(url) as here:
        await owe(here, 1)
        batch = (await take(here)).json["id"]
        one = f"/v1/notice-batches/{batch}"
        body = {"campaign": CAMPAIGN}
        for key in ("stranger", "other_switch"):
            assert (await here.ask("GET", "/v1/notices", key=key)).json["notices"] == []
            assert (await here.ask("GET", "/v1/notice-batches", key=key)).json["batches"] == []
            refused = [
                await here.ask("GET", one, key=key), await here.ask("POST", f"{one}/acknowledge", {}, key=key),
                await here.ask("POST", "/v1/notice-batches", body, key=key),
            ]  # fmt: skip
            assert [answer.code for answer in refused] == ["not_found"] * 3
        asked = [("GET", "/v1/notices", None), ("GET", "/v1/notice-batches", None), ("GET", one, None)]
        asked += [("POST", "/v1/notice-batches", body), ("POST", f"{one}/acknowledge", {})]
        for method, path, given in asked:
            assert (await here.ask(method, path, given, key="manager")).code == "scope_missing"
        assert (await here.ask("GET", "/v1/notice-batches/b000000000000000", key="printer")).code == "not_found"
        assert (await here.ask("HEAD", one, key="printer")).status == 200


BAD = [
    ("", {}, "/campaign"),
    ("", {"campaign": "c1"}, "/campaign"),
    ("", {"campaign": CAMPAIGN, "all": True}, "/all"),
    ("/acknowledge", {"failed": "1000001"}, "/failed"),
    ("/acknowledge", {"failed": [1]}, "/failed/0"),
    ("/acknowledge", {"failed": ["a\u0000"]}, "/failed/0"),
    ("/acknowledge", {"failed": ["x" * 65]}, "/failed/0"),
]


async def test_bad_bodies_name_what_is_wrong(url: str) -> None:
    async with printing(url) as here:
        batch = f"/{(await take(here)).json['id']}"
        for path, body, pointer in BAD:
            refused = await here.ask("POST", f"/v1/notice-batches{batch if path else ''}{path}", body, key="printer")
            assert (refused.status, refused.code) == (422, "invalid_body")
            assert [one["pointer"] for one in refused.json["errors"]] == [pointer]
