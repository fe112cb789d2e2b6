"""A second key approves what it has read, and nothing else is started."""

import hashlib
from dataclasses import replace

import pytest

from campaigns.approvals.standing import reasons
from campaigns.dialler import starting
from campaigns.errors import ApprovalNeeded
from campaigns.settings import Settings
from tests.campaigns.api.site import Site
from tests.campaigns.api.test_exports_again import FILES
from tests.campaigns.api.test_imports import file
from tests.campaigns.imports.site import csv_of
from tests.campaigns.second_key.asked import MORE, approve, drafted, imported, shown, start, told
from tests.scheduler import TENANT


async def test_a_campaign_of_arrears_starts_with_the_approval_of_another_key_alone(it: Site) -> None:
    campaign = await drafted(it, key="maker")
    seen = (await shown(it, campaign))["approval"]
    assert (seen["needed"], seen["in_force"], seen["approved"]) == (["kind"], False, None)
    assert [(one["n"], one["contacts"]) for one in seen["files"]] == [(1, 2)]
    assert seen["files"][0]["sha256"] == hashlib.sha256(file("13800000001", "13800000002")).hexdigest()
    refused = await start(it, campaign)
    assert (refused.status, refused.code) == (409, "approval_needed")
    assert (refused.json["needed"], refused.json["missing"]) == (["kind"], ["none"])
    assert refused.json["digest"] == seen["digest"]
    own = await approve(it, campaign, "maker")
    assert (own.status, own.code) == (403, "second_key_needed")
    assert (await approve(it, campaign, "manager")).code == "scope_missing"
    assert (await shown(it, campaign))["state"] == "draft"
    done = await approve(it, campaign)
    assert (done.status, done.json["state"], done.json["approval"]["in_force"]) == (202, "approved", True), done.body
    assert done.json["approval"]["approved"]["by"].startswith("second (")
    assert (await start(it, campaign)).json["state"] == "running"
    assert sorted(await told(it, campaign), key=str) == sorted(
        [("created", None), ("import_received", None), ("import_done", None), ("approved", seen["digest"]),
         ("started", None)], key=str,
    )  # fmt: skip


@pytest.mark.parametrize("hand", ["imports", "withdraws", "changes"])
async def test_whoever_had_a_hand_in_it_does_not_approve_it(it: Site, hand: str) -> None:
    campaign = await drafted(it)
    path = f"/v1/campaigns/{campaign}"
    if hand == "imports":
        await imported(it, campaign, file(*MORE), key="maker")
    elif hand == "withdraws":
        assert (await it.ask("POST", f"{path}/imports/1/withdraw", key="maker")).status == 202
    else:
        tag = {"If-Match": (await it.ask("GET", path)).headers["ETag"]}
        assert (await it.ask("PATCH", path, {"priority": 2}, headers=tag, key="maker")).status == 200
    assert (await approve(it, campaign, "maker")).code == "second_key_needed"
    assert (await approve(it, campaign)).status == 202


async def test_whoever_has_changed_its_outages_does_not_approve_it(it: Site) -> None:
    outage = {"name": "Works", "kind": "outage", "switch": "s1", "trunk_group": "main"}
    campaign = (await it.ask("POST", "/v1/campaigns", outage)).json["id"]
    await imported(it, campaign, csv_of(FILES["outage"][:1]))
    item = FILES["outage"][0]
    starts_at = f"{item['starts_at'].replace(' ', 'T')}:00+08:00"
    change = {"where": {"area": item["area"], "starts_at": starts_at}, "set": {"cancelled": True}}
    path = f"/v1/campaigns/{campaign}/revisions"
    assert (await it.ask("POST", path, change, key="maker")).status == 202
    assert (await approve(it, campaign, "maker")).code == "second_key_needed"
    assert (await approve(it, campaign)).status == 202


async def test_what_has_changed_since_it_was_read_is_named(it: Site) -> None:
    campaign = await drafted(it)
    seen = (await shown(it, campaign))["approval"]
    await imported(it, campaign, file("13800000009", total="123.60").replace(b"A1", b"B1"))
    path = f"/v1/campaigns/{campaign}"
    late = await it.ask("POST", f"{path}/approve", {"digest": seen["digest"], "parts": seen["parts"]}, key="second")
    assert (late.status, late.code, late.json["changed"]) == (412, "approval_mismatch", ["files"])
    assert late.json["digest"] == (await shown(it, campaign))["approval"]["digest"]
    assert (await it.ask("POST", f"{path}/approve", {"digest": seen["digest"]}, key="second")).json["changed"] == []
    for body, pointer in (({"digest": "x"}, "/digest"), ({}, "/digest"), ({"digest": "0" * 64, "n": 1}, "/n")):
        wrong = await it.ask("POST", f"{path}/approve", body, key="second")
        assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, pointer)
    assert (await shown(it, campaign))["state"] == "draft"


