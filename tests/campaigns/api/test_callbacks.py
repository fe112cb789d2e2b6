"""Callbacks over HTTP: what is promised, what is refused, and what is taken back."""

from typing import Any

import pytest
from sqlalchemy import update

from campaigns.core.zones import DAY_MS
from campaigns.ledger import audit, callbacks
from campaigns.ledger.tables import campaigns, contacts, imports
from tests.campaigns.api.site import Reply, Site, site
from tests.campaigns.api.test_actions import able
from tests.scheduler import START_MS as NOW_MS
from tests.scheduler import TENANT

NUMBER = "+8613800001234"


def body(**changed: Any) -> dict[str, Any]:
    given = {
        "number": "138 0000 1234", "due_at": "2026-03-02T15:00:00+08:00", "switch": "s1", "trunk_group": "main",
        "queue": "service", "channel": "auto",
    }  # fmt: skip
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


async def asked(it: Site, **changed: Any) -> Reply:
    return await it.ask("POST", "/v1/callbacks", body(**changed))


async def test_a_callback_is_a_contact_of_a_campaign_that_stands(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        made = await asked(it, reason="抄表有误", reference="W-1")
        assert made.status == 201, made.body
        shown = made.json
        assert made.headers["Location"] == f"/v1/callbacks/{shown['id']}"
        assert (shown["number"], shown["state"], shown["promise"], shown["moved"]) == (
            "+86138****1234", "waiting", None, False,
        )  # fmt: skip
        assert shown["call_at"] == "2026-03-02T07:00:00.000Z"
        assert shown["keep_by"] == "2026-03-02T07:01:00.000Z"
        campaign = (await it.ask("GET", f"/v1/campaigns/{shown['campaign']}")).json
        assert (campaign["kind"], campaign["state"], campaign["channels"]) == ("callback", "running", ["auto"])
        contact = (await it.ask("GET", f"/v1/campaigns/{shown['campaign']}/contacts/{shown['contact']}")).json
        assert (contact["account"], contact["explain"]["why"]) == (shown["id"], "agreed_time")
        another = (await asked(it, number="13800005678")).json
        assert another["campaign"] == shown["campaign"], "it goes into the same campaign"
        counted = (await it.ask("GET", f"/v1/campaigns/{shown['campaign']}/imports/1")).json
        assert (counted["received"], counted["accepted"], counted["rejected"], counted["merged"]) == (2, 2, 0, 0)
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [line["what"] for line in lines] == ["callback_asked"] * 2


async def test_numbers_in_its_texts_are_masked(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        texts = dict.fromkeys(("reason", "result", "note"), "请打 158-1234-5678")
        assert (await asked(it, **texts)).status == 201
        for key, shown in (("reader", "请打 158****5678"), ("revealer", "请打 158-1234-5678")):
            (listed,) = (await it.ask("GET", "/v1/callbacks", key=key)).json["callbacks"]
            assert {name: listed[name] for name in texts} == dict.fromkeys(texts, shown)


async def test_who_agreed_is_on_record_without_a_number(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        made = await asked(it, agreed_at="2026-03-02T14:00:00+08:00", agreed_by="王15812345678")
        assert made.status == 201, made.body
        assert made.json["agreed_by"] == "王158****5678"
        (entry,) = await it.context.reader.run(audit.lines, TENANT)
        assert "王158****5678" in entry["details"]


async def test_it_is_listed_in_the_order_of_its_time_and_masked(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        for at, number in (("16:00", "13800000001"), ("14:30", "13800000002"), ("15:00", "13800000003")):
            assert (await asked(it, due_at=f"2026-03-02T{at}:00+08:00", number=number)).status == 201
        first = (await it.ask("GET", "/v1/callbacks?limit=2")).json
        second = (await it.ask("GET", f"/v1/callbacks?limit=2&cursor={first['cursor']}")).json
        ends = [one["number"][-1] for one in (*first["callbacks"], *second["callbacks"])]
        assert ends == ["2", "3", "1"]
        assert second["cursor"] is None
        assert (await it.ask("GET", "/v1/callbacks?promise=missed")).json["callbacks"] == []
        assert len((await it.ask("GET", "/v1/callbacks?promise=open")).json["callbacks"]) == 3
        full = (await it.ask("GET", "/v1/callbacks", key="revealer")).json["callbacks"]
        assert full[0]["number"] == "+8613800000002"
        one = first["callbacks"][0]["id"]
        assert (await it.ask("GET", f"/v1/callbacks/{one}")).json["id"] == one


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"due_at": None}, "/due_at"),
    ({"due_at": "2026-02-01T15:00:00+08:00"}, "/due_at"),
    ({"due_at": "2026-06-02T15:00:00+08:00"}, "/due_at"),
    ({"number": "95598"}, "/number"),
    ({"number": "1.38E+10"}, "/number"),
    ({"zone": "Asia/Nowhere"}, "/zone"),
    ({"agreed_at": "2026-03-02T22:00:00+08:00"}, "/agreed_by"),
    ({"agreed_by": "8001"}, "/agreed_at"),
    ({"agreed_at": "2026-06-02T22:00:00+08:00", "agreed_by": "8001"}, "/agreed_at"),
    ({"channel": "agent", "queue": None}, "/queue"),
    ({"colour": "red"}, "/colour"),
]


async def test_what_is_wrong_is_named(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        for changed, pointer in WRONG:
            answer = await asked(it, **changed)
            assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer), (changed, answer.body)
        assert (await it.ask("GET", "/v1/campaigns")).json["campaigns"] == [], "nothing was made"


async def test_a_number_has_one_open_callback(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        first = (await asked(it)).json
        again = await asked(it, queue="other", due_at="2026-03-02T16:00:00+08:00")
        assert (again.status, again.code, again.json["callback"]) == (409, "callback_there", first["id"])
        gone = await it.ask("DELETE", f"/v1/callbacks/{first['id']}")
        assert (gone.status, gone.json["state"], gone.json["promise"]) == (200, "cancelled", None)
        assert (await asked(it)).status == 201


async def test_one_that_was_cancelled_is_not_cancelled_again(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        one = (await asked(it)).json["id"]
        assert (await it.ask("DELETE", f"/v1/callbacks/{one}")).status == 200
        again = await it.ask("DELETE", f"/v1/callbacks/{one}")
        assert (again.status, again.code, again.json["state"]) == (409, "wrong_state", "cancelled")
        lines = [one["what"] for one in await it.context.reader.run(audit.lines, TENANT)]
        assert lines == ["callback_asked", "callback_cancelled"]


async def test_the_same_request_is_taken_once(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        key = {"Idempotency-Key": "k1"}
        first = await it.ask("POST", "/v1/callbacks", body(), headers=key)
        again = await it.ask("POST", "/v1/callbacks", body(), headers=key)
        assert (first.status, again.status) == (201, 201)
        assert first.json == again.json
        other = await it.ask("POST", "/v1/callbacks", body(number="13800009999"), headers=key)
        assert (other.status, other.code) == (422, "idempotency_mismatch")
        assert len((await it.ask("GET", "/v1/callbacks")).json["callbacks"]) == 1


async def test_two_tenants_see_nothing_of_each_other(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        one = (await asked(it)).json["id"]
        for method in ("GET", "DELETE"):
            assert (await it.ask(method, f"/v1/callbacks/{one}", key="stranger")).status == 404
        assert (await it.ask("GET", "/v1/callbacks", key="stranger")).json["callbacks"] == []
        assert (await it.ask("GET", f"/v1/callbacks/{one}")).json["state"] == "waiting"


async def test_a_key_of_another_switch_does_not_see_it(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        await it.add_key("bound", "campaigns:read campaigns:write", switches="s2")
        one = (await asked(it)).json["id"]
        assert (await it.ask("GET", f"/v1/callbacks/{one}", key="bound")).status == 404
        assert (await it.ask("GET", "/v1/callbacks", key="bound")).json["callbacks"] == []
        answer = await it.ask("POST", "/v1/callbacks", body(), key="bound")
        assert (answer.status, answer.code) == (403, "switch_not_allowed")


async def test_a_switch_that_cannot_dial_makes_no_promise(url: str) -> None:
    async with site(url, tasks=False) as it:
        answer = await asked(it)
        assert (answer.status, answer.code) == (422, "cannot_dial")


async def test_an_agreed_time_stands_with_who_agreed(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        at = "2026-03-02T22:10:00+08:00"
        shown = (await asked(it, due_at=at, agreed_at=at, agreed_by="8001")).json
        assert (shown["call_at"], shown["keep_by"]) == ("2026-03-02T14:10:00.000Z", "2026-03-02T14:25:00.000Z")
        assert (shown["agreed_at"], shown["agreed_by"], shown["moved"]) == ("2026-03-02T14:10:00.000Z", "8001", False)
        moved = (await asked(it, due_at=at, number="13800005678")).json
        assert (moved["call_at"], moved["moved"]) == ("2026-03-02T12:58:20.000Z", True)


async def test_a_campaign_that_was_stopped_or_is_old_takes_no_more(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        first = (await asked(it)).json["campaign"]
        assert (await it.ask("POST", f"/v1/campaigns/{first}/stop", {"live": "finish"})).status == 202
        second = (await asked(it)).json["campaign"]
        old = update(campaigns).where(campaigns.c.id == second).values(made_at_ms=NOW_MS - 31 * DAY_MS)
        await it.in_ledger(lambda connection: connection.execute(old))
        third = (await asked(it, number="13800005678")).json["campaign"]
        gone = update(imports).where(imports.c.campaign == third).values(state="withdrawn")
        await it.in_ledger(lambda connection: connection.execute(gone))
        fourth = (await asked(it, number="13800005679")).json["campaign"]
        assert len({first, second, third, fourth}) == 4


async def test_beyond_so_many_no_more_is_promised(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.callbacks.putting.OPEN_MAX", 2)
    async with site(url, tasks=False) as it:
        await able(it)
        for number in ("13800000001", "13800000002"):
            assert (await asked(it, number=number)).status == 201
        answer = await asked(it, number="13800000003")
        assert (answer.status, answer.code) == (409, "callbacks_full")


async def test_a_manager_makes_no_campaign_of_callbacks(url: str) -> None:
    async with site(url, tasks=False) as it:
        given = {"name": "x", "kind": "callback", "switch": "s1", "trunk_group": "main", "fallback": "notice"}
        answer = await it.ask("POST", "/v1/campaigns", given)
        assert (answer.status, [one["pointer"] for one in answer.json["errors"]]) == (422, ["/kind", "/fallback"])


async def test_what_is_kept_or_missed_is_listed(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        one = (await asked(it)).json
        change = update(contacts).where(contacts.c.id == one["contact"]).values(promise="missed")
        await it.in_ledger(lambda connection: connection.execute(change))
        assert [row["id"] for row in (await it.ask("GET", "/v1/callbacks?promise=missed")).json["callbacks"]] == [
            one["id"]
        ]
        assert (await it.ask("GET", "/v1/callbacks?promise=open")).json["callbacks"] == []
        assert [each.id for each in await it.context.reader.run(callbacks.open_for, TENANT, NUMBER)] == [one["id"]]
