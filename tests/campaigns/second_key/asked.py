"""What the tests of approvals ask at the door, again and again."""

from typing import Any

from tests.campaigns.api.site import Reply, Site
from tests.campaigns.api.test_imports import CSV, file

ABLE = {
    "commands": ["makeCall", "snapshotCall", "clearConnection", "sendMessage"],
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 5, "calls_at_once": 10}},
}
FIRST, MORE = ("13800000001", "13800000002"), ("13800000011",)


async def drafted(it: Site, *, key: str = "manager", **changed: Any) -> str:
    """A campaign of arrears with a file of two contacts."""
    answer = await it.ask(
        "POST", "/v1/campaigns", {"name": "March", "kind": "arrears", "switch": "s1", "trunk_group": "main", **changed},
        key=key,
    )  # fmt: skip
    assert answer.status == 201, answer.body
    campaign: str = answer.json["id"]
    await imported(it, campaign, file(*FIRST), key=key)
    return campaign


async def imported(it: Site, campaign: str, body: bytes, *, key: str = "manager") -> None:
    answer = await it.ask("POST", f"/v1/campaigns/{campaign}/imports", body, headers=CSV, key=key)
    assert answer.status == 202, answer.body
    await it.it.settle()
    shown = (await it.ask("GET", answer.headers["Location"], key=key)).json
    assert shown["state"] == "done", shown


async def shown(it: Site, campaign: str) -> dict[str, Any]:
    found: dict[str, Any] = (await it.ask("GET", f"/v1/campaigns/{campaign}", key="reader")).json
    return found


async def approve(it: Site, campaign: str, key: str = "second") -> Reply:
    """What is there now."""
    seen = (await shown(it, campaign))["approval"]
    body = {"digest": seen["digest"], "parts": seen["parts"]}
    return await it.ask("POST", f"/v1/campaigns/{campaign}/approve", body, key=key)


async def start(it: Site, campaign: str, contacts: int = 2, **more: Any) -> Reply:
    return await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": contacts, **more})


async def told(it: Site, campaign: str) -> list[tuple[str, str | None]]:
    """(what, why) of its history."""
    answer = await it.ask("GET", f"/v1/campaigns/{campaign}/history", key="reader")
    return [(one["what"], one.get("why")) for one in answer.json["history"]]
