"""Every route against a stranger's tenant, a key without the scope, no key, and what no route takes."""

import json
from typing import Any

import pytest

from campaigns.callbacks.asked import CallbackAsked
from campaigns.callbacks.putting import Put, put
from campaigns.wiring import PART
from cti.web.codes import CODES
from cti.web.limits import Limits
from cti.web.route import Route
from tests.campaigns.api.site import ARREARS, Site, contact_row, site
from tests.scheduler import START_MS, TENANT

SIGNED = "post_message_receipt"  # a signature stands in the place of a key (tests/campaigns/messages)
ROUTES = {route.name: route for route in PART.routes(Limits()) if route.name != SIGNED}
BODIES: dict[str, Any] = {
    "post_campaign": ARREARS,
    "post_start": {"contacts": 1},
    "post_stop": {"live": "finish"},
    "post_outcome": {"disposition": "reached"},
    "post_freeze": {"reason": "wrong file"},
    "post_calling_hours": {"kind": "arrears"},
    "post_settlements": {"reference": "R1", "account": "A1", "settled_at": "2026-03-01T00:00:00Z"},
    "post_do_not_call": {"number": "13800001234", "reason": "asked"},
    "delete_do_not_call": {"number": "13800009999"},
    "post_callback": {
        "number": "13800005678",
        "due_at": "2026-03-02T15:00:00+08:00",
        "switch": "s1",
        "trunk_group": "main",
        "channel": "auto",
    },
}
OF_THE_TENANT = ("post_campaign", "get_campaigns", "get_outbound", "post_freeze", "post_thaw", "post_settlements",
                 "post_do_not_call", "get_do_not_call", "get_audit_head", "post_callback",
                 "get_callbacks", "post_erasure", "get_erasures")  # fmt: skip
OF_NOBODY = ("get_calling_hours", "post_calling_hours")


async def filled(it: Site) -> dict[str, str]:
    """What the parts of the paths stand for."""
    campaign: str = (await it.campaign())["id"]
    await it.put([contact_row(campaign, 1, state="person")])
    wanted = CallbackAsked(
        tenant=TENANT, number="+8613800001234", zones=("Asia/Shanghai",), switch="s1", trunk_group="main",
        queue="service", channel="agent", asked_ms=START_MS, due_ms=START_MS + 60_000,
    )  # fmt: skip
    asked_for = {"account": "nobody's", "reason": "test"}
    erasure = (await it.ask("POST", "/v1/erasures", asked_for, key="admin")).json["id"]
    made: Put = await it.in_ledger(lambda connection: put(connection, wanted, it.context.rules, START_MS, "test"))
    return {"campaign": campaign, "contact": f"{campaign}-1", "n": "1", "batch": "b0123456789abcde",
            "callback": made.callback.id, "erasure": erasure}  # fmt: skip


async def asked(it: Site, route: Route, named: dict[str, str], key: str) -> Any:
    path = route.path.format(**named)
    if route.name == "get_calling_hours":
        path += "?kind=arrears"
    if route.name == "post_import":
        return await it.ask("POST", path, b"a,b\r\n", key=key, headers={"Content-Type": "text/csv"})
    body = BODIES.get(route.name, {"campaign": named["campaign"]} if route.body else None)
    return await it.ask(route.method, path, body, key=key)


async def test_no_path_is_open_to_a_key_without_its_scope(url: str) -> None:
    async with site(url, tasks=False) as it:
        named = await filled(it)
        await it.add_key("other scopes", " ".join({"campaigns:read", "campaigns:write", "notices:export"}))
        for route in ROUTES.values():
            assert route.scope is not None, route.name
            without = {"campaigns:read", "campaigns:write", "notices:export"} - {route.scope}
            await it.add_key(route.name, " ".join(sorted(without)))
            for key in ("nobody", route.name):
                if key == "nobody" and route.scope == "notices:export":
                    continue
                answer = await asked(it, route, named, key)
                assert (answer.status, answer.code) == (403, "scope_missing"), (route.name, key)
                assert route.scope in answer.json["detail"]
        assert (await it.ask("GET", f"/v1/campaigns/{named['campaign']}")).json["state"] == "draft"


async def test_no_path_shows_or_changes_anothers(url: str) -> None:
    async with site(url, tasks=False) as it:
        named = await filled(it)
        for route in ROUTES.values():
            if route.name in (*OF_NOBODY, *OF_THE_TENANT):
                continue
            if route.scope == "notices:export":
                continue
            answer = await asked(it, route, named, "stranger")
            assert (answer.status, answer.code) == (404, "not_found"), (route.name, answer.body)
        assert (await asked(it, ROUTES["get_campaigns"], named, "stranger")).json["campaigns"] == []
        assert (await asked(it, ROUTES["post_freeze"], named, "stranger")).status == 202
        assert not (await it.ask("GET", "/v1/outbound")).json["frozen"], "the stranger has frozen its own"
        shown = (await it.ask("GET", f"/v1/campaigns/{named['campaign']}")).json
        assert (shown["state"], shown["progress"]["person"]) == ("draft", 1)


async def test_no_path_is_open_without_a_key(url: str) -> None:
    async with site(url, tasks=False) as it:
        named = await filled(it)
        it.keys["wrong"] = "rbk_0123456789ab_" + "x" * 43
        for route in ROUTES.values():
            answer = await asked(it, route, named, "wrong")
            assert (answer.status, answer.code) == (401, "unauthenticated"), route.name


async def test_no_path_takes_a_parameter_that_it_does_not_know(url: str) -> None:
    async with site(url, tasks=False) as it:
        named = await filled(it)
        for route in ROUTES.values():
            answer = await it.ask(route.method, f"{route.path.format(**named)}?colour=red", key="admin")
            assert (answer.status, answer.code) == (400, "unknown_parameter"), route.name


@pytest.mark.parametrize("name", sorted(name for name, route in ROUTES.items() if "application/json" in route.body))
async def test_a_body_that_is_no_json_or_no_object_is_refused(url: str, name: str) -> None:
    async with site(url, tasks=False) as it:
        named, route = await filled(it), ROUTES[name]
        path = route.path.format(**named)
        for body, media, code in (
            (b"{", "application/json", "unparsable"),
            (b"\xff{}", "application/json", "bad_encoding"),
            (b"[]", "application/json", "invalid_body"),
            (b"{}", "text/plain", "unsupported_media_type"),
        ):
            answer = await it.ask(route.method, path, body, key="admin", headers={"Content-Type": media})
            assert answer.code == code, (name, body, answer.body)
            assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_head_answers_like_get_without_a_body(url: str) -> None:
    async with site(url, tasks=False) as it:
        named = await filled(it)
        for route in ROUTES.values():
            if not route.head or route.name == "get_notice_batch":
                continue
            answer = await it.ask("HEAD", route.path.format(**named) + ("?kind=arrears" if route.query and
                                  route.name == "get_calling_hours" else ""), key="admin")  # fmt: skip
            assert (answer.status, answer.body) == (200, b""), route.name


def test_every_code_of_a_route_is_known() -> None:
    for route in ROUTES.values():
        assert set(route.codes) <= {*CODES, *PART.codes}, route.name
    assert json.dumps(PART.schemas())
