"""POST and GET .../revisions: what is answered, to whom, what is refused, and what is on record."""

import json
from pathlib import Path
from typing import Any

from campaigns.ledger import audit
from tests.campaigns.api.site import attempt_row, contact_row, site
from tests.campaigns.dialler.rows import OUTAGE
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT

WHERE = {"area": OUTAGE["area"], "starts_at": "2026-03-12T08:00:00+08:00"}
MOVED: dict[str, Any] = {"where": WHERE, "set": {"restores_at": "2026-03-12T20:00:00+08:00"}}
CANCELLED: dict[str, Any] = {"where": WHERE, "set": {"cancelled": True}}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"where": WHERE, "set": {}}, "/set"),
    ({"where": WHERE, "set": {"cancelled": True, "restores_at": "2026-03-12T20:00:00+08:00"}}, "/set"),
    ({"where": WHERE, "set": {"cancelled": False}}, "/set/cancelled"),
    ({"where": WHERE, "set": {"restores_at": "2026-03-12T08:00:00+08:00"}}, "/set/restores_at"),
    ({"where": WHERE, "set": {"restores_at": "tomorrow"}}, "/set/restores_at"),
    ({"where": {"area": "A"}, "set": {"cancelled": True}}, "/where/starts_at"),
    ({"where": {**WHERE, "zone": "x"}, "set": {"cancelled": True}}, "/where/zone"),
]  # fmt: skip


async def test_who_was_told_is_told_again_once_whatever_is_repeated(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign(kind="outage"))["id"]
        path = f"/v1/campaigns/{campaign}/revisions"
        items = json.dumps([OUTAGE])
        told, waits = contact_row(campaign, 1, state="reached", items=items), contact_row(campaign, 2, items=items)
        await it.put([told, waits], [attempt_row(told, 1, disposition="reached", answered_at_ms=START_MS)])
        key = {"Idempotency-Key": "k1"}
        made = await it.ask("POST", path, MOVED, headers=key)
        assert made.status == 202, made.body
        assert made.json == {
            "campaign": campaign, "n": 1, "where": {**WHERE, "starts_at": "2026-03-12T00:00:00.000Z"},
            "set": {"restores_at": "2026-03-12T20:00:00+08:00"}, "at": "2026-03-02T01:00:00.000Z",
            "by": made.json["by"], "state": "done", "acknowledged": True, "contacts": 2, "told_again": 1,
            "cancelled": 0, "withdrawn": 0, "notices": {"recalled": 0, "rewritten": 0, "to_recall": 0},
        }  # fmt: skip
        again = await it.ask("POST", path, MOVED, headers=key)
        assert (again.status, again.body) == (made.status, made.body)
        other = await it.ask("POST", path, CANCELLED, headers=key)
        assert (other.status, other.code) == (422, "idempotency_mismatch")
        assert (await it.ask("GET", path, key="reader")).json == {"revisions": [made.json]}
        shown = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts/{told.id}", key="revealer")).json
        assert [one["restores_at"] for one in shown["items"]] == ["2026-03-12T20:00:00+08:00"]
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "outage_revised"]
        assert [one["about"] for one in lines] == [campaign]
        assert json.loads(lines[0]["details"]) == {
            "area": OUTAGE["area"], "starts_at": "2026-03-12T00:00:00.000Z", "restores_at": "2026-03-12T20:00:00+08:00",
        }  # fmt: skip
        assert (await it.ask("POST", path, CANCELLED)).json["cancelled"] == 1
        refused = await it.ask("POST", path, MOVED)
        assert (refused.status, refused.code) == (409, "already_cancelled")


async def test_what_cannot_be_meant_names_its_member(tmp_path: Path) -> None:
    async with site(ready_sqlite(tmp_path / "ringback.db"), tasks=False) as it:
        campaign: str = (await it.campaign(kind="outage"))["id"]
        await it.put([contact_row(campaign, 1, items=json.dumps([OUTAGE]))])
        for body, pointer in BAD:
            refused = await it.ask("POST", f"/v1/campaigns/{campaign}/revisions", body)
            assert (refused.status, refused.code) == (422, "invalid_body"), refused.body
            assert pointer in [one["pointer"] for one in refused.json["errors"]]


async def test_who_may_not_and_what_is_not_there(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign, arrears = (await it.campaign(kind="outage"))["id"], (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1, items=json.dumps([OUTAGE]))])
        path = f"/v1/campaigns/{campaign}/revisions"
        for key, status in {"reader": 403, "nobody": 403, "stranger": 404, "bound": 404}.items():
            assert (await it.ask("POST", path, MOVED, key=key)).status == status, key
        for key, status in {"nobody": 403, "stranger": 404}.items():
            assert (await it.ask("GET", path, key=key)).status == status, key
        other = {"where": {**WHERE, "area": "B"}, "set": {"cancelled": True}}
        for where, body in ((path, other), (f"/v1/campaigns/{arrears}/revisions", MOVED)):
            refused = await it.ask("POST", where, body)
            assert (refused.status, refused.code) == (422, "no_such_outage")
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/stop", {"live": "finish"})).status == 202
        refused = await it.ask("POST", path, MOVED)
        assert (refused.status, refused.code, refused.json["state"]) == (409, "wrong_state", "stopped")
