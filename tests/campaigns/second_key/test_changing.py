"""PATCH: what may be changed, by whom, on which version; and that the dialler obeys."""

import json
from typing import Any

import pytest

from campaigns.dialler.changing import Changes, change
from campaigns.errors import Stale
from campaigns.ledger import audit, turns
from campaigns.ledger.lanes import Lane
from campaigns.ledger.turns import Writes
from tests.campaigns.api.site import Site
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.second_key.asked import drafted, shown
from tests.scheduler import TENANT


async def patched(it: Site, campaign: str, body: Any, tag: str | None = "*", key: str = "manager") -> Any:
    headers = {} if tag is None else {"If-Match": tag}
    return await it.ask("PATCH", f"/v1/campaigns/{campaign}", body, headers=headers, key=key)


async def test_a_change_names_the_version_that_was_read(it: Site) -> None:
    campaign = await drafted(it)
    tag = (await it.ask("GET", f"/v1/campaigns/{campaign}")).headers["ETag"]
    missing = await patched(it, campaign, {"priority": 3}, None)
    assert (missing.status, missing.code) == (428, "precondition_required")
    done = await patched(it, campaign, {"priority": 3, "pacing": {"calls_per_second": 2}}, tag)
    assert (done.status, done.json["priority"], done.headers["ETag"]) == (200, 3, '"2"')
    assert done.json["pacing"] == {"calls_per_second": 2, "calls_at_once": 10}
    stale = await patched(it, campaign, {"priority": 4}, tag)
    assert (stale.status, stale.code) == (412, "changed_meanwhile")
    assert (await patched(it, campaign, {"priority": 4}, f"W/{done.headers['ETag']}")).status == 412, "weak"
    assert (await patched(it, campaign, {"priority": 4}, f'"9", {done.headers["ETag"]}')).status == 200
    assert (await patched(it, campaign, {"priority": 4}, "3")).code == "bad_header"
    same = await patched(it, campaign, {"priority": 4})
    assert (same.status, same.headers["ETag"]) == (200, '"3"'), "nothing was changed"
    lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "campaign_changed"]
    assert [json.loads(one["details"]) for one in lines] == [{"calls_per_second": 2, "priority": 3}, {"priority": 4}]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"windows": ["07:00-12:00"]}, "/windows/0"),
        ({"windows": []}, "/windows"),
        ({"pacing": {"calls_per_second": 0}}, "/pacing/calls_per_second"),
        ({"priority": 10}, "/priority"),
        ({"attempts_max": 3}, "/attempts_max"),
        ({"start_at": "2026-03-02T12:00:00+08:00"}, "/start_at"),
    ],
)
async def test_what_may_not_be_changed_is_named(it: Site, body: Any, pointer: str) -> None:
    campaign = await drafted(it)
    answer = await patched(it, campaign, body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).headers["ETag"] == '"1"'


async def test_who_may_not_and_when_it_is_too_late(it: Site) -> None:
    campaign = await drafted(it)
    for key, status in {"reader": 403, "second": 403, "nobody": 403, "stranger": 404, "bound": 404}.items():
        assert (await patched(it, campaign, {"priority": 1}, key=key)).status == status, key
    assert (await it.ask("POST", f"/v1/campaigns/{campaign}/stop")).status == 202
    late = await patched(it, campaign, {"priority": 1})
    assert (late.status, late.code, late.json["action"]) == (409, "wrong_state", "change")
    assert (await shown(it, campaign))["priority"] == 5


async def test_what_was_not_sent_when_the_windows_changed_is_decided_anew(product: Acting) -> None:
    """Once it is answered, nobody's telephone begins to ring outside of the new windows."""
    row, (sent, unsent, _) = await product.campaign()
    await product.dialled(sent, sent=True)
    await product.dialled(unsent)
    slower = Changes({"priority": 9, "calls_per_second": 1}, None)
    await change(product.context, TENANT, row.id, slower, "desk (7)", lambda _: lambda _: None)
    assert (await product.contact(unsent)).state == "in_progress", "it may still leave"
    later = Changes({"windows": json.dumps([[72_000_000, 73_800_000]])}, None)
    await change(product.context, TENANT, row.id, later, "desk (7)", lambda _: lambda _: None)
    assert await product.claimed() == []
    assert [(await product.contact(one)).state for one in (sent, unsent)] == ["in_progress", "waiting"]
    assert [(one.decision, one.why) for one in await product.tried(unsent)] == [("withdrawn", "campaign_hours")]


async def test_a_turn_that_has_read_other_settings_is_undone(product: Acting) -> None:
    row, _ = await product.campaign()
    reading = await product.context.reader.run(turns.read_lane, Lane(TENANT, "s1", "main"))
    await change(
        product.context, TENANT, row.id, Changes({"calls_at_once": 1}, None), "desk (7)", lambda _: lambda _: None
    )
    assert reading.outbound is not None
    writes = Writes(Lane(TENANT, "s1", "main"), "g", 1, reading.outbound, {row.id: row.version})
    with pytest.raises(Stale):
        await product.context.writer.transact((turns.write, (writes, product.context.dial)))
    assert (await product.read(row)).calls_at_once == 1
