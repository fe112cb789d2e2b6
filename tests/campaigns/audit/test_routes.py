"""The head of the audit log, a campaign's history, and the page of evidence of a contact."""

import io
import json
from typing import Any

from pypdf import PdfReader
from sqlalchemy import insert, update

from campaigns.core.audit_chain import GENESIS
from campaigns.dialler.orders import Callers, said_on
from campaigns.kinds import Text
from campaigns.ledger import audit, campaigns
from campaigns.ledger.rows import BatchRow, CampaignRow, ContactRow, RefusalRow
from campaigns.ledger.tables import contacts, imports, notice_batches, notices, refusals
from campaigns.rendering import Part, Said
from campaigns.settings import Settings
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.campaigns.api.test_actions import able
from tests.scheduler import START_MS, TENANT

SECOND = 1_000


async def row_of(it: Site, campaign: str) -> CampaignRow:
    found: CampaignRow | None = await it.context.reader.run(campaigns.read, campaign, TENANT)
    assert found is not None
    return found


def said(it: Site, row: CampaignRow, contact: ContactRow, part: Part = Part.CALL) -> Said:
    settings = Settings()
    callers = Callers(Text(settings.caller_zh, settings.caller_en), settings.call_back)
    told = said_on(row, contact, START_MS, it.context.rules, callers, (part,))
    assert isinstance(told, Said), told
    return told


async def filled(it: Site) -> str:
    """A contact with a refusal, a call of which the words are known, one of other words, a person's word, a letter."""
    campaign: str = (await it.campaign())["id"]
    row = await row_of(it, campaign)
    contact = contact_row(campaign, 1, state="fallback")
    call = attempt_row(contact, 1, sha256=said(it, row, contact).sha256, ring_until_ms=START_MS + 3_600 * SECOND)
    message = {"channel": "sms", "sha256": said(it, row, contact, Part.MESSAGE).sha256}
    tried = [
        call,
        attempt_row(contact, 2, START_MS + SECOND),
        attempt_row(contact, 3, START_MS + 2 * SECOND, **message),
        attempt_row(contact, 4, START_MS + 3 * SECOND, channel="person", sha256=None, template=None,
                    note="call 13800001234 back", number=""),
    ]  # fmt: skip
    await it.put([contact, contact_row(campaign, 2)], tried)
    refused = RefusalRow(contact.id, START_MS - 1, "quiet_hours", campaign, 1, 1, "CB-1", START_MS)
    notice = notice_of(Owed(row, contact, []), START_MS + 9)._replace(state="acknowledged", batch="b01", page=1)
    batch = BatchRow("b01", TENANT, campaign, START_MS + 10, 1, "acknowledged", "x (k)", START_MS + 11, "y (k)", 0)

    def put(connection: Any) -> None:
        for table, one in ((refusals, refused), (notices, notice), (notice_batches, batch)):
            connection.execute(insert(table).values(one._asdict()))

    await it.in_ledger(put)
    return campaign


async def test_the_head_is_an_anchor_of_the_keys_own_tenant(url: str) -> None:
    async with site(url, tasks=False) as it:
        none = (await it.ask("GET", "/v1/audit/head")).json
        assert none == {"no": 0, "hash": GENESIS, "at": None, "anchor": f"0:{GENESIS}"}
        await it.campaign()
        await it.campaign()
        head = (await it.ask("GET", "/v1/audit/head", key="reader")).json
        last = (await it.context.reader.run(audit.lines, TENANT))[-1]
        assert (head["no"], head["hash"], head["at"]) == (2, last["hash"], "2026-03-02T01:00:00.000Z")
        assert head["anchor"] == f"2:{last['hash']}"
        assert (await it.ask("GET", "/v1/audit/head", key="stranger")).json == none


async def history(it: Site, campaign: str, limit: int = 2, key: str = "reader") -> list[Any]:
    """All of it, in pages."""
    found: list[Any] = []
    after = ""
    for _ in range(50):
        answer = await it.ask("GET", f"/v1/campaigns/{campaign}/history?limit={limit}{after}", key=key)
        assert answer.status == 200, answer.body
        found += answer.json["history"]
        if answer.json["cursor"] is None:
            return found
        after = f"&cursor={answer.json['cursor']}"
    raise AssertionError("pages without end")


