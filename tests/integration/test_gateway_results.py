"""Results in, and a switch's declaration of itself, over a real socket and a real ledger."""

import asyncio
import json
from typing import Any

import pytest

from cti.rows import OutcomeRow, Round
from tests.integration.gateway_site import NOW_MS, SOURCE, TENANT, Answered, Site, event, site_at

STREAM = "/v1/switches/pbx-1/commands"


async def result(site: Site, key: dict[str, str], command: str, body: dict[str, Any]) -> Answered:
    headers = {**key, "Content-Type": "application/json"}
    return await site.ask("POST", f"/v1/commands/{command}/result", headers, json.dumps(body).encode())


async def test_a_result_goes_into_the_log_under_its_call(site: Site) -> None:
    await site.commit(Round(commands=[site.command(7)]))
    answer = await result(site, await site.key(switches="pbx-1"), "cmd-0-7", {"state": "refused", "reason": "busy"})
    assert answer.status == 202
    [entry] = await site.kept()
    assert answer.json() == {"position": f"{entry.partition}:{entry.position}"}
    assert entry.tenant == TENANT
    assert json.loads(entry.body) == {
        "specversion": "1.0",
        "id": "result-cmd-0-7-refused",
        "source": SOURCE,
        "type": "ringback.call.commandResult.v1",
        "subject": "call-7",
        "time": "2026-03-02T01:00:12.000Z",
        "datacontenttype": "application/json",
        "commandid": "cmd-0-7",
        "data": {"commandid": "cmd-0-7", "state": "refused", "reason": "busy"},
    }
    assert entry.partition == await partition_of_call(site, 7)


async def partition_of_call(site: Site, n: int) -> int:
    """Where the n-th call's own events go."""
    answer = await site.post(await site.key(), event(n))
    return int(answer.json()["position"].split(":")[0])


async def test_the_switch_s_own_time_and_answer_are_kept(site: Site) -> None:
    body = json.dumps({"id": "cmd-0-1", "command": "setAgentState", "agent": "1001"})
    await site.commit(Round(commands=[site.command(1, call_id="", body=body)]))
    told = {"state": "done", "time": "2026-03-02T09:00:13.25+08:00", "answer": "ended", "cause": "normalClearing"}
    assert (await result(site, await site.key(), "cmd-0-1", told)).status == 202
    [entry] = await site.kept()
    kept = json.loads(entry.body)
    assert (kept["subject"], kept["time"]) == ("1001", "2026-03-02T01:00:13.250000Z")
    assert kept["data"] == {"commandid": "cmd-0-1", "state": "done", "answer": "ended", "cause": "normalClearing"}


