"""The exception to the quiet hours: of an outage alone, by two keys, on record, and over by itself."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.core.calling_hours import Emergency
from campaigns.dialler import emergencies, emergency_looks
from campaigns.dialler.actions import run_each
from campaigns.ledger import audit, campaigns
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.tables import contacts
from tests.campaigns.api.site import Site
from tests.campaigns.dialler.made import CAMPAIGN, attempts_of, campaign, contact, context_of, put
from tests.campaigns.second_key.asked import drafted, shown
from tests.campaigns.shipped import HOUR_MS, rules
from tests.campaigns.test_rendering import OUTAGE
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch


def test_the_row_of_another_kind_has_none() -> None:
    row = campaign(emergency_from_ms=1, emergency_until_ms=2)
    assert campaign_of(row, rules()).emergency is None
    assert campaign_of(row._replace(kind="outage"), rules()).emergency == Emergency(1, 2)


# -- at the door -------------------------------------------------------------------------------------------------------


UNTIL = "2026-03-02T23:00:00+08:00"
WISH = {"reason": "feeder down", "until": UNTIL}


async def outage(it: Site) -> str:
    made = await it.ask(
        "POST", "/v1/campaigns", {"name": "Storm", "kind": "outage", "switch": "s1", "trunk_group": "main"}, key="maker"
    )
    campaign_: str = made.json["id"]
    return campaign_


async def test_one_key_asks_another_approves_and_all_is_on_record(it: Site) -> None:
    path = f"/v1/campaigns/{await outage(it)}"
    made = await it.ask("POST", f"{path}/emergency", WISH, key="maker", headers={"Idempotency-Key": "e1"})
    assert (made.status, made.json["n"], made.json["in_force"], made.json["approved_by"]) == (201, 1, False, None)
    again = await it.ask("POST", f"{path}/emergency", WISH, key="maker", headers={"Idempotency-Key": "e1"})
    assert again.json == made.json
    assert not (await it.ask("GET", path)).json["emergency"]["in_force"], "asking allows nothing"
    row = await it.context.reader.run(lambda connection: _row(connection, path))
    assert (row.emergency_from_ms, row.emergency_until_ms) == (None, None)
    own = await it.ask("POST", f"{path}/emergency/approve", {"n": 1}, key="maker")
    assert (own.status, own.code) == (403, "second_key_needed")
    assert (await it.ask("POST", f"{path}/emergency/approve", {"n": 1}, key="manager")).code == "scope_missing"
    assert (await it.ask("POST", f"{path}/emergency/approve", {"n": 2}, key="second")).code == "no_emergency"
    done = await it.ask("POST", f"{path}/emergency/approve", {"n": 1}, key="second")
    assert (done.status, done.json["emergency"]["in_force"]) == (202, True), done.body
    assert done.json["emergency"]["approved_by"].startswith("second (")
    assert done.headers["ETag"] == '"2"', "a turn that has read it otherwise is undone"
    assert (await it.ask("POST", f"{path}/emergency/approve", {"n": 1}, key="second")).code == "no_emergency"
    ended = await it.ask("POST", f"{path}/emergency/end", {})
    assert (ended.status, ended.json["emergency"]["in_force"]) == (202, False)
    lines = await it.context.reader.run(audit.lines, TENANT)
    told = [(one["what"], one["who"].split(" ")[0], json.loads(one["details"])) for one in lines[1:]]
    assert told == [
        ("emergency_asked", "maker", {"emergency": 1, "reason": "feeder down", "until": "2026-03-02T15:00:00.000Z"}),
        ("emergency_approved", "second", {"emergency": 1}), ("emergency_ended", "manager", {"emergency": 1}),
    ]  # fmt: skip
    history = [one["what"] for one in (await it.ask("GET", f"{path}/history")).json["history"]]
    assert {"emergency_asked", "emergency_approved", "emergency_ended"} <= set(history)


async def test_whoever_ends_it_ends_what_holds_whatever_was_asked_for_since(it: Site) -> None:
    path = f"/v1/campaigns/{await outage(it)}"
    soon = {"reason": "another", "until": "2026-03-02T09:05:00+08:00"}

    async def columns() -> Any:
        row = await it.context.reader.run(lambda connection: _row(connection, path))
        return row.emergency_from_ms, row.emergency_until_ms

    assert (await it.ask("POST", f"{path}/emergency", WISH, key="maker")).status == 201
    assert (await it.ask("POST", f"{path}/emergency/approve", {"n": 1}, key="second")).status == 202
    assert (await it.ask("POST", f"{path}/emergency", soon, key="maker")).json["in_force"] is False
    shown_ = (await it.ask("GET", path)).json
    assert (shown_["emergency"]["n"], shown_["emergency_until"]) == (2, "2026-03-02T15:00:00.000Z"), "the first holds"
    await it.it.to(360)  # of the second, which nobody has approved, the time is over
    ended = await it.ask("POST", f"{path}/emergency/end", {})
    assert (ended.status, ended.json["emergency_until"]) == (202, None)
    assert await columns() == (None, None)
    for no in (3, 4):
        assert (await it.ask("POST", f"{path}/emergency", WISH, key="maker")).json["n"] == no
        assert (await it.ask("POST", f"{path}/emergency/approve", {"n": no}, key="second")).status == 202
    assert (await it.ask("POST", f"{path}/emergency/end", {})).status == 202
    lines = await it.context.reader.run(audit.lines, TENANT)
    told = [json.loads(one["details"])["emergency"] for one in lines if one["what"] == "emergency_ended"]
    assert told == [1, 4], "the third gave way to the fourth"


def _row(connection: Any, path: str) -> Any:
    return campaigns.read(connection, path.rsplit("/", 1)[1])


async def test_what_is_no_emergency(it: Site) -> None:
    arrears = f"/v1/campaigns/{await drafted(it)}"
    refused = await it.ask("POST", f"{arrears}/emergency", WISH)
    assert (refused.status, refused.code) == (409, "no_emergency")
    assert (await it.ask("POST", f"{arrears}/emergency/approve", {"n": 1}, key="second")).code == "no_emergency"
    assert (await it.ask("POST", f"{arrears}/emergency/end", {})).code == "no_emergency"
    path = f"/v1/campaigns/{await outage(it)}"
    for body, pointer in (
        ({"until": UNTIL}, "/reason"),
        ({"reason": "", "until": UNTIL}, "/reason"),
        ({"reason": "x"}, "/until"),
        ({"reason": "x", "until": "2026-03-02T09:00:00+08:00"}, "/until"),
        ({"reason": "x", "until": "2026-03-03T09:00:01+08:00"}, "/until"),
        ({**WISH, "kind": "arrears"}, "/kind"),
    ):
        wrong = await it.ask("POST", f"{path}/emergency", body)
        assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, pointer), body
    for key, status in {"reader": 403, "second": 403, "stranger": 404, "bound": 404}.items():
        assert (await it.ask("POST", f"{path}/emergency", WISH, key=key)).status == status, key
    assert (await shown(it, path.rsplit("/", 1)[1]))["emergency"] is None


# -- the dialler -------------------------------------------------------------------------------------------------------

ONE = "+8613800000001"
SLEEPS = "America/Sao_Paulo"  # 22:00 at START


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


@pytest.mark.parametrize("waits_h", [0, 10])
async def test_it_is_called_in_the_night_by_the_exception_alone(night: Scene, waits_h: int) -> None:
    """Whoever was put off to the next morning, too."""
    switch = await DiallingSwitch.declared(night, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign(kind="outage", channels='["auto"]', fallback="person")
    row = contact(of, 1, items=json.dumps([OUTAGE]), important=1, phones=json.dumps([[ONE, [SLEEPS]]]))
    await put(night, of, [row._replace(next_at_ms=row.next_at_ms + waits_h * HOUR_MS)])
    await switch.to(20)
    assert switch.received == [], "quiet hours"
    context = context_of(night)
    until_ms = context.now_ms() + HOUR_MS

    def asks(connection: Any) -> Any:
        return emergencies.ask(connection, of, "storm", until_ms, context.now_ms(), "one (1)")

    made = await context.write(run_each, asks)
    await switch.to(40)
    assert switch.received == [], "asked for, and not approved"
    await emergencies.approve(context, TENANT, CAMPAIGN, made.no, "two (2)", lambda *_: None)
    await switch.to(90)
    assert [one.number for one in switch.received] == [ONE]
    (attempt,) = await attempts_of(night, f"{CAMPAIGN}-1")
    assert (attempt.rule, attempt.disposition, attempt.ring_until_ms) == ("emergency", "reached", until_ms)
    assert context.metrics._quiet._value.get() == 0, "no alarm"


async def test_of_many_who_were_put_off_each_is_called_piece_by_piece(
    night: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The approval looks at the first of them alone: with a million of them it would last too long."""
    monkeypatch.setattr(emergency_looks, "AT_ONCE", 2)
    numbers = [f"+861380000000{no}" for no in range(1, 6)]
    switch = await DiallingSwitch.declared(night, {number: ["reached"] for number in numbers})
    of = campaign(kind="outage", channels='["auto"]', fallback="person")
    rows = [
        contact(of, no, items=json.dumps([OUTAGE]), important=1, phones=json.dumps([[number, [SLEEPS]]]))
        for no, number in enumerate(numbers, 1)
    ]
    await put(night, of, [row._replace(next_at_ms=row.next_at_ms + 10 * HOUR_MS) for row in rows])
    context = context_of(night)
    until_ms = context.now_ms() + HOUR_MS

    def asks(connection: Any) -> Any:
        return emergencies.ask(connection, of, "storm", until_ms, context.now_ms(), "one (1)")

    def due(connection: Any) -> list[int]:
        now_ms = context.now_ms()
        later = select(contacts.c.no).where(contacts.c.next_at_ms > now_ms).order_by(contacts.c.no)
        return list(connection.scalars(later))

    made = await context.write(run_each, asks)
    await emergencies.approve(context, TENANT, CAMPAIGN, made.no, "two (2)", lambda *_: None)
    assert await context.reader.run(due) == [3, 4, 5]
    night.wall_clock.set_to(night.clock.now_ms() + 2 * HOUR_MS)  # by this clock the emergency is over
    await switch.to(30)
    night.wall_clock.set_to(night.clock.now_ms())
    await switch.to(150)
    assert sorted(one.number for one in switch.received) == numbers
