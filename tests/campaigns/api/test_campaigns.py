"""Campaigns are made with the defaults of their kind and of the hours, and shown as they hold."""

from typing import Any

import pytest

from tests.campaigns.api.site import ARREARS, site

DEFAULTS = {
    "billing": (["auto"], 3, "notice", 5, {"calls_per_second": 1, "calls_at_once": 10}),
    "arrears": (["auto"], 3, "notice", 5, {"calls_per_second": 1, "calls_at_once": 10}),
    "outage": (["sms", "auto"], 3, "person", 1, {"calls_per_second": 5, "calls_at_once": 50}),
}


async def test_a_campaign_has_the_defaults_of_its_kind(url: str) -> None:
    async with site(url) as it:
        for kind, expected in DEFAULTS.items():
            made = await it.campaign(kind=kind)
            names = ("channels", "attempts_max", "fallback", "priority", "pacing")
            assert tuple(made[name] for name in names) == expected, kind
            assert (made["state"], made["ring_timeout_s"], made["zone"], made["language"]) == (
                "draft", 30, "Asia/Shanghai", "zh")  # fmt: skip
        listed = (await it.ask("GET", "/v1/campaigns")).json
        assert [one["kind"] for one in listed["campaigns"]].count("outage") == 1
        assert len(listed["campaigns"]) == 3


async def test_deadlines_are_counted_in_working_days(url: str) -> None:
    async with site(url) as it:
        made = await it.campaign(received_at="2026-03-06T10:00:00+08:00")  # a Friday
        assert made["notice_out_by"] == "2026-03-09T13:00:00.000Z"
        assert made["fallback_by"] == "2026-03-11T13:00:00.000Z"
        assert made["expires_at"] == "2026-03-21T13:00:00.000Z"
        moved = await it.campaign(fallback_by="2026-03-20T21:00:00+08:00", received_at="2026-03-06T10:00:00+08:00")
        assert moved["expires_at"] == "2026-03-30T13:00:00.000Z", "it follows the fallback"
        outage = await it.campaign(kind="outage")
        assert (outage["notice_out_by"], outage["fallback_by"], outage["expires_at"]) == (None, None, None)


async def test_get_shows_the_same_as_was_answered_with_an_etag(url: str) -> None:
    async with site(url) as it:
        answer = await it.ask("POST", "/v1/campaigns", {**ARREARS, "windows": ["09:00-11:00"], "retry": {"busy": 45}})
        made = answer.json
        assert answer.headers["Location"] == f"/v1/campaigns/{made['id']}"
        shown = await it.ask("GET", answer.headers["Location"], key="reader")
        assert shown.json == made
        assert shown.headers["ETag"] == answer.headers["ETag"] == '"1"'
        assert (made["windows"], made["retry"]["busy"], made["retry"]["noAnswer"]) == (["09:00-11:00"], 45, 60)
        assert made["created_by"].startswith("manager (")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "/colour"),
    ({"pacing": {"calls_per_secnd": 1}}, "/pacing/calls_per_secnd"),
    ({"windows": ["07:00-09:00"]}, "/windows/0"),
    ({"windows": ["08:00-09:00", "11:00-15:00"]}, "/windows/1"),
    ({"windows": ["10:00-09:00"]}, "/windows"),
    ({"kind": "billing", "windows": ["07:00-09:00"]}, "/windows/0"),
    ({"windows": ["07:30-09:00"]}, "/windows/0"),
    ({"retry": {"noAnswer": 59}}, "/retry/noAnswer"),
    ({"retry": {"reached": 59}}, "/retry/reached"),
    ({"retry": {"noAgent": 61}}, "/retry/noAgent"),
    ({"ring_timeout_s": 29}, "/ring_timeout_s"),
    ({"ring_timeout_s": 121}, "/ring_timeout_s"),
    ({"attempts_max": 4}, "/attempts_max"),
    ({"priority": 10}, "/priority"),
    ({"zone": "Asia/Nanchang"}, "/zone"),
    ({"channels": ["auto", "auto"]}, "/channels"),
    ({"channels": ["pigeon"]}, "/channels/0"),
    ({"kind": "callback"}, "/kind"),
    ({"closed_dates": ["2026-02-30"]}, "/closed_dates/0"),
    ({"fallback_by": "2026-04-01T21:00:00+08:00", "expires_at": "2026-04-01T20:59:59+08:00"}, "/expires_at"),
    ({"expires_at": "2026-03-02T21:00:00+08:00"}, "/expires_at"),
    ({"kind": "billing", "expires_at": "2026-03-02T21:00:00+08:00"}, "/expires_at"),
    ({"notice_out_by": "2026-04-02T21:00:00+08:00", "fallback_by": "2026-04-01T21:00:00+08:00"}, "/notice_out_by"),
    ({"name": ""}, "/name"),
    ({"received_at": "2026-03-02T21:00:00"}, "/received_at"),
]


async def test_what_is_wrong_is_named_with_field_and_rule(url: str) -> None:
    async with site(url) as it:
        for changed, pointer in REFUSED:
            answer = await it.ask("POST", "/v1/campaigns", {**ARREARS, **changed})
            assert (answer.status, answer.code) == (422, "invalid_body"), (changed, answer.body)
            (found,) = answer.json["errors"]
            assert found["pointer"] == pointer, (changed, found)
            assert found["rule"], found
            assert found["detail"], found
        assert (await it.ask("GET", "/v1/campaigns")).json == {"campaigns": [], "cursor": None}


@pytest.mark.parametrize("missing", ["name", "kind", "switch", "trunk_group"])
async def test_what_is_missing_is_named(url: str, missing: str) -> None:
    async with site(url) as it:
        body = {name: value for name, value in ARREARS.items() if name != missing}
        answer = await it.ask("POST", "/v1/campaigns", body)
        assert answer.json["errors"][0]["pointer"] == f"/{missing}"


async def test_an_outage_may_end_before_any_fallback(url: str) -> None:
    async with site(url) as it:
        made = await it.campaign(kind="outage", expires_at="2026-03-02T21:00:00+08:00")
        assert made["expires_at"] == "2026-03-02T13:00:00.000Z"


async def test_campaigns_come_in_pages_by_state_and_by_switch(url: str) -> None:
    async with site(url) as it:
        made = [(await it.campaign(name=f"no {n}"))["id"] for n in range(5)]
        await it.campaign(switch="s9")
        found: list[str] = []
        cursor = ""
        for _ in range(10):
            page = (await it.ask("GET", f"/v1/campaigns?limit=2&state=draft{cursor}")).json
            found += [one["id"] for one in page["campaigns"]]
            if page["cursor"] is None:
                break
            cursor = f"&cursor={page['cursor']}"
        assert sorted(found[:]) == sorted({*found})
        assert {*made} < {*found}
        assert len(found) == 6
        bound = (await it.ask("GET", "/v1/campaigns", key="bound")).json["campaigns"]
        assert [one["switch"] for one in bound] == ["s9"]
        assert (await it.ask("GET", f"/v1/campaigns/{made[0]}", key="bound")).code == "not_found"
        assert (await it.ask("POST", "/v1/campaigns", ARREARS, key="bound")).code == "switch_not_allowed"
        assert (await it.ask("GET", "/v1/campaigns?state=running")).json["campaigns"] == []
