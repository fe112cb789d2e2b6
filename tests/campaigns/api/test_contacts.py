"""Contacts and the ledger of decisions: pages, masks, CSV, and why somebody waits."""

import csv
import io
import json
from typing import Any

from sqlalchemy import insert

from campaigns.ledger import audit
from campaigns.ledger.rows import RefusalRow
from campaigns.ledger.tables import refusals
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.scheduler import START_MS, TENANT

CSV = {"Accept": "text/csv"}
SECOND = 1_000
BEFORE_MS = START_MS - 100 * SECOND


async def filled(it: Site, count: int = 25) -> str:
    """A campaign with contacts, every third reached at its first attempt, and refusals of the first."""
    campaign: str = (await it.campaign())["id"]
    made = [
        contact_row(campaign, no, state="reached" if no % 3 == 0 else "waiting", notice_out_by_ms=START_MS + SECOND)
        for no in range(1, count + 1)
    ]
    tried = [
        attempt_row(row, 1, BEFORE_MS + row.no * SECOND, disposition="reached", digits="138001") for row in made
        if row.state == "reached"
    ]  # fmt: skip
    tried.append(attempt_row(made[0], 1, BEFORE_MS))
    await it.put(made, tried)
    refused = [
        RefusalRow(made[0].id, BEFORE_MS + n, why, campaign, 2, 1, "CB-1", START_MS + 9)
        for n, why in enumerate(("quiet_hours", "retry_wait", "trunk_full"), 1)
    ]
    await it.in_ledger(lambda connection: connection.execute(insert(refusals), [row._asdict() for row in refused]))
    return campaign


async def pages(it: Site, path: str, name: str) -> list[Any]:
    found: list[Any] = []
    after = ""
    for _ in range(100):
        answer = (await it.ask("GET", f"{path}{after}")).json
        found += answer[name]
        if answer["cursor"] is None:
            return found
        after = f"&cursor={answer['cursor']}"
    raise AssertionError("pages without end")