async def test_who_did_what_with_a_campaign_in_order_and_once(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        other: str = (await it.campaign())["id"]
        campaign: str = (await it.campaign())["id"]
        path = f"/v1/campaigns/{campaign}"
        csv = {"Content-Type": "text/csv"}
        posted = await it.ask("POST", f"{path}/imports?file=13800001234.csv", b"a,b\r\n", headers=csv)
        assert posted.status == 202
        done = update(imports).values(state="done", ended_at_ms=START_MS, accepted=1, contacts=1)
        await it.in_ledger(lambda connection: connection.execute(done))
        await it.put([contact_row(campaign, 2, state="person")])
        assert (await it.ask("POST", f"{path}/start", {"contacts": 1})).status == 202
        await it.ask("GET", f"{path}/contacts/{campaign}-2", key="revealer")
        await it.ask("GET", f"{path}/attempts")
        await it.ask("POST", f"{path}/contacts/{campaign}-2/outcome", {"disposition": "reached"})
        await it.ask("POST", f"{path}/pause")
        await it.ask("POST", "/v1/outbound/freeze", {"reason": "tel 13800001234"})
        await it.ask("POST", f"{path}/stop")
        found = await history(it, campaign)
        assert found == await history(it, campaign, 100), "pages are one list"
        told = [(one["what"], one["by"].split(" ")[0]) for one in found]
        assert sorted(told) == sorted([
            ("created", "manager"), ("import_received", "manager"), ("import_done", "manager"), ("started", "manager"),
            ("contact_shown", "revealer"), ("attempts_exported", "manager"), ("outcome_said", "manager"),
            ("paused", "manager"), ("outbound_frozen", "manager"), ("stopping", "manager"), ("stopped", "manager"),
        ])  # fmt: skip
        assert [one["at"] for one in found] == sorted(one["at"] for one in found)
        by_what = {one["what"]: one for one in found}
        assert by_what["paused"]["why"] == "campaign_paused"
        assert by_what["outcome_said"]["about"] == f"{campaign}-2"
        assert by_what["import_done"]["details"]["contacts"] == 1
        assert by_what["outbound_frozen"]["details"] == {"reason": "tel 138****1234"}
        assert by_what["import_received"]["details"]["file"] == "138****1234.csv"
        full = {one["what"]: one for one in await history(it, campaign, 100, "revealer")}
        assert full["outbound_frozen"]["details"] == {"reason": "tel 138****1234"}, "masked before it is sealed"
        assert [one["what"] for one in await history(it, other)] == ["created", "outbound_frozen"]
        for wrong in ("x", "1~2", "1~0~1~1"):
            assert (await it.ask("GET", f"{path}/history?cursor={wrong}")).code == "bad_parameter"


async def test_what_an_ended_campaign_was_not_held_up_by_is_not_its_history(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.ask("POST", "/v1/outbound/freeze", {"reason": "x"})
        ended = update(campaigns.campaigns).values(ended_at_ms=START_MS - 1, made_at_ms=START_MS - 9)
        await it.in_ledger(lambda connection: connection.execute(ended))
        assert "outbound_frozen" not in [one["what"] for one in await history(it, campaign)]


async def test_one_page_holds_all_that_is_on_record_of_a_contact_masked(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}-1/evidence"
        for key in ("reader", "revealer"):
            answer = await it.ask("GET", path, key=key)
            page = answer.json
            assert (answer.status, page["revealed"], page["record"]) == (200, False, []), "no purpose: nothing is shown"
            for secret in ("张三", "13800001234", "长江路1号"):
                assert secret not in answer.body.decode(), (key, secret)
        assert (page["contact"]["name"], page["campaign"]["id"]) == ("张*", campaign)
        assert [one["decision"] for one in page["decisions"]] == ["refused", *["dialled"] * 4]
        refused, call, other, message, word = page["decisions"]
        assert (refused["why"], refused["rule"], refused["until"]) == (
            "quiet_hours",
            "CB-1",
            "2026-03-02T01:00:00.000Z",
        )
        assert call["hours"] == {"zones": ["Asia/Shanghai"], "dial_before": "2026-03-02T01:00:02.000Z",
                                 "ring_until": "2026-03-02T02:00:00.000Z"}  # fmt: skip
        assert (call["caller_id"], call["profile"], call["said"]["template"]) == ("95598", "hours@1", "arrears")
        assert call["words"]["again"]
        assert "张*" in json.dumps(call["words"]["on_answer"], ensure_ascii=False)
        assert "message" not in call["words"]
        assert message["words"]["again"]
        assert "zh" in message["words"]["message"]
        assert (other["words"]["again"], "on_answer" in other["words"]) == (False, False), "they are not what was said"
        assert "words" not in word
        assert word["note"] == "call 138****1234 back"
        (letter,) = page["notices"]
        assert (letter["state"], letter["batch"], letter["acknowledged_by"]) == ("acknowledged", "b01", "y (k)")
        assert letter["exported_at"] < letter["acknowledged_at"]


async def test_a_reveal_says_what_for_and_that_is_on_the_page(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}-1/evidence"
        answer = await it.ask("GET", f"{path}?purpose=complaint%2013800001234", key="revealer")
        page = answer.json
        assert (page["revealed"], page["contact"]["name"], page["contact"]["address"]) == (True, "张三", "长江路1号")
        assert "张三" in json.dumps(page["decisions"][1]["words"], ensure_ascii=False)
        (entry,) = page["record"]
        head = (await it.ask("GET", "/v1/audit/head")).json
        assert (entry["what"], entry["entry"], entry["hash"]) == ("evidence_shown", head["no"], head["hash"])
        assert entry["details"] == {"revealed": True, "purpose": "complaint 138****1234"}, "masked before it is sealed"
        (masked,) = (await it.ask("GET", path, key="reader")).json["record"]
        assert masked["details"]["purpose"] == "complaint 138****1234"
        refused = await it.ask("GET", f"{path}?purpose=curious", key="manager")
        assert (refused.status, refused.code) == (403, "scope_missing")
        assert (await it.ask("GET", f"{path}?purpose=", key="revealer")).code == "bad_parameter"
        assert (await it.ask("GET", "/v1/audit/head")).json == head, "what was refused revealed nothing"


async def test_the_page_is_handed_on_as_pdf_with_who_asked_and_nothing_left_out(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}-1/evidence"
        changed = update(contacts).where(contacts.c.id == f"{campaign}-1").values(name="张\U0001f600")
        await it.in_ledger(lambda connection: connection.execute(changed))
        as_pdf = {"Accept": "application/pdf"}
        answer = await it.ask("GET", f"{path}?purpose=complaint", key="revealer", headers=as_pdf)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf"), answer.body
        assert answer.headers["Content-Disposition"] == f'inline; filename="{campaign}-1.pdf"'
        told = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.body)).pages)
        shown = "".join(told.split())
        page = (await it.ask("GET", path, key="revealer")).json
        marks = (
            "联系记录证明",
            "张[U+1F600]",
            "13800001234",
            "长江路1号",
            "调阅人：revealer",
            "complaint",
            f"{campaign}-1",
        )
        for text in (*marks, "2026-03-0209:00:0"):
            assert text in shown, text
        for one in page["decisions"]:
            assert one.get("disposition", one["decision"]) in shown
        masked = await it.ask("GET", path, key="reader", headers=as_pdf)
        assert "13800001234" not in "".join(
            page.extract_text() for page in PdfReader(io.BytesIO(masked.body)).pages
        ).replace("\n", "")
        head = await it.ask("HEAD", path, key="reader", headers=as_pdf)
        assert (head.status, head.headers["Content-Type"]) == (200, "application/pdf")


async def test_words_of_a_contact_that_has_changed_since_are_not_shown(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = await filled(it)
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}-1/evidence"
        assert (await it.ask("GET", path)).json["decisions"][1]["words"]["again"]
        changed = update(contacts).where(contacts.c.id == f"{campaign}-1").values(name="李四")
        await it.in_ledger(lambda connection: connection.execute(changed))
        words = (await it.ask("GET", path)).json["decisions"][1]["words"]
        assert (words["again"], set(words)) == (False, {"again", "why"})
        await it.in_ledger(lambda connection: connection.execute(update(contacts).values(items="[{}]")))
        words = (await it.ask("GET", path)).json["decisions"][1]["words"]
        assert not words["again"]
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{campaign}-9/evidence")).code == "not_found"