async def test_what_became_of_a_call_that_was_asked_about_is_kept(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    found = {"answer": "ended", "cause": "busy", "q850": 17, "tone": "poweredOff"}
    told = {"state": "done", **found, "ended_at": "2026-03-02T09:00:13.25+08:00"}
    key = await site.key()
    assert (await result(site, key, "cmd-0-1", told)).status == 202
    assert (await result(site, key, "cmd-0-1", told)).status == 202
    assert (await result(site, key, "cmd-0-1", {**told, "q850": 16})).code == "already_answered"
    [entry] = await site.kept()
    ended = "2026-03-02T01:00:13.250000Z"
    assert json.loads(entry.body)["data"] == {"commandid": "cmd-0-1", "state": "done", **found, "ended_at": ended}


@pytest.mark.parametrize("member", ["time", "ended_at"])
@pytest.mark.parametrize("time", ["1979-12-31T23:59:59Z", "2198-01-01T00:00:00Z"])
async def test_a_result_at_an_impossible_time_is_refused_by_name(site: Site, member: str, time: str) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    answer = await result(site, await site.key(), "cmd-0-1", {"state": "done", member: time})
    assert (answer.status, answer.code) == (422, "bad_time")
    assert answer.json()["errors"][0]["pointer"] == f"/{member}"
    assert await site.kept() == []


@pytest.mark.parametrize("told", [{"state": "refused"}, {"state": "done", "reason": "busy"}])
async def test_a_reason_that_the_state_does_not_allow_is_named(site: Site, told: dict[str, str]) -> None:
    answer = await result(site, await site.key(), "cmd-0-1", told)
    assert (answer.status, answer.code) == (422, "invalid_body")
    [wrong] = answer.json()["errors"]
    assert (wrong["pointer"], wrong["detail"]) == ("/reason", "A refused command has a `reason`, any other has none")


async def test_the_same_result_again_is_kept_once(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    key = await site.key()
    steps = [{"state": "accepted"}, {"state": "accepted"}, {"state": "done"}, {"state": "done"}]
    answers = [await result(site, key, "cmd-0-1", step) for step in steps]
    site.clock.move_to(NOW_MS + 900)
    answers.append(await result(site, key, "cmd-0-1", {"state": "done"}))
    assert [each.status for each in answers] == [202] * 5
    assert answers[2].body == answers[3].body == answers[4].body
    assert sorted(json.loads(entry.body)["data"]["state"] for entry in await site.kept()) == ["accepted", "done"]


async def test_two_at_once_are_kept_once(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    key = await site.key()
    answers = await asyncio.gather(*(result(site, key, "cmd-0-1", {"state": "done"}) for _ in range(5)))
    assert {each.status for each in answers} == {202}
    assert len(await site.kept()) == 1


async def test_another_result_is_a_contradiction(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    key = await site.key()
    assert (await result(site, key, "cmd-0-1", {"state": "done"})).status == 202
    answer = await result(site, key, "cmd-0-1", {"state": "refused", "reason": "busy"})
    assert (answer.status, answer.code) == (409, "already_answered")
    assert len(await site.kept()) == 1


@pytest.mark.parametrize(
    ("stands", "given", "status"),
    [
        (("done", None), {"state": "done"}, 202),
        (("done", None), {"state": "accepted"}, 202),
        (("done", None), {"state": "refused", "reason": "busy"}, 409),
        (("refused", "busy"), {"state": "refused", "reason": "busy"}, 202),
        (("refused", "busy"), {"state": "refused", "reason": "error"}, 409),
        (("refused", "busy"), {"state": "done"}, 409),
    ],
)
async def test_the_ledger_remembers_when_the_gateway_does_not(
    site: Site, stands: tuple[str, str | None], given: dict[str, Any], status: int
) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    await site.commit(Round(outcomes=[OutcomeRow("cmd-0-1", *stands, NOW_MS)]))
    assert (await result(site, await site.key(), "cmd-0-1", given)).status == status
    assert await site.kept() == []


async def test_what_became_unanswered_may_still_be_told(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    await site.commit(Round(outcomes=[OutcomeRow("cmd-0-1", "unanswered", None, NOW_MS)]))
    assert (await result(site, await site.key(), "cmd-0-1", {"state": "done"})).status == 202
    assert len(await site.kept()) == 1


async def test_what_was_never_sent_takes_no_result(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1, state="overtaken")]))
    answer = await result(site, await site.key(), "cmd-0-1", {"state": "done"})
    assert (answer.status, answer.code) == (409, "not_sent")


async def test_a_stranger_s_command_does_not_exist(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1)]))
    for key in (await site.key(tenant="stranger"), await site.key(switches="pbx-2")):
        answer = await result(site, key, "cmd-0-1", {"state": "done"})
        assert (answer.status, answer.code) == (404, "not_found")
    assert (await result(site, await site.key(), "cmd-9", {"state": "done"})).status == 404
    assert await site.kept() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "maybe"},
        {"state": "refused"},
        {"state": "done", "reason": "busy"},
        {"state": "refused", "reason": "mood"},
        {"state": "done", "time": "now"},
        {"state": "done", "more": 1},
        {"state": "done", "q850": 128},
        {"state": "done", "q850": "17"},
        {"state": "done", "ended_at": "21:00"},
    ],
)
async def test_a_result_is_judged(body: dict[str, Any]) -> None:
    async with site_at("memory:") as site:
        await site.commit(Round(commands=[site.command(1)]))
        answer = await result(site, await site.key(), "cmd-0-1", body)
        assert (answer.status, answer.code) == (422, "invalid_body")
        assert answer.json()["errors"]


