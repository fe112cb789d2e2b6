"""Answers say what is wrong by name: unknown types, foreign families, impossible times, unknown commands."""

import json

import pytest

from cti.core.times import rfc3339
from tests.integration.gateway_site import BATCH, NOW_MS, Site, event

SWITCH = "pbx-1"
DAY_MS = 86_400_000


def at(ms: int) -> str:
    return rfc3339(ms)


@pytest.mark.parametrize(
    ("kind", "code", "named"),
    [
        ("ringback.call.deliverd.v1", "unknown_type", "ringback.call.deliverd.v1"),
        ("ringback.call.agentReady.v1", "unknown_type", "agentReady is an event of the family agent, not of call"),
        ("ringback.agent.delivered.v1", "unknown_type", "delivered is an event of the family call, not of agent"),
        ("ringback.call.delivered.v2", "newer_version", "Version 2"),
        ("com.example.ring", "unknown_type", "com.example.ring"),
        ("x.+8613800131234", "unknown_type", "The type x.+86138****1234 is not known here"),
    ],
)
async def test_an_unknown_type_is_accepted_with_a_warning(site: Site, kind: str, code: str, named: str) -> None:
    key = await site.key()
    answer = await site.post(key, [event(1), event(2, type=kind)], BATCH)
    assert answer.status == 202
    [warning] = answer.json()["warnings"]
    assert (warning["index"], warning["id"], warning["code"]) == (1, "e-2", code)
    assert named in warning["detail"]
    mixed = await site.post(key, [event(3, type=kind), 7], BATCH)
    assert (mixed.status, [one["code"] for one in mixed.json()["warnings"]]) == (200, [code])
    assert "warnings" not in (await site.post(key, event(4))).json()


@pytest.mark.parametrize(
    ("time", "taken"),
    [
        ("1979-12-31T23:59:59.999Z", False),
        ("1980-01-01T00:00:00Z", True),
        (at(NOW_MS + DAY_MS), True),
        (at(NOW_MS + DAY_MS + 1), False),
        ("2199-01-01T00:00:00Z", False),
    ],
)
async def test_an_impossible_time_is_refused_by_name(site: Site, time: str, taken: bool) -> None:
    key = await site.key()
    answer = await site.post(key, event(1, time=time))
    if taken:
        assert answer.status == 202
        return
    assert (answer.status, answer.code) == (422, "bad_time")
    assert answer.json()["errors"][0]["pointer"] == "/time"
    batch = await site.post(key, [event(2), event(3, time=time)], BATCH)
    assert (batch.status, [one.get("code") for one in batch.json()["items"]]) == (200, [None, "bad_time"])


@pytest.mark.parametrize("opened", ["1970-01-01T00:00:00Z", at(NOW_MS + DAY_MS + 1)])
async def test_a_snapshot_whose_call_was_opened_at_an_impossible_time_is_refused_by_name(
    site: Site, opened: str
) -> None:
    key = await site.key()
    calls = [{"call": "c-1"}, {"call": "c-2", "openedAt": opened}]
    snapshot = event(1, type="ringback.switch.switchSnapshot.v1", subject=SWITCH, data={"calls": calls})
    answer = await site.post(key, snapshot)
    assert (answer.status, answer.code) == (422, "bad_time")
    assert answer.json()["errors"][0]["pointer"] == "/data/calls/1/openedAt"
    batch = await site.post(key, [event(2), snapshot], BATCH)
    assert (batch.status, [one.get("code") for one in batch.json()["items"]]) == (200, [None, "bad_time"])


async def test_an_event_is_not_refused_for_a_number_that_is_longer_than_any(site: Site) -> None:
    long = "sip:+8679186261234@10.0.0.1;user=phone;" + "x" * 200
    data = {"connection": "c", "calling": long, "called": "95598", "direction": "inbound"}
    answer = await site.post(await site.key(), event(1, type="ringback.call.offered.v1", data=data))
    assert answer.status == 202
    [entry] = await site.kept()
    assert json.loads(entry.body)["data"]["calling"] == long  # the log keeps what was sent; the call's number is cut
    refused = data | {"trunk": "x" * 500}
    assert (await site.post(await site.key(), event(2, type="ringback.call.offered.v1", data=refused))).status == 422


async def test_data_base64_is_named_as_not_supported(site: Site) -> None:
    answer = await site.post(await site.key(), event(1) | {"data_base64": "e30="})
    [fault] = [one for one in answer.json()["errors"] if one["pointer"] == "/data_base64"]
    assert (answer.status, fault["rule"]) == (422, "not_supported")


async def test_a_command_that_does_not_exist_is_refused_by_name(site: Site) -> None:
    key = await site.key("events:write")
    answer = await site.put(key, f"/v1/switches/{SWITCH}", {"commands": ["deflectCall", "deflektCall"]})
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"] == "/commands/1"
    assert "deflektCall" in answer.json()["detail"]


async def test_an_invalid_body_names_the_field(site: Site) -> None:
    answer = await site.put(await site.key("events:write"), f"/v1/switches/{SWITCH}", {"commands": [], "fax": 1})
    assert answer.code == "invalid_body"
    assert answer.json()["detail"].startswith("/fax: ")
    assert json.loads(answer.body)["errors"][0]["pointer"] == "/fax"
