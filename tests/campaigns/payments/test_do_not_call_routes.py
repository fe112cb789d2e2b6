"""/v1/do-not-call: entries in any spelling, listed and removed."""

from typing import Any

import pytest

from campaigns.ledger import audit
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.scheduler import START_MS, TENANT

PATH = "/v1/do-not-call"
NUMBER = {"number": "138 0000-1234", "reason": "asked by letter"}


async def listed(it: Site, key: str = "revealer", query: str = "") -> list[dict[str, Any]]:
    answer = await it.ask("GET", f"{PATH}{query}", key=key)
    assert answer.status == 200, answer.body
    entries: list[dict[str, Any]] = answer.json["entries"]
    return entries


async def test_one_number_is_one_entry_however_it_is_spelled(url: str) -> None:
    async with site(url, tasks=False) as it:
        first = await it.ask("POST", PATH, NUMBER)
        assert (first.status, first.json["number"], first.json["until"]) == (201, "+86138****1234", None), first.body
        for spelled in ("13800001234", "+86 138 0000 1234", "０１３８００００１２３４", "0086-13800001234"):
            again = await it.ask("POST", PATH, {**NUMBER, "number": spelled})
            assert (again.status, again.json["id"]) == (200, first.json["id"]), spelled
        later = {"reason": "till summer", "until": "2026-06-01T00:00:00Z"}
        assert (await it.ask("POST", PATH, {**NUMBER, **later})).json["until"] == "2026-06-01T00:00:00.000Z"
        (entry,) = await listed(it)
        assert (entry["number"], entry["reason"], entry["by"].split(" ")[0]) == (
            "+8613800001234", "till summer", "manager"
        )  # fmt: skip
        assert await listed(it, "stranger") == []


async def test_numbers_are_masked_unless_the_key_may_see_them(url: str) -> None:
    async with site(url, tasks=False) as it:
        await it.ask("POST", PATH, NUMBER)
        await it.ask("POST", PATH, {"account": "A１", "reason": "by court order"})
        shown = {one.get("number", one.get("account")) for one in await listed(it, "manager")}
        assert shown == {"A1", "+86138****1234"}
        await listed(it)
        what = [line["what"] for line in await it.context.reader.run(audit.lines, TENANT)]
        assert what == ["do_not_call_entered", "do_not_call_entered", "do_not_call_revealed"]


async def test_a_list_goes_on_where_it_ended(url: str) -> None:
    async with site(url, tasks=False) as it:
        for n in range(5):
            await it.ask("POST", PATH, {"account": f"A{n}", "reason": "x"})
        found, cursor = list[str](), ""
        for _ in range(3):
            answer = (await it.ask("GET", f"{PATH}?limit=2{cursor}")).json
            found += [one["account"] for one in answer["entries"]]
            cursor = f"&cursor={answer['cursor']}"
        assert sorted(found) == [f"A{n}" for n in range(5)]
        assert cursor == "&cursor=None"


@pytest.mark.parametrize("by", ["id", "number", "account"])
async def test_an_entry_is_removed(url: str, by: str) -> None:
    async with site(url, tasks=False) as it:
        given = {"account": "A1", "reason": "x"} if by == "account" else NUMBER
        made = (await it.ask("POST", PATH, given)).json
        named = {"id": made["id"], "number": "13800001234", "account": "A1"}
        assert (await it.ask("DELETE", PATH, {by: named[by]}, key="stranger")).status == 404
        assert (await it.ask("DELETE", PATH, {by: named[by]})).status == 204
        assert (await it.ask("DELETE", PATH, {by: named[by]})).code == "not_found"
        assert await listed(it) == []


@pytest.mark.parametrize(
    ("method", "body", "pointer"),
    [
        ("POST", {"reason": "x"}, ""),
        ("POST", {**NUMBER, "account": "A1"}, ""),
        ("POST", {"number": "95598", "reason": "x"}, "/number"),
        ("POST", {"number": "1.38E+10", "reason": "x"}, "/number"),
        ("POST", {"account": " ", "reason": "x"}, "/account"),
        ("POST", {"number": "13800001234"}, "/reason"),
        ("POST", {**NUMBER, "since": "2026-06-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}, "/until"),
        ("DELETE", {}, ""),
        ("DELETE", {"id": "d0123456789abcde", "account": "A1"}, ""),
    ],
)
async def test_what_is_no_entry(method: str, body: dict[str, Any], pointer: str, tmp_path: Any) -> None:
    async with site(f"sqlite:///{tmp_path}/r.db", tasks=False) as it:
        answer = await it.ask(method, PATH, body)
        assert (answer.status, answer.code) == (422, "invalid_body"), answer.body
        assert [one["pointer"] for one in answer.json["errors"]] == [pointer]


async def test_who_waits_is_looked_at_again(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        late = START_MS + 3_600_000
        rows = [contact_row(campaign, n, next_at_ms=late) for n in (1, 2, 3)]
        other = '[["+8613800009999", ["Asia/Shanghai"]]]'
        await it.put([rows[0], rows[1]._replace(phones=other), rows[2]._replace(phones=other, account="A3")])
        await it.ask("POST", PATH, NUMBER)
        await it.ask("POST", PATH, {"account": "A3", "reason": "x"})
        shown = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
        first, second, third = (one["next_at"] for one in shown)
        assert first == third != second


async def test_explain_names_it(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.put(
            [contact_row(campaign, 1), contact_row(campaign, 2, phones='[["+8613800009999", ["Asia/Shanghai"]]]')]
        )
        await it.ask("POST", PATH, NUMBER)
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}"
        assert (await it.ask("GET", f"{path}-1")).json["explain"]["why"] == "do_not_call"
        assert (await it.ask("GET", f"{path}-2")).json["explain"].get("why") != "do_not_call"


@pytest.mark.parametrize("disposition", ["optedOut", "wrongParty"])
async def test_a_person_s_word_makes_an_entry(url: str, disposition: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        row = contact_row(campaign, 1, state="person")
        await it.put([row], [attempt_row(row, 1)])
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}-1/outcome"
        assert (await it.ask("POST", path, {"disposition": disposition})).status == 200
        (entry,) = await listed(it)
        assert (entry["number"], entry["reason"], entry["by"].split(" ")[0]) == (
            "+8613800001234", disposition, "manager"
        )  # fmt: skip
