"""Orders of a manager: each state and action, what is refused and why, and the freeze."""

import json
from typing import Any

import pytest
from sqlalchemy import update

from campaigns.core.campaign import CAMPAIGN_TABLE
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.ledger import audit
from campaigns.ledger.tables import campaigns
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.scheduler import TENANT

ACTIONS: dict[str, tuple[CampaignStep, Any]] = {
    "start": (CampaignStep.START, {"contacts": 1, "allow_overlap": True}),
    "pause": (CampaignStep.PAUSE, None),
    "resume": (CampaignStep.RESUME, None),
    "stop": (CampaignStep.STOP, {"live": "finish"}),
    "drain": (CampaignStep.DRAIN, None),
    "start at a time": (
        CampaignStep.SCHEDULE,
        {"contacts": 1, "start_at": "2026-03-02T12:00:00+08:00", "allow_overlap": True},
    ),
    "approve": (CampaignStep.APPROVE, None),
}
ABLE = {
    "commands": ["makeCall", "snapshotCall", "clearConnection", "sendMessage"],
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 5, "calls_at_once": 10}},
}


async def able(it: Site) -> None:
    """A switch s1 that can be dialled on."""
    assert (await it.ask("PUT", "/v1/switches/s1", ABLE, key="admin")).status == 200


async def in_state(it: Site, state: CampaignState) -> str:
    """A campaign with one contact that is in a state, as if it had come there."""
    campaign: str = (await it.campaign())["id"]
    await it.put([contact_row(campaign, 1, state="person")])
    change = update(campaigns).where(campaigns.c.id == campaign).values(state=state.value)
    await it.in_ledger(lambda connection: connection.execute(change))
    return campaign


def test_every_step_that_people_take_has_its_action() -> None:
    by_itself = {
        CampaignStep.STOP_ACKNOWLEDGED, CampaignStep.ALL_FINAL, CampaignStep.EXPIRY, CampaignStep.NOT_STARTED,
        CampaignStep.STILL_APPROVED, CampaignStep.APPROVAL_VOID, CampaignStep.RESUME_DRAIN,
        CampaignStep.REVISION,
    }  # fmt: skip
    assert {step for step, _ in ACTIONS.values()} == set(CampaignStep) - by_itself


@pytest.mark.parametrize("state", list(CampaignState))
async def test_each_action_in_each_state_does_what_the_table_says(url: str, state: CampaignState) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        for action, (step, body) in ACTIONS.items():
            campaign = await in_state(it, state)
            key = "manager"
            if step is CampaignStep.APPROVE:
                key = "second"
                seen = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["approval"]
                body = {"digest": seen["digest"], "parts": seen["parts"]}
            path = f"/v1/campaigns/{campaign}/{action.split(' ', 1)[0]}"
            answer = await it.ask("POST", path, body, key=key)
            shown = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json
            wanted = CAMPAIGN_TABLE.get((state, step))
            if wanted is None:
                assert (answer.status, answer.code) == (409, "wrong_state"), (state, action)
                assert (answer.json["state"], answer.json["action"]) == (state.value, step.value)
                assert answer.json["allowed"], "where it would be allowed"
                assert shown["state"] == state.value
                continue
            assert answer.status == 202, (state, action, answer.body)
            after = CampaignState.STOPPED if wanted is CampaignState.STOPPING else wanted
            assert answer.json["state"] in {wanted.value, after.value}
            assert answer.headers["ETag"] == '"2"' or after is CampaignState.STOPPED
            assert shown["state"] == answer.json["state"]


async def test_a_start_names_the_contacts_that_its_manager_has_seen(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, no) for no in range(1, 4)])
        path = f"/v1/campaigns/{campaign}/start"
        answer = await it.ask("POST", path, {"contacts": 2})
        assert (answer.status, answer.code, answer.json["contacts"]) == (409, "contacts_changed", 3)
        assert (await it.ask("POST", path, {})).json["errors"][0]["pointer"] == "/contacts"
        assert (await it.ask("POST", path, {"contacts": 3, "now": True})).json["errors"][0]["pointer"] == "/now"
        started = await it.ask("POST", path, {"contacts": 3})
        assert (started.status, started.json["state"]) == (202, "running")
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [(line["what"], line["about"]) for line in lines] == [
            ("campaign_created", campaign), ("campaign_started", campaign)]  # fmt: skip
        assert json.loads(lines[-1]["details"]) == {"contacts": 3}


