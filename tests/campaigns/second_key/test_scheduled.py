"""A start that was set: it is made once, by itself, and only where everything still holds."""

import asyncio
from typing import Any

import pytest

from campaigns.dialler.starting import start_due
from campaigns.ledger import campaigns, tables
from tests.campaigns.api.site import Site
from tests.campaigns.api.test_imports import file
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.second_key.asked import MORE, approve, drafted, imported, shown, start, told
from tests.scheduler import START_MS, TENANT

AT, AT_S, AT_UTC = "2026-03-02T09:00:20+08:00", 20.0, "2026-03-02T01:00:20.000Z"


async def to_it(it: Site) -> None:
    """Just after the time of the start."""
    await it.it.to(AT_S - 1)
    await it.it.settle()
    await it.it.to(AT_S + 1)
    await it.it.settle()


async def set_up(it: Site) -> str:
    campaign = await drafted(it)
    assert (await approve(it, campaign)).status == 202
    answer = await start(it, campaign, start_at=AT)
    assert (answer.status, answer.json["state"], answer.json["start_at"]) == (
        202, "scheduled", AT_UTC)  # fmt: skip
    assert answer.json["next"] == {
        "text": answer.json["next"]["text"], "until": AT_UTC, "why": "scheduled", "rule": None
    }  # fmt: skip
    return campaign


async def test_it_starts_by_itself_at_its_time(it: Site) -> None:
    campaign = await set_up(it)
    await it.it.to(AT_S - 1)
    await it.it.settle()
    assert (await shown(it, campaign))["state"] == "scheduled"
    await it.it.to(AT_S + 1)
    await it.it.settle()
    now = await shown(it, campaign)
    assert (now["state"], now["start_at"], now["started_at"][:19]) == ("running", None, "2026-03-02T01:00:20")
    acts = await told(it, campaign)
    assert [what for what, _ in acts].count("started") == 1
    assert ("campaign_started", None) not in acts, "its history says so once"


@pytest.mark.parametrize(
    ("why", "state"), [("contacts_changed", "approved"), ("cannot_dial", "approved"), ("overlaps", "approved")]
)
async def test_what_does_not_hold_at_its_time_is_told(it: Site, why: str, state: str) -> None:
    campaign = await set_up(it)
    if why == "contacts_changed":
        change = tables.campaigns.update().where(tables.campaigns.c.id == campaign).values(start_contacts=3)
        await it.in_ledger(lambda connection: connection.execute(change))
    elif why == "cannot_dial":
        lacking = {"commands": ["snapshotCall"], "outbound": 1, "trunk_groups": {}}
        assert (await it.ask("PUT", "/v1/switches/s1", lacking, key="admin")).status == 200
    else:
        other = await drafted(it)
        assert (await approve(it, other)).status == 202
        assert (await start(it, other, allow_overlap=True)).status == 202
    await to_it(it)
    now = await shown(it, campaign)
    assert (now["state"], now["start_at"], now["paused_why"]) == (state, None, why)
    assert now["next"]["why"] == why
    assert "did not start by itself" in now["next"]["text"]["en"]
    assert ("not_started", why) in await told(it, campaign)
    metric = next(one for one in it.context.metrics.collectors if one is it.context.metrics._not_started)
    counted = {sample.labels["why"]: sample.value for sample in next(iter(metric.collect())).samples
               if sample.name.endswith("_total")}  # fmt: skip
    assert counted[why] == 1


@pytest.mark.parametrize("how", ["import", "settings", "stop", "later", "now"])
async def test_a_start_that_was_set_can_be_taken_back(it: Site, how: str) -> None:
    campaign = await set_up(it)
    path = f"/v1/campaigns/{campaign}"
    states = {"import": "draft", "settings": "draft", "stop": "stopped", "later": "scheduled", "now": "running"}
    if how == "import":
        await imported(it, campaign, file(*MORE).replace(b"A1", b"B1"))
    elif how == "settings":
        assert (await it.ask("PATCH", path, {"priority": 1}, headers={"If-Match": "*"})).status == 200
    elif how == "stop":
        assert (await it.ask("POST", f"{path}/stop")).status == 202
    else:
        later: dict[str, Any] = {"start_at": "2026-03-02T10:30:00+08:00"} if how == "later" else {}
        assert (await start(it, campaign, **later)).status == 202
    assert (await shown(it, campaign))["state"] == states[how]
    await to_it(it)
    assert (await shown(it, campaign))["state"] == states[how], "its time has come, and it is not started"


async def test_when_it_cannot_be_set(it: Site) -> None:
    campaign = await drafted(it)
    assert (await start(it, campaign, start_at=AT)).code == "approval_needed"
    assert (await approve(it, campaign)).status == 202
    for at in ("2026-03-02T09:00:00+08:00", "2026-06-02T09:00:00+08:00", "soon"):
        answer = await start(it, campaign, start_at=at)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/start_at"), at
    assert (await start(it, campaign, 3, start_at=AT)).code == "contacts_changed"
    assert (await shown(it, campaign))["state"] == "approved"


async def test_of_two_diallers_one_starts_it(product: Acting) -> None:
    made, _ = await product.campaign(state="scheduled", start_at_ms=START_MS, start_contacts=3)
    row = await product.read(made)
    moved = await asyncio.gather(*(start_due(product.context, [row]) for _ in range(3)))
    assert sorted(moved) == [False, False, True]
    assert [what for what, _, _ in await product.told(row)].count("started") == 1


async def test_what_was_changed_since_the_dialler_has_read_it_is_not_started(product: Acting) -> None:
    made, _ = await product.campaign(state="scheduled", start_at_ms=START_MS, start_contacts=3)
    read = await product.read(made)

    def away(connection: Any) -> None:
        row = campaigns.lock(connection, read.id, TENANT)
        assert row is not None
        campaigns.replace(connection, row, row._replace(state="draft", start_at_ms=None))

    await product.write(away)
    assert await start_due(product.context, [read]) is False
    assert (await product.read(made)).state == "draft"