async def test_a_switch_declares_itself(site: Site) -> None:
    key = await site.key("events:write calls:read", switches="pbx-1")
    told = {"commands": ["deflectCall", "playMessage"], "facts": ["offered", "delivered"], "if_other_ready": True}
    assert (await site.ask("GET", "/v1/switches/pbx-1", key)).status == 404
    assert (await site.post(key, event(1, source="/pbx/one"))).status == 403
    answer = await site.put(key, "/v1/switches/pbx-1", {**told, "source": "/pbx/one"})
    assert (answer.status, answer.json()) == (200, {"switch": "pbx-1", "source": "/pbx/one", **told})
    assert (await site.ask("GET", "/v1/switches/pbx-1", key)).json() == answer.json()
    kept = await site.kept()
    assert sorted(entry.partition for entry in kept) == [0, 1, 2, 3]
    said = json.loads(kept[0].body)
    assert (said["type"], said["source"], said["subject"], said["data"]) == (
        "ringback.switch.switchDeclared.v1", "/pbx/one", "pbx-1", told,
    )  # fmt: skip
    assert (await site.post(key, event(1, source="/pbx/one"))).status == 202
    assert (await site.post(key, event(2))).status == 403
    await site.commit(Round(commands=[site.command(1, source="/pbx/one")]))
    listening = await site.key("commands:read", switches="pbx-1")
    assert len((await site.ask("GET", STREAM, listening)).json()["commands"]) == 1


async def test_a_switch_declares_what_it_can_dial_on(site: Site) -> None:
    groups = {"main": {"calls_per_second": 2.5, "calls_at_once": 30, "caller_id": "95598"}}
    groups["spare"] = {"calls_per_second": 1, "calls_at_once": 5, "caller_id": None}
    told = {"commands": ["makeCall", "snapshotCall"], "facts": None, "if_other_ready": False, "outbound": 1}
    told["trunk_groups"] = groups
    answer = await site.put(await site.key(), "/v1/switches/pbx-1", told)
    assert (answer.status, answer.json()) == (200, {"switch": "pbx-1", "source": SOURCE, **told})
    assert json.loads((await site.kept())[0].body)["data"] == told


async def test_no_switch_takes_another_s_calls(site: Site) -> None:
    one, two = await site.key(switches="pbx-1"), await site.key(switches="pbx-2")
    said: dict[str, Any] = {"commands": []}
    assert (await site.put(two, "/v1/switches/pbx-2", {**said, "source": "/pbx/two"})).status == 200
    for source in ("/pbx/two", "/switches/pbx-3"):
        answer = await site.put(one, "/v1/switches/pbx-1", {**said, "source": source})
        assert (answer.status, answer.code) == (409, "source_taken")
    answer = await site.put(one, "/v1/switches/pbx-2", said)
    assert (answer.status, answer.code) == (403, "switch_not_allowed")
    assert (await site.put(one, "/v1/switches/pbx-1", said)).json()["source"] == SOURCE


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commands": "all"},
        {"commands": ["a b"]},
        {"commands": [], "source": "a\nb"},
        {"commands": [], "more": 1},
        {"commands": [], "outbound": 2},
        {"commands": [], "outbound": True},
        {"commands": [], "trunk_groups": {"main": {"calls_per_second": 1}}},
        {"commands": [], "trunk_groups": {"main": {"calls_per_second": 0, "calls_at_once": 1}}},
        {"commands": [], "trunk_groups": {"main": {"calls_per_second": 1, "calls_at_once": 1.5}}},
        {"commands": [], "trunk_groups": {"a b": {"calls_per_second": 1, "calls_at_once": 1}}},
        {"commands": [], "trunk_groups": {str(n): {"calls_per_second": 1, "calls_at_once": 1} for n in range(65)}},
        [],
    ],
)
async def test_a_declaration_is_judged(body: Any) -> None:
    async with site_at("memory:") as site:
        answer = await site.put(await site.key(), "/v1/switches/pbx-1", body)
        assert (answer.status, answer.code) == (422, "invalid_body")


async def test_a_trunk_group_that_cannot_be_kept_is_refused_and_changes_nothing(site: Site) -> None:
    key = await site.key("events:write", switches="pbx-1")
    group = {"calls_per_second": 1, "calls_at_once": 5.0, "caller_id": "a\0b"}
    declaration: dict[str, Any] = {"commands": [], "outbound": 1.0, "trunk_groups": {"main": group}}
    answer = await site.put(key, "/v1/switches/pbx-1", declaration)
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert (await site.ask("GET", "/v1/switches/pbx-1", key)).status == 404
    group["caller_id"] = "95598"
    assert (await site.put(key, "/v1/switches/pbx-1", declaration)).status == 200