@pytest.mark.parametrize(
    ("declared", "pointer"),
    [
        (None, "/switch"),
        ({**ABLE, "commands": ["snapshotCall"]}, "/switch"),
        ({**ABLE, "trunk_groups": {"other": {"calls_per_second": 5, "calls_at_once": 10}}}, "/trunk_group"),
    ],
)
async def test_a_switch_that_cannot_is_named(url: str, declared: Any, pointer: str) -> None:
    async with site(url, tasks=False) as it:
        if declared is not None:
            assert (await it.ask("PUT", "/v1/switches/s1", declared, key="admin")).status == 200
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1)])
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": 1})
        assert (answer.status, answer.code) == (422, "cannot_dial"), answer.body
        assert answer.json["errors"][0]["pointer"] == pointer
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["state"] == "draft"


async def test_a_freeze_holds_until_it_is_thawed(url: str) -> None:
    async with site(url, tasks=False) as it:
        assert (await it.ask("GET", "/v1/outbound")).json == {
            "frozen": False, "reason": None, "by": None, "at": None, "acknowledged": False}  # fmt: skip
        assert (await it.ask("POST", "/v1/outbound/freeze", {})).json["errors"][0]["pointer"] == "/reason"
        frozen = await it.ask("POST", "/v1/outbound/freeze", {"reason": "wrong file"})
        assert (frozen.status, frozen.json["frozen"], frozen.json["acknowledged"]) == (202, True, True)
        shown = (await it.ask("GET", "/v1/outbound", key="reader")).json
        assert (shown["reason"], shown["by"].split(" ")[0], shown["at"]) == (
            "wrong file", "manager", "2026-03-02T01:00:00.000Z")  # fmt: skip
        assert not (await it.ask("GET", "/v1/outbound", key="stranger")).json["frozen"]
        named = await it.ask("POST", "/v1/outbound/freeze", {"reason": "13812345678 has complained"})
        assert named.json["reason"] == "138****5678 has complained"
        told = [(await it.ask("GET", "/v1/outbound", key=key)).json["reason"] for key in ("reader", "revealer")]
        assert told == ["138****5678 has complained", "13812345678 has complained"]
        thawed = await it.ask("POST", "/v1/outbound/thaw")
        assert (thawed.status, thawed.json["frozen"]) == (202, False)


async def test_a_persons_word_ends_what_a_person_or_nobody_knows(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        made = [contact_row(campaign, no, state=state) for no, state in enumerate(("person", "unknown", "waiting"), 1)]
        held = attempt_row(made[1], 1, step="held", disposition=None, counted=0)
        await it.put(made, [held])
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}"
        said = await it.ask("POST", f"{path}-1/outcome", {"disposition": "promisedToPay", "promise_date": "2026-03-05"})
        assert (said.status, said.json["state"], said.json["promise_date"]) == (200, "waiting", "2026-03-05")
        said = await it.ask("POST", f"{path}-2/outcome", {"disposition": "reached", "note": "spoke at 138 0013 8000"})
        assert (said.status, said.json["state"], said.json["disposition"]) == (200, "reached", "reached")
        told = (await it.ask("GET", f"{path}-2")).json["attempts"]
        assert "138" not in told[-1]["note"] or "****" in told[-1]["note"]
        refused = await it.ask("POST", f"{path}-3/outcome", {"disposition": "reached"})
        assert (refused.status, refused.code, refused.json["state"]) == (409, "wrong_state", "waiting")
        assert refused.json["allowed"] == ["person", "unknown"]
        for body, pointer in (
            ({"disposition": "unknown"}, "/disposition"),
            ({}, "/disposition"),
            ({"disposition": "reached", "promise_date": "2026-03-05"}, "/promise_date"),
            ({"disposition": "promisedToPay", "promise_date": "soon"}, "/promise_date"),
            ({"disposition": "promisedToPay", "agreed_at": "2026-03-05T10:00:00+08:00"}, "/agreed_at"),
            ({"disposition": "callbackAsked", "agreed_at": "2026-03-01T10:00:00+08:00"}, "/agreed_at"),
            ({"disposition": "callbackAsked", "agreed_at": "2026-06-01T10:00:00+08:00"}, "/agreed_at"),
            ({"disposition": "reached", "by": "me"}, "/by"),
        ):
            answer = await it.ask("POST", f"{path}-1/outcome", body)
            assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)


