"""POST .../rehearse and .../rerun: what is answered, to whom, and that nothing else changes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.api import test_call
from campaigns.core.campaign import delays
from campaigns.core.dispositions import MINUTE_MS
from campaigns.imports.taking import Form
from campaigns.ledger import audit
from campaigns.ledger.tables import campaigns, contacts, imports
from tests.campaigns.api.site import Site, attempt_row, contact_row, site
from tests.campaigns.api.test_actions import ABLE
from tests.campaigns.api.test_exports_again import FILES, held, imported
from tests.campaigns.imports.site import ARREARS, csv_of
from tests.campaigns.shipped import DAY_MS
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT
from tests.simulation.dialling_switch import DiallingSwitch

ASLEEP = "+5511987654321"  # in São Paulo it is 22:00
NOWHERE = "+8816123456789"  # a satellite's: its owner may be anywhere


async def ended(it: Site, campaign: str, state: str = "done") -> None:
    await it.in_ledger(
        lambda connection: connection.execute(
            campaigns.update().where(campaigns.c.id == campaign).values(state=state, ended_at_ms=START_MS)
        )
    )


async def test_a_draft_is_rehearsed_and_stays_as_it_is(url: str) -> None:
    async with site(url, tasks=False) as it:
        made = await it.campaign(pacing={"calls_per_second": 2, "calls_at_once": 50})
        campaign = made["id"]
        await it.put([contact_row(campaign, no) for no in range(1, 41)])
        before = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/rehearse", key="reader")
        assert answer.status == 200, answer.body
        told = answer.json
        assert (told["contacts"], told["sample"], told["open"]) == (40, 40, 0)
        assert sum(told["outcomes"].values()) == 40
        assert told["calls"] >= 40
        assert sum(hour["calls"] for hour in told["by_hour"]) == told["calls"]
        assert told["first_dial_at"] < told["last_dial_at"] < told["finish_at"]
        assert told["assumed"]["of_calls"] == 0
        assert 0 < told["peak_lines"] <= 50
        slow = await it.ask(
            "POST", f"/v1/campaigns/{campaign}/rehearse", {"pacing": {"calls_at_once": 1}}, key="reader"
        )
        assert slow.json["last_dial_at"] > told["last_dial_at"]
        assert slow.json["peak_lines"] == 1
        late = await it.ask("POST", f"/v1/campaigns/{campaign}/rehearse", {"start_at": "2026-03-03T04:30:00Z"})
        assert late.json["first_dial_at"] == "2026-03-03T06:00:00.000Z"
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).json == before


async def test_a_rehearsal_learns_from_the_calls_of_the_kind(url: str) -> None:
    async with site(url, tasks=False) as it:
        old = (await it.campaign())["id"]
        people = [contact_row(old, no, state="reached") for no in range(1, 201)]
        tried = [
            attempt_row(one, 1, disposition="reached", sent_at_ms=START_MS, ended_at_ms=START_MS + 20_000)
            for one in people
        ]
        await it.put(people, tried)
        await it.in_ledger(
            lambda connection: connection.execute(
                campaigns.update().where(campaigns.c.id == old).values(started_at_ms=START_MS)
            )
        )
        new = (await it.campaign())["id"]
        await it.put([contact_row(new, 1)])
        told = (await it.ask("POST", f"/v1/campaigns/{new}/rehearse")).json
        assert told["assumed"]["of_calls"] == 200
        assert told["assumed"]["dispositions"] == {"reached": {"share": 1.0, "lasts_s": 20.0}}
        assert (told["calls"], told["outcomes"]) == (1, {"reached": 1})


async def test_a_trunk_group_that_takes_next_to_nothing_is_rehearsed_with_one_call_an_hour(url: str) -> None:
    async with site(url, tasks=False) as it:
        narrow = {**ABLE, "trunk_groups": {"main": {"calls_per_second": 5e-324, "calls_at_once": 20}}}
        assert (await it.ask("PUT", "/v1/switches/s1", narrow, key="admin")).status == 200
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, no) for no in range(1, 4)])
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/rehearse", key="reader")
        assert answer.status == 200, answer.body
        assert [hour["calls"] for hour in answer.json["by_hour"][:3]] == [1, 1, 1]


async def test_the_estimate_knows_what_the_trunk_group_carries(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = (await it.campaign(pacing={"calls_per_second": 10, "calls_at_once": 600}))["id"]
        await it.put([contact_row(campaign, no) for no in range(1, 61)])
        await it.in_ledger(
            lambda connection: connection.execute(
                campaigns.update().where(campaigns.c.id == campaign).values(state="running", started_at_ms=START_MS)
            )
        )

        async def estimated_with(group: Mapping[str, Any]) -> str:
            declared = {**ABLE, "trunk_groups": {"main": group}}
            assert (await it.ask("PUT", "/v1/switches/s1", declared, key="admin")).status == 200
            found: str = (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["progress"]["eta"]
            return found

        assert await estimated_with({"calls_per_second": 50, "calls_at_once": 900}) == "2026-03-02T01:00:06.000Z"
        assert await estimated_with({"calls_per_second": 1, "calls_at_once": 900}) == "2026-03-02T01:01:00.000Z"
        assert await estimated_with({"calls_per_second": 50, "calls_at_once": 6}) == "2026-03-02T01:10:00.000Z"


async def test_what_cannot_be_rehearsed(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign = (await it.campaign())["id"]
        path = f"/v1/campaigns/{campaign}/rehearse"
        assert (await it.ask("POST", path)).json["finish_at"] is None, "nobody is there"
        for key, status in {"nobody": 403, "stranger": 404, "bound": 404}.items():
            assert (await it.ask("POST", path, key=key)).status == status, key
        far = await it.ask("POST", path, {"start_at": "2027-01-01T00:00:00Z"})
        assert (far.status, far.json["errors"][0]["pointer"]) == (422, "/start_at")
        await ended(it, campaign)
        assert (await it.ask("POST", path)).code == "wrong_state"


@pytest.mark.parametrize("kind", list(FILES))
async def test_the_unreached_become_a_draft_of_their_own(url: str, kind: str) -> None:
    async with site(url) as it:
        old = (await it.campaign(kind=kind, attempts_max=2))["id"]
        await imported(it, old, csv_of(FILES[kind]), Form.CSV)
        before = await held(it, old)
        await it.in_ledger(lambda connection: connection.execute(contacts.update().values(state="expired")))
        await ended(it, old)
        answer = await it.ask("POST", f"/v1/campaigns/{old}/rerun", {"name": "again"})
        assert answer.status == 201, answer.body
        new = answer.json
        assert (new["name"], new["state"], new["attempts_max"], new["kind"]) == ("again", "draft", 2, kind)
        await it.it.settle()
        counts = (await it.ask("GET", f"/v1/campaigns/{new['id']}/imports/1")).json
        assert (counts["rejected"], counts["contacts"], counts["error"]) == (0, len(before), None)
        assert without_days(await held(it, new["id"])) == without_days(before)
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "campaign_rerun"]
        assert [one["about"] for one in lines] == [new["id"]]


def without_days(found: list[Any]) -> list[Any]:
    """What is owed grows by the day."""
    grown = ("as_of", "penalty", "total_due")
    return [
        [*own, [{name: value for name, value in item.items() if name not in grown} for item in items]]
        for *own, items in found
    ]


async def test_the_same_key_makes_one_rerun_and_others_get_none(url: str) -> None:
    async with site(url) as it:
        old = (await it.campaign())["id"]
        path = f"/v1/campaigns/{old}/rerun"
        assert (await it.ask("POST", path)).code == "wrong_state"
        await imported(it, old, csv_of([ARREARS]), Form.CSV)
        await ended(it, old)
        assert (await it.ask("POST", path)).code == "no_contacts", "it waits, and is not unreached"
        assert (await it.ask("POST", path, {"states": ["reached"]})).status == 422
        await it.in_ledger(lambda connection: connection.execute(contacts.update().values(state="fallback")))
        for key, status in {"reader": 403, "nobody": 403, "stranger": 404, "bound": 404}.items():
            assert (await it.ask("POST", path, key=key)).status == status, key
        header = {"Idempotency-Key": "r1"}
        first = await it.ask("POST", path, headers=header)
        again = await it.ask("POST", path, headers=header)
        assert (first.status, again.status) == (201, 201)
        assert first.json["id"] == again.json["id"]
        assert (await it.ask("POST", path, {"name": "x"}, headers=header)).code == "idempotency_mismatch"
        assert len((await it.ask("GET", "/v1/campaigns")).json["campaigns"]) == 2


async def test_a_test_call_says_the_words_to_ones_own_number_and_nothing_else(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_APPROVAL", "on")
    async with site(url) as it:
        own = "+8613900009999"
        switch = await DiallingSwitch.declared(it.it, {own: ["reached"]})
        campaign = (await it.campaign())["id"]
        path = f"/v1/campaigns/{campaign}/test-call"
        assert (await it.ask("POST", path, {"number": own})).code == "no_contacts"
        await imported(it, campaign, csv_of([ARREARS]), Form.CSV)
        answer = await it.ask("POST", path, {"number": "139 0000 9999"})
        assert answer.status == 201, answer.body
        test = answer.json
        assert (test["name"], test["state"], test["attempts_max"], test["fallback"]) == (
            "test of March", "running", 1, "person",
        )  # fmt: skip
        await switch.to(120)
        assert [one.number for one in switch.received] == [own]
        shown = (await it.ask("GET", f"/v1/campaigns/{test['id']}")).json
        assert (shown["state"], shown["progress"]["reached"]) == ("done", 1)
        (contact,) = (await it.ask("GET", f"/v1/campaigns/{test['id']}/contacts", key="revealer")).json["contacts"]
        assert (contact["name"], contact["account"]) == ("张*", f"test {test['id']}")
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["state"] == "draft", "nobody of it is called"
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "test_call"]
        assert [one["about"] for one in lines] == [test["id"]]
        assert "9999" in lines[0]["details"]
        assert own not in lines[0]["details"]


async def test_a_test_call_keeps_the_hours_and_few_are_open(url: str) -> None:
    async with site(url) as it:
        switch = await DiallingSwitch.declared(it.it, {})
        campaign = (await it.campaign(windows=["20:00-20:30"]))["id"]
        await imported(it, campaign, csv_of([ARREARS]), Form.CSV)
        path = f"/v1/campaigns/{campaign}/test-call"
        header = {"Idempotency-Key": "t1"}
        first = await it.ask("POST", path, {"number": "13900000001"}, headers=header)
        assert (await it.ask("POST", path, {"number": "13900000001"}, headers=header)).json["id"] == first.json["id"]
        for no in (2, 3):
            assert (await it.ask("POST", path, {"number": f"1390000000{no}"})).status == 201
        assert (await it.ask("POST", path, {"number": "13900000004"})).code == "test_calls_open"
        assert first.json["expires_at"] == "2026-03-02T02:00:00.000Z", "it is over after an hour"
        await switch.to(20)
        assert switch.received == []
        assert (await it.ask("POST", f"/v1/campaigns/{first.json['id']}/stop")).status == 202
        await switch.to(40)
        assert (await it.ask("POST", path, {"number": "13900000004"})).status == 201
        for key, status in {"reader": 403, "nobody": 403, "stranger": 404, "bound": 404}.items():
            assert (await it.ask("POST", path, {"number": "13900000001"}, key=key)).status == status, key
        assert (await it.ask("POST", path, {"number": "95598"})).json["errors"][0]["rule"] == "SERVICE_NUMBER"
        other = {"number": "13900000001", "contact": "c0123456789abcde-1"}
        assert (await it.ask("POST", path, other)).code == "not_found"


async def test_a_test_call_has_no_part_in_an_exception_to_the_quiet_hours(url: str) -> None:
    async with site(url) as it:
        switch = await DiallingSwitch.declared(it.it, {})
        campaign = (await it.campaign(kind="outage", channels=["auto"]))["id"]
        await imported(it, campaign, csv_of(FILES["outage"]), Form.CSV)
        emergency = {"emergency_from_ms": START_MS, "emergency_until_ms": START_MS + DAY_MS}
        await it.in_ledger(lambda connection: connection.execute(campaigns.update().values(emergency)))
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/test-call", {"number": ASLEEP})
        assert answer.status == 201, answer.body
        await switch.to(60)
        assert switch.received == [], "of the contacts a second key has allowed it, and of nobody else"
        (waits,) = (await it.ask("GET", f"/v1/campaigns/{answer.json['id']}/contacts")).json["contacts"]
        assert waits["state"] == "waiting"


async def test_a_number_whose_hours_nobody_knows_is_not_rung_for_a_test(url: str) -> None:
    async with site(url, tasks=False) as it:
        await DiallingSwitch.declared(it.it, {})
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1)])
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/test-call", {"number": NOWHERE})
        assert (answer.status, answer.code) == (422, "invalid_body")
        assert [(one["pointer"], one["rule"]) for one in answer.json["errors"]] == [("/number", "ZONE")]


async def test_no_list_of_people_is_called_by_tests(url: str) -> None:
    async with site(url, tasks=False) as it:
        await DiallingSwitch.declared(it.it, {})
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1)])
        path = f"/v1/campaigns/{campaign}/test-call"
        for no in range(test_call.A_DAY_MAX):
            assert (await it.ask("POST", path, {"number": f"139000000{no:02d}"})).status == 201, no
            tests = campaigns.update().where(campaigns.c.name == "test of March")
            await it.in_ledger(lambda connection, tests=tests: connection.execute(tests.values(state="done")))
        more = {"number": "13900001234"}
        refused = await it.ask("POST", path, more)
        assert (refused.status, refused.code, refused.json["detail"]) == (429, "test_calls_open", "50 in 24 hours")
        earlier = campaigns.update().values(made_at_ms=START_MS - DAY_MS)
        await it.in_ledger(lambda connection: connection.execute(earlier))
        assert (await it.ask("POST", path, more)).status == 201


async def test_what_has_no_test_call(url: str) -> None:
    async with site(url, tasks=False) as it:
        await DiallingSwitch.declared(it.it, {})
        written = (await it.campaign(kind="outage", channels=["sms"]))["id"]
        await it.put([contact_row(written, 1)])
        promise = {
            "number": "13800001234", "due_at": "2026-03-02T15:00:00+08:00", "switch": "s1", "trunk_group": "main",
            "channel": "auto",
        }  # fmt: skip
        stands = (await it.ask("POST", "/v1/callbacks", promise)).json["campaign"]
        for one in (written, stands):
            refused = await it.ask("POST", f"/v1/campaigns/{one}/test-call", {"number": "13900001234"})
            assert (refused.status, refused.code) == (422, "no_contacts"), one
        later = await it.ask("POST", "/v1/callbacks", {**promise, "number": "13800005678"})
        assert later.json["campaign"] == stands, "what callers were promised goes where it is kept"


async def test_who_was_taken_out_of_a_campaign_does_not_come_back(tmp_path: Path) -> None:
    """The wrong file, erased persons, those who are not in the sample; and nobody owes again what is paid."""
    async with site(ready_sqlite(tmp_path / "ringback.db")) as it:
        old = (await it.campaign())["id"]
        paid = {"account": "A9", "months": "2025-12"}
        files = ([{**ARREARS, **paid}, {**ARREARS, "account": "A9"}], [{**ARREARS, "account": "A2"}],
                 [{**ARREARS, "account": f"A{no}"} for no in (3, 4, 5)])  # fmt: skip
        for rows in files:
            await imported(it, old, csv_of(rows), Form.CSV)
        taken = {"A3": "person_erased", "A4": "not_sampled", "A5": "outage_cancelled"}

        def end(connection: Connection) -> None:
            connection.execute(contacts.update().values(state="cancelled"))
            connection.execute(contacts.update().where(contacts.c.account == "A2").values(state="fallback"))
            connection.execute(contacts.update().where(contacts.c.account == "A9").values(settled='["2025-12"]'))
            for account, why in taken.items():
                connection.execute(contacts.update().where(contacts.c.account == account).values(why=why))
            connection.execute(imports.update().where(imports.c.no == 2).values(state="withdrawn"))

        await it.in_ledger(end)
        await ended(it, old)
        new = (await it.ask("POST", f"/v1/campaigns/{old}/rerun")).json
        await it.it.settle()
        found = await held(it, new["id"])
        assert [(one[0], [item["months"] for item in one[-1]]) for one in found] == [("A9", [ARREARS["months"]])]


def test_nothing_that_a_test_call_comes_to_is_followed_by_another() -> None:
    """What does not count has rung, too: the next would be due once the test is over."""
    own_ms = {name: minutes * MINUTE_MS for name, minutes in json.loads(test_call.NEVER_AGAIN).items()}
    assert min(delays({}, own_ms).values()) == test_call.LASTS_MS