@pytest.mark.parametrize("what", ["import", "withdrawal", "settings"])
async def test_what_changes_makes_an_approval_void(it: Site, what: str) -> None:
    campaign = await drafted(it)
    path = f"/v1/campaigns/{campaign}"
    assert (await approve(it, campaign)).status == 202
    if what == "import":
        await imported(it, campaign, file(*MORE).replace(b"A1", b"B1"))
    elif what == "withdrawal":
        assert (await it.ask("POST", f"{path}/imports/1/withdraw")).status == 202
    else:
        tag = {"If-Match": (await it.ask("GET", path)).headers["ETag"]}
        answer = await it.ask("PATCH", path, {"pacing": {"calls_per_second": 2}}, headers=tag)
        assert answer.json["state"] == "draft"
    now = await shown(it, campaign)
    assert (now["state"], now["approval"]["in_force"]) == ("draft", False)
    assert now["approval"]["approved"]["void_why"] == what
    assert ("approval_void", what) in await told(it, campaign)
    assert now["next"]["text"]["en"].startswith("Draft: ")
    refused = await start(it, campaign, now["progress"]["contacts"])
    assert (refused.code, refused.json["missing"]) == ("approval_needed", ["none"])
    assert (await approve(it, campaign)).status == 202
    assert (await start(it, campaign, now["progress"]["contacts"])).status == 202


async def test_a_file_that_comes_while_it_runs_is_dialled_once_it_is_approved(it: Site) -> None:
    campaign = await drafted(it)
    path = f"/v1/campaigns/{campaign}"
    assert (await approve(it, campaign)).status == 202
    assert (await start(it, campaign)).status == 202
    await imported(it, campaign, file(*MORE).replace(b"A1", b"B1"))
    now = await shown(it, campaign)
    assert (now["state"], now["paused_why"]) == ("paused", "approval_void")
    assert "second key" in now["next"]["text"]["en"]
    refused = await it.ask("POST", f"{path}/resume")
    assert (refused.status, refused.code) == (409, "approval_needed")
    assert (await approve(it, campaign)).json["state"] == "paused"
    assert (await it.ask("POST", f"{path}/resume")).json["state"] == "running"


async def test_less_than_what_was_approved_goes_on(it: Site) -> None:
    """Once it runs: a file that is taken back, narrower windows, another pace; wider ones are refused."""
    campaign = await drafted(it, windows=["09:00-11:00", "14:00-18:00"])
    path = f"/v1/campaigns/{campaign}"
    await imported(it, campaign, file(*MORE).replace(b"A1", b"B1"))
    assert (await approve(it, campaign)).status == 202
    assert (await start(it, campaign, 3)).status == 202

    async def patched(body: dict[str, object]) -> tuple[int, str]:
        tag = {"If-Match": (await it.ask("GET", path)).headers["ETag"]}
        answer = await it.ask("PATCH", path, body, headers=tag)
        return answer.status, answer.json["state"] if answer.status == 200 else answer.json["errors"][0]["pointer"]

    assert await patched({"windows": ["09:30-10:00"], "pacing": {"calls_per_second": 3}}) == (200, "running")
    assert await patched({"windows": ["09:00-11:00"]}) == (200, "running"), "within what was approved"
    assert await patched({"windows": ["09:00-12:00"]}) == (422, "/windows")
    assert (await it.ask("POST", f"{path}/imports/2/withdraw")).status == 202
    assert (await shown(it, campaign))["state"] == "running"
    assert (await it.ask("POST", f"{path}/pause")).status == 202
    assert (await it.ask("POST", f"{path}/resume")).json["state"] == "running"


async def test_other_words_are_another_campaign(it: Site) -> None:
    """The operator changes who speaks: what was read is not what would be said."""
    campaign = await drafted(it)
    assert (await approve(it, campaign)).status == 202
    other = replace(it.context, settings=Settings(caller_zh="另一热线"))
    with pytest.raises(ApprovalNeeded) as refused:
        await starting.start(other, TENANT, campaign, starting.StartRequest(2), "desk (7)")
    assert refused.value.missing == ("words",)


def test_when_an_approval_is_needed() -> None:
    on = Settings()
    assert reasons(on, "arrears", 1) == ["kind"]
    assert reasons(on, "billing", 1_000) == []
    assert reasons(on, "billing", 1_001) == ["contacts"]
    assert reasons(on, "arrears", 1_001) == ["kind", "contacts"]
    assert reasons(Settings(approval="off"), "arrears", 5_000) == []
    assert reasons(Settings(approval_kinds="", approval_contacts=0), "outage", 1) == ["contacts"]