async def test_a_time_that_was_agreed_on_is_when_he_is_called(url: str) -> None:
    """Within the hours; of one in the rest hours the next day holds (never for arrears)."""
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, no, state="person") for no in (1, 2)])
        change = update(campaigns).where(campaigns.c.id == campaign).values(state="running")
        await it.in_ledger(lambda connection: connection.execute(change))
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}"
        for no, at, due in (
            (1, "2026-03-03T15:20:00+08:00", "2026-03-03T07:20:00.000Z"),
            (2, "2026-03-03T22:00:00+08:00", "2026-03-04T00:00:00.000Z"),
        ):
            body = {"disposition": "callbackAsked", "agreed_at": at}
            said = await it.ask("POST", f"{path}-{no}/outcome", body)
            assert (said.status, said.json["state"], said.json["next_at"]) == (200, "waiting", due), said.body


async def test_next_says_what_holds_a_campaign_up(url: str) -> None:
    async with site(url, tasks=False) as it:
        await able(it)
        campaign: str = (await it.campaign(closed_dates=["2026-03-02"]))["id"]
        path = f"/v1/campaigns/{campaign}"

        async def coming() -> tuple[str | None, str | None]:
            shown = (await it.ask("GET", path)).json["next"]
            assert shown["text"]["zh"]
            assert shown["text"]["en"]
            return shown["why"], shown["until"]

        assert (await coming())[0] == "draft"
        await it.put([contact_row(campaign, 1)])
        await it.ask("POST", f"{path}/start", {"contacts": 1})
        assert await coming() == ("closed_date", "2026-03-03T00:00:00.000Z")
        await it.ask("POST", "/v1/outbound/freeze", {"reason": "x"})
        assert await coming() == ("frozen", None)
        await it.ask("POST", "/v1/outbound/thaw")
        await it.ask("POST", f"{path}/pause")
        assert await coming() == ("campaign_paused", None)
        change = update(campaigns).where(campaigns.c.id == campaign).values(paused_why="failure_spike")
        await it.in_ledger(lambda connection: connection.execute(change))
        assert await coming() == ("failure_spike", None)
        change = update(campaigns).where(campaigns.c.id == campaign).values(closed_dates="[]")
        await it.in_ledger(lambda connection: connection.execute(change))
        await it.ask("POST", f"{path}/resume")
        assert await coming() == ("switch_away", None), "it has no stream"
        await it.ask("POST", f"{path}/stop")
        assert (await coming())[0] in {"stopping", "stopped"}


async def test_figures_add_up(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        states = (
            "waiting",
            "waiting",
            "in_progress",
            "unknown",
            "person",
            "reached",
            "fallback",
            "expired",
            "cancelled",
        )
        made = [
            contact_row(campaign, no, state=state, notice_out_by_ms=1 << 50, notice_missed=int(state == "fallback"),
                        notice_out_ms=5 if state == "reached" else None)
            for no, state in enumerate(states, 1)
        ]  # fmt: skip
        tried = [
            attempt_row(made[5], 1, disposition="noAnswer"),
            attempt_row(made[5], 2, disposition="reached"),
            attempt_row(made[2], 1, step="open", disposition=None, counted=0),
            attempt_row(made[6], 1, step="not_dialled", decision="not_dialled", disposition=None, counted=0),
            attempt_row(made[7], 1, channel="person", disposition="disputed", counted=0, command=None),
        ]
        await it.put(made, tried)
        shown = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["progress"]
        assert shown["contacts"] == len(states)
        assert shown["waiting"] == 2
        assert (shown["attempts"], shown["counted"], shown["live"]) == (3, 2, 1)
        assert shown["dispositions"] == {"noAnswer": 1, "reached": 1}
        assert shown["deadlines"] == {"met": 1, "at_risk": 0, "missed": 1}
        assert set(shown["notices"]) == {"pending", "exported", "acknowledged", "failed", "recalled"}
        assert (shown["refused"], shown["eta"], shown["as_of"]) == ({}, None, "2026-03-02T01:00:00.000Z")