async def test_contacts_come_in_pages_in_the_order_of_the_file(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/contacts"
        whole = await pages(it, f"{path}?limit=7", "contacts")
        assert [one["contact"] for one in whole] == [f"{campaign}-{no}" for no in range(1, 26)]
        reached = await pages(it, f"{path}?limit=3&state=reached", "contacts")
        assert [int(one["contact"].split("-")[1]) for one in reached] == list(range(3, 26, 3))
        assert {(one["attempts"], one["counted"], one["disposition"]) for one in reached} == {(1, 1, "reached")}
        (one,) = (await it.ask("GET", f"{path}?account=1000007")).json["contacts"]
        assert one["contact"] == f"{campaign}-7"
        assert (await it.ask("GET", f"{path}?account=1000007&state=reached")).json["contacts"] == []
        assert (await it.ask("GET", f"{path}?cursor=x")).code == "bad_parameter"
        assert (await it.ask("GET", f"{path}?state=dead")).code == "bad_parameter"


async def test_names_and_numbers_are_masked_unless_the_key_may_see_them_and_that_is_on_record(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it, 3)
        path = f"/v1/campaigns/{campaign}"
        for key in ("manager", "reader", "admin"):
            (one, *_) = (await it.ask("GET", f"{path}/contacts", key=key)).json["contacts"]
            assert (one["name"], one["numbers"], one["account"]) == ("张*", ["+86138****1234"], "1000001")
            single = await it.ask("GET", f"{path}/contacts/{campaign}-3", key=key)
            for text in ("13800001234", "张三", "长江路1号", "138001"):
                assert text not in single.body.decode(), text
            lines = (await it.ask("GET", f"{path}/attempts", key=key)).body.decode()
            assert "+86138****1234" in lines
            assert "13800001234" not in lines
        assert [line["what"] for line in await noted(it)].count("contact_shown") == 0
        (one, *_) = (await it.ask("GET", f"{path}/contacts", key="revealer")).json["contacts"]
        assert (one["name"], one["numbers"]) == ("张三", ["+8613800001234"])
        single = (await it.ask("GET", f"{path}/contacts/{campaign}-3", key="revealer")).json
        assert (single["address"], single["attempts"][0]["digits"]) == ("长江路1号", "138001")
        lines = await noted(it)
        told = [(line["what"], line["about"], json.loads(line["details"])["revealed"]) for line in lines[-2:]]
        assert told == [("contacts_shown", campaign, True), ("contact_shown", f"{campaign}-3", True)]
        assert lines[-1]["who"].startswith("revealer (")


async def noted(it: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await it.context.reader.run(audit.lines, TENANT)
    assert [line["no"] for line in found] == list(range(1, len(found) + 1))
    return found


async def test_a_contact_has_its_decisions_in_order_refusals_included(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it)
        one = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-1")).json
        told = [(each["decision"], each.get("why"), each["n"]) for each in one["attempts"]]
        assert told == [
            ("dialled", None, 1), ("refused", "quiet_hours", 2), ("refused", "retry_wait", 2),
            ("refused", "trunk_full", 2),
        ]  # fmt: skip
        first = one["attempts"][0]
        assert first["said"] == {"template": "arrears", "sha256": "0" * 64}
        assert first["hours"] == {"zones": ["Asia/Shanghai"], "dial_before": "2026-03-02T00:58:22.000Z"}
        assert (first["counted"], first["q850"], first["caller_id"], first["profile"]) == (True, 19, "95598", "hours@1")
        assert "revised" not in first


async def test_explain_says_the_first_reason(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it)
        explain = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-2")).json["explain"]
        assert (explain["may_dial"], explain["why"]) == (False, "campaign_paused"), "it has not started"
        assert explain["zones"] == ["Asia/Shanghai"]
        assert explain["local"][0]["time"] == "2026-03-02T09:00:00.000+08:00"
        assert explain["local"][0]["open"]
        reached = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-3")).json["explain"]
        assert (reached["may_dial"], reached["text"]["en"]) == (False, "The person was reached")


async def test_the_ledger_comes_in_order_of_time_as_lines_as_csv_and_in_pages(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/attempts"
        answer = await it.ask("GET", path)
        assert answer.headers["Content-Type"].startswith("application/x-ndjson")
        whole = [json.loads(line) for line in answer.body.splitlines()]
        assert len(whole) == 8 + 1 + 3
        assert [one["decided_at"] for one in whole] == sorted(one["decided_at"] for one in whole)
        paged, cursor = list[Any](), ""
        for _ in range(50):
            page = await it.ask("GET", f"{path}?limit=2{cursor}")
            paged += [json.loads(line) for line in page.body.splitlines()]
            if not page.headers["Ringback-Cursor"]:
                break
            cursor = f"&cursor={page.headers['Ringback-Cursor']}"
        assert paged == whole
        table = await it.ask("GET", path, headers=CSV)
        rows = list(csv.DictReader(io.StringIO(table.body.decode("utf-8-sig"), newline="")))
        assert [row["decision"] for row in rows] == [one["decision"] for one in whole]
        assert {row["template"] for row in rows if row["decision"] == "dialled"} == {"arrears"}
        assert [line["what"] for line in await noted(it)].count("attempts_exported") >= 3
        for wrong in ("x", f"1~{campaign}-1~0~retry_wait", "1~2~3~4"):
            assert (await it.ask("GET", f"{path}?cursor={wrong}")).code == "bad_parameter"


async def test_contacts_as_csv_follow_the_conventions_of_lists(url: str) -> None:
    async with site(url) as it:
        campaign = await filled(it)
        answer = await it.ask("GET", f"/v1/campaigns/{campaign}/contacts?limit=20", headers=CSV)
        rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
        assert len(rows) == 20
        assert (rows[0]["name"], rows[0]["numbers"]) == ("张*", "'+86138****1234")
        assert answer.headers["Ringback-Cursor"] == "20"
        assert answer.headers["Ringback-As-Of"] == "2026-03-02T01:00:00.000Z"
        assert (
            await it.ask("GET", f"/v1/campaigns/{campaign}/contacts", headers={"Accept": "image/png"})
        ).status == 406


async def test_what_is_not_there_is_not_found(url: str) -> None:
    async with site(url) as it:
        campaign, other = await filled(it, 3), await it.campaign()
        for path in (
            f"{campaign}/contacts/{campaign}-9",
            f"{other['id']}/contacts/{campaign}-1",
            "c0123456789abcde/contacts",
        ):
            assert (await it.ask("GET", f"/v1/campaigns/{path}")).code == "not_found", path
