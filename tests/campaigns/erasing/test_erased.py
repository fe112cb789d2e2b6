"""An erased person leaves nothing behind: a whole life in the product, then every table is read."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, insert, select

from campaigns.context import Context
from campaigns.erasing import task
from campaigns.erasing.person import Person
from campaigns.imports.taking import Form
from campaigns.ledger import audit
from campaigns.ledger.rows import ErasureRow
from campaigns.ledger.tables import FAR
from cti.adapters.ledger.tables import dead_letters, outbox
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.campaigns.api.test_exports_again import imported
from tests.campaigns.imports.site import ARREARS, csv_of
from tests.campaigns.topics.memory import MemoryTopics
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT, event
from tests.simulation.dialling_switch import DiallingSwitch

NUMBER, NAME, ACCOUNT, ADDRESS = "13877665544", "欧阳诗涵", "KD-77315", "翠竹路77号"
OTHER = {"account": "B2", "number": "13800000002", "name": "李四", "address": "北街1号"}
ROW = {**ARREARS, "account": ACCOUNT, "number": NUMBER, "name": NAME, "address": ADDRESS}
MARKS = (NUMBER, NAME, ACCOUNT, ADDRESS)
ASKED = {"account": ACCOUNT, "numbers": ["138 7766 5544"], "reason": "his letter of 3 March, 13877665544"}


def everything(connection: Connection) -> dict[str, str]:
    """All that a database holds, by table."""
    found = MetaData()
    found.reflect(connection)
    told: dict[str, str] = {}
    for name, table in found.tables.items():
        rows = connection.execute(select(table)).all()
        told[name] = "\n".join(_text(value) for row in rows for value in row)
    return told


def _text(value: Any) -> str:
    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
    return text.encode().decode("unicode_escape", "replace") + text if "\\u" in text else text


async def hits(it: Site) -> dict[str, list[str]]:
    told = await it.context.reader.run(everything)
    found = {name: [mark for mark in MARKS if mark in text] for name, text in told.items()}
    return {name: marks for name, marks in found.items() if marks}


async def lived(it: Site, switch: DiallingSwitch) -> str:
    """Called in vain, written to, paid in part, entered on the list, rejected elsewhere, and he has called himself."""
    first = (await it.campaign(attempts_max=1))["id"]
    await imported(it, first, csv_of([ROW, {**ROW, **OTHER}]), Form.CSV)
    assert (await it.ask("POST", f"/v1/campaigns/{first}/start", {"contacts": 2})).status == 202
    await switch.to(120)
    batch = await it.ask("POST", "/v1/notice-batches", {"campaign": first}, key="exporter")
    assert batch.status == 201, batch.body
    waiting = (await it.campaign())["id"]
    bad = {**ROW, "number": "13877665544", "months": "2026-02", "arrears": "12.345"}
    counts = await imported(it, waiting, csv_of([ROW, bad, {**ROW, **OTHER}]), Form.CSV)
    assert (counts["contacts"], counts["rejected"]) == (2, 1)
    paid = {"reference": "R1", "account": ACCOUNT, "items": ["2025-11"], "settled_at": "2026-03-01T00:00:00Z"}
    header = {"Idempotency-Key": "k1"}
    assert (await it.ask("POST", "/v1/settlements", paid, headers=header)).status == 200
    for named in ({"number": NUMBER}, {"account": ACCOUNT}):
        entry = {**named, "reason": f"he asked, {NUMBER}"}
        assert (await it.ask("POST", "/v1/do-not-call", entry)).status == 201
    calling = {"calling": f"+86{NUMBER}", "called": "95598"}
    await it.it.post(event("s1", "in-1", "offered", 121, calling))
    promised = {"number": NUMBER, "due_at": "2026-03-03T02:00:00Z", "switch": "s1", "trunk_group": "main",
                "channel": "auto", "note": f"about {ACCOUNT}", "reference": ACCOUNT}  # fmt: skip
    assert (await it.ask("POST", "/v1/callbacks", promised)).status == 201
    await it.it.post(event("s1", "in-1", "callCleared", 122, {}))
    said = f'{{"calling":"0086{NUMBER}"}}'.encode()
    left = (0, 999, TENANT, "unreadable", f"calling: {NUMBER}", START_MS, b"\xff" + said, None)
    kept = (0, 999, "records", TENANT, "k", "i", said)

    def put(connection: Connection) -> None:
        connection.execute(insert(dead_letters).values(left))
        connection.execute(insert(outbox).values(kept))

    await it.in_ledger(put)
    await it.it.settle()
    assert set(await hits(it)) >= {
        "event_log", "timeline", "dial_orders", "dead_letters", "copies", "campaign_contacts", "campaign_attempts",
        "campaign_notices", "campaign_settlements", "campaign_do_not_call", "campaign_import_rejected",
        "campaign_idempotency", "campaign_person_days", "campaign_numbers", "campaign_callbacks",
    }  # fmt: skip
    return waiting


async def erased(it: Site, switch: DiallingSwitch, seconds: float, **asked: Any) -> dict[str, Any]:
    answer = await it.ask("POST", "/v1/erasures", {**ASKED, **asked}, key="eraser")
    assert answer.status == 202, answer.body
    await switch.to(seconds)
    found: dict[str, Any] = (await it.ask("GET", answer.headers["Location"], key="eraser")).json
    return found


async def test_nothing_is_left_in_any_table_or_log(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        await it.add_key("eraser", "persons:erase")
        await it.add_key("exporter", "notices:export")
        refused = {"account": ACCOUNT, "name": NAME, "address": ADDRESS}
        for body in (json.dumps(refused), json.dumps(refused, ensure_ascii=False), f"{ACCOUNT};{NAME}"):
            topics.write(body.encode())
        switch = await DiallingSwitch.declared(
            it.it, {f"+86{NUMBER}": ["noAnswer"], f"+86{OTHER['number']}": ["noAnswer"]}
        )
        waiting = await lived(it, switch)
        others = {name: text.count(OTHER["number"]) for name, text in (await it.context.reader.run(everything)).items()}
        told = await erased(it, switch, 160)
        assert (told["state"], told["left"]) == ("done", 0), told
        assert await hits(it) == {}
        assert told["rows"]["campaign_contacts"] == 3
        kept = await it.context.reader.run(everything)
        assert kept["dead_letters"].count("erased") == 3
        assert {"event_log", "dial_orders", "dead_letters", "copies"} <= set(told["rows"])
        person = Person(ACCOUNT, frozenset({f"+86{NUMBER}"}))
        assert told["digest"] == person.digest(told["id"]), "whoever knows him can tell"
        after = {name: text.count(OTHER["number"]) for name, text in (await it.context.reader.run(everything)).items()}
        assert after == others, "nobody else is touched"
        page = (await it.ask("GET", f"/v1/campaigns/{waiting}/contacts", key="revealer")).json["contacts"]
        assert [(one["state"], one["name"]) for one in page] == [("cancelled", ""), ("waiting", "李四")]
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [json.loads(one["details"])["rows"] for one in lines if one["what"] == "person_erased"] == [told["rows"]]
    out, err = capfd.readouterr()
    assert not [mark for mark in MARKS if mark in out + err]


async def test_who_was_not_to_be_called_is_not_called_afterwards_either(url: str) -> None:
    async with site(url) as it:
        await it.add_key("eraser", "persons:erase")
        switch = await DiallingSwitch.declared(it.it, {})
        assert (await it.ask("POST", "/v1/do-not-call", {"number": NUMBER, "reason": "asked"})).status == 201
        assert (await erased(it, switch, 40))["state"] == "done"
        again = (await it.campaign())["id"]
        await imported(it, again, csv_of([ROW]), Form.CSV)
        assert (await it.ask("POST", f"/v1/campaigns/{again}/start", {"contacts": 1})).status == 202
        await switch.to(90)
        assert switch.received == []
        (one,) = (await it.ask("GET", f"/v1/campaigns/{again}/contacts")).json["contacts"]
        assert one["state"] == "suppressed"
        (entry,) = (await it.ask("GET", "/v1/do-not-call", key="revealer")).json["entries"]
        assert "number" not in entry
        assert "account" not in entry
        named = {"number": NUMBER}
        assert (await it.ask("DELETE", "/v1/do-not-call", named)).status == 204, "who names him may call him again"


async def test_who_is_on_the_telephone_is_erased_once_the_call_has_ended(url: str) -> None:
    async with site(url) as it:
        await it.add_key("eraser", "persons:erase")
        switch = await DiallingSwitch.declared(it.it, {f"+86{NUMBER}": ["noAnswer"]})
        campaign = (await it.campaign())["id"]
        await imported(it, campaign, csv_of([ROW]), Form.CSV)
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": 1})).status == 202
        while not switch.received:
            await switch.to((it.it.clock.now_ms() - START_MS) / 1000 + 1)
        told = await erased(it, switch, 20)
        assert (told["state"], told["left"]) == ("running", 1)
        (one,) = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
        assert one["state"] == "in_progress"
        await switch.to(240)
        assert (await it.ask("GET", f"/v1/erasures/{told['id']}", key="eraser")).json["state"] == "done"
        assert await hits(it) == {}
        assert len(switch.received) == 1


async def test_who_may_ask_and_for_whom(url: str) -> None:
    async with site(url, tasks=False) as it:
        await it.add_key("eraser", "persons:erase")
        await it.add_key("theirs", "persons:erase", "other")
        for key in ("manager", "revealer", "nobody"):
            assert (await it.ask("POST", "/v1/erasures", ASKED, key=key)).code == "scope_missing"
        nobody = await it.ask("POST", "/v1/erasures", {"reason": "x"}, key="eraser")
        assert (nobody.status, nobody.code) == (422, "invalid_body")
        wrong = await it.ask("POST", "/v1/erasures", {"numbers": ["12"], "reason": "x"}, key="eraser")
        assert wrong.json["errors"][0]["pointer"] == "/numbers/0"
        header = {"Idempotency-Key": "e1"}
        first = await it.ask("POST", "/v1/erasures", ASKED, key="eraser", headers=header)
        again = await it.ask("POST", "/v1/erasures", ASKED, key="eraser", headers=header)
        assert first.json == again.json
        assert (first.json["state"], first.json["rows"]) == ("running", {})
        path = first.headers["Location"]
        assert (await it.ask("GET", path, key="theirs")).code == "not_found"
        assert (await it.ask("GET", "/v1/erasures", key="theirs")).json["erasures"] == []
        assert [one["id"] for one in (await it.ask("GET", "/v1/erasures", key="eraser")).json["erasures"]] == [
            first.json["id"]
        ]


async def test_a_number_with_an_extension_is_his_too(tmp_path: Path) -> None:
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1, phones='[["+861082345678;ext=12",["Asia/Shanghai"]]]')])
        asked = {"numbers": ["010-82345678"], "reason": "his letter"}
        answer = await it.ask("POST", "/v1/erasures", asked, key="eraser")
        await it.it.to(40)
        told = (await it.ask("GET", answer.headers["Location"], key="eraser")).json
        assert (told["state"], told["rows"]["campaign_contacts"]) == ("done", 1)


SPELLED = ("138-7766-5544", "+86 138 7766 5544", "(138)7766.5544", "１３８ ７７６６ ５５４４")


async def test_a_rejected_row_is_his_however_his_number_is_written(url: str) -> None:
    async with site(url) as it:
        await it.add_key("eraser", "persons:erase")
        campaign = (await it.campaign())["id"]
        wrong = {**ARREARS, "arrears": "12.345", "name": NAME}
        rows = [{**wrong, "number": number, "account": f"R{at}"} for at, number in enumerate(SPELLED)]
        counts = await imported(it, campaign, csv_of([*rows, {**wrong, **OTHER}]), Form.CSV)
        assert counts["rejected"] == len(SPELLED) + 1
        asked = {"numbers": [NUMBER], "reason": "his letter"}
        answer = await it.ask("POST", "/v1/erasures", asked, key="eraser")
        await it.it.to(40)
        told = (await it.ask("GET", answer.headers["Location"], key="eraser")).json
        assert (told["state"], told["rows"]["campaign_import_rejected"]) == ("done", len(SPELLED))
        left = (await it.ask("GET", f"/v1/campaigns/{campaign}/imports/1/rejected")).body.decode()
        assert (NAME in left, "李四" in left) == (False, True)


async def test_what_a_switch_said_holds_his_number_in_no_spelling(url: str) -> None:
    async with site(url) as it:
        await it.add_key("eraser", "persons:erase")
        for at, number in enumerate(SPELLED):
            said = {"connection": "c", "private": {"note": f"call {number} back"}}
            await it.it.post(event("s1", f"in-{at}", "offered", at, said))
            await it.it.post(event("s1", f"in-{at}", "callCleared", at + 1, {}))
        await it.it.settle()
        kept = (await it.context.reader.run(everything))["timeline"]
        assert all(number in kept for number in SPELLED)
        answer = await it.ask("POST", "/v1/erasures", {"numbers": [NUMBER], "reason": "his letter"}, key="eraser")
        await it.it.to(60)
        assert (await it.ask("GET", answer.headers["Location"], key="eraser")).json["state"] == "done"
        for name, text in (await it.context.reader.run(everything)).items():
            assert not [number for number in SPELLED if number in text], name
        assert "call 999-9999-9999 back" in (await it.context.reader.run(everything))["timeline"]


async def test_a_defect_of_one_erasure_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, broken = task.erase, list[str]()

    async def erase(context: Context, row: ErasureRow) -> ErasureRow:
        if not broken:
            broken.append(row.id)
            raise ValueError("a defect")
        return await inner(context, row)

    monkeypatch.setattr(task, "erase", erase)
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        for account in ("A1", "A2"):
            asked = {"account": account, "reason": "his letter"}
            assert (await it.ask("POST", "/v1/erasures", asked, key="eraser")).status == 202
        await it.it.to(40)
        states = {
            one["id"]: one["state"] for one in (await it.ask("GET", "/v1/erasures", key="eraser")).json["erasures"]
        }
        assert states.pop(broken[0]) == "running"
        assert list(states.values()) == ["done"]
        await it.it.to(120)
        found = (await it.ask("GET", f"/v1/erasures/{broken[0]}", key="eraser")).json
        assert found["state"] == "done", "it is tried again"


async def test_nobody_goes_on_with_an_erased_person_whose_call_ends(tmp_path: Path) -> None:
    """His next number is not dialled, and no letter is owed, though the erasure comes back only after a minute."""
    two = "13877665545"
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        switch = await DiallingSwitch.declared(it.it, {f"+86{NUMBER}": ["noAnswer", "noAnswer"]})
        campaign = (await it.campaign(attempts_max=1))["id"]
        await imported(it, campaign, csv_of([{**ROW, "number2": two}]), Form.CSV)
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": 1})).status == 202
        while not switch.received:
            await switch.to((it.it.clock.now_ms() - START_MS) / 1000 + 1)
        await erased(it, switch, 20)
        await switch.to(60)  # it rang for 30 s in vain
        (one,) = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
        assert (one["state"], one["why"]) == ("cancelled", "person_erased")
        batch = await it.ask("GET", f"/v1/campaigns/{campaign}")
        assert batch.json["progress"]["notices"]["pending"] == 0


async def test_what_nobody_knows_of_an_erased_person_ends_without_a_letter(tmp_path: Path) -> None:
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        campaign = (await it.campaign())["id"]
        row = contact_row(campaign, 1, state="unknown", next_at_ms=FAR)
        held = attempt_row(row, 1, step="held", disposition="unknown", counted=1)
        await it.put([row], [held])
        asked = {"account": row.account, "reason": "his letter"}
        answer = await it.ask("POST", "/v1/erasures", asked, key="eraser")
        await it.it.to(40)
        told = (await it.ask("GET", answer.headers["Location"], key="eraser")).json
        assert (told["state"], told["left"]) == ("done", 0)


async def test_who_shares_a_number_with_an_erased_person_stays(tmp_path: Path) -> None:
    """Also where it takes several passes; and while he is called, nobody else calls the number."""
    shared = f"+86{OTHER['number']}"
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        switch = await DiallingSwitch.declared(it.it, {f"+86{NUMBER}": ["noAnswer"], shared: ["reached"]})
        campaign = (await it.campaign())["id"]
        theirs = {**ROW, **OTHER}
        await imported(it, campaign, csv_of([{**ROW, "number2": OTHER["number"]}, theirs]), Form.CSV)
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": 2})).status == 202
        while not switch.received:
            await switch.to((it.it.clock.now_ms() - START_MS) / 1000 + 1)
        told = await erased(it, switch, 20, numbers=None)
        assert (told["state"], told["left"]) == ("running", 1)
        await switch.to(240)
        told = (await it.ask("GET", f"/v1/erasures/{told['id']}", key="eraser")).json
        assert (told["state"], told["rows"]["campaign_contacts"]) == ("done", 1)
        page = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts", key="revealer")).json["contacts"]
        assert [one["name"] for one in page] == ["", "李四"]


async def test_a_callback_to_his_number_is_his_too(tmp_path: Path) -> None:
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        await it.add_key("eraser", "persons:erase")
        switch = await DiallingSwitch.declared(it.it, {})
        campaign = (await it.campaign())["id"]
        await imported(it, campaign, csv_of([ROW]), Form.CSV)
        promised = {"number": NUMBER, "due_at": "2026-03-03T02:00:00Z", "switch": "s1", "trunk_group": "main",
                    "channel": "auto"}  # fmt: skip
        assert (await it.ask("POST", "/v1/callbacks", promised)).status == 201
        told = await erased(it, switch, 40, numbers=None)
        assert (told["state"], told["rows"]["campaign_callbacks"]) == ("done", 1)
        (one,) = (await it.ask("GET", "/v1/callbacks", key="revealer")).json["callbacks"]
        assert (one["state"], one["number"]) == ("cancelled", "")
