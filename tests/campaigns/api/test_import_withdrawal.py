"""POST .../imports/{n}/withdraw: what is answered, to whom, and what is on record."""

import json

from campaigns.ledger import audit
from tests.campaigns.api.site import attempt_row, contact_row, site
from tests.scheduler import START_MS, TENANT


async def test_it_tells_what_was_cancelled_and_who_was_told_page_by_page(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        made = [contact_row(campaign, no, state="reached") for no in range(1, 4)]
        made += [contact_row(campaign, 4), contact_row(campaign, 5)]
        answered = [attempt_row(one, 1, disposition="reached", answered_at_ms=START_MS + 1) for one in made[:3]]
        hung_up = attempt_row(made[3], 1, disposition="answeredIncomplete", answered_at_ms=START_MS + 2)
        await it.put(made, [*answered, hung_up, attempt_row(made[4], 1)])
        path = f"/v1/campaigns/{campaign}/imports/1"
        assert (await it.ask("GET", path)).json["withdrawal"] is None
        done = await it.ask("POST", f"{path}/withdraw?limit=3")
        assert done.status == 202, done.body
        found = done.json
        assert (found["acknowledged"], found["cancelled"], found["left"], found["told"]) == (True, 2, 0, 4)
        assert found["notices"] == {"recalled": 0, "to_recall": 0}
        assert [one["state"] for one in found["accounts"]] == ["reached"] * 3
        assert found["accounts"][0] == {
            "account": made[0].account, "contact": made[0].id, "state": "reached",
            "told_at": "2026-03-02T01:00:00.001Z",
        }  # fmt: skip
        then = (await it.ask("POST", f"{path}/withdraw?limit=3&cursor={found['cursor']}")).json
        assert [(one["contact"], one["state"]) for one in then["accounts"]] == [(made[3].id, "cancelled")]
        assert then["cursor"] is None
        assert (await it.ask("POST", f"{path}/withdraw?limit=3")).json == found, "the same again"
        shown = (await it.ask("GET", path)).json
        assert (shown["state"], shown["withdrawal"]) == ("done", "withdrawn")
        told = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["progress"]
        assert (told["contacts"], told["reached"], told["cancelled"]) == (5, 3, 2)


async def test_it_is_on_record_once_with_who_did_it(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1)])
        for _ in range(2):
            assert (await it.ask("POST", f"/v1/campaigns/{campaign}/imports/1/withdraw")).status == 202
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "import_withdrawn"]
        assert [(one["about"], json.loads(one["details"])) for one in lines] == [(campaign, {"import": 1})]
        history = (await it.ask("GET", f"/v1/campaigns/{campaign}/history")).json["history"]
        acts = [(one["what"], one["by"].split(" ")[0]) for one in history]
        assert acts.count(("import_withdrawn", "manager")) == 1
        assert acts.count(("import_gone", "manager")) == 1


async def test_who_may_not_and_what_is_not_there(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1)])
        path = f"/v1/campaigns/{campaign}/imports"
        wanted = {"reader": 403, "nobody": 403, "stranger": 404, "bound": 404}
        for key, status in wanted.items():
            assert (await it.ask("POST", f"{path}/1/withdraw", key=key)).status == status, key
        assert (await it.ask("POST", f"{path}/2/withdraw")).status == 404
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"][0]["state"] == "waiting"
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/stop", {"live": "finish"})).status == 202
        refused = await it.ask("POST", f"{path}/1/withdraw")
        assert (refused.status, refused.code) == (409, "wrong_state")
        assert (refused.json["state"], refused.json["action"]) == ("stopped", "withdraw")
        assert refused.json["allowed"] == ["approved", "draft", "draining", "paused", "running", "scheduled"]
