"""The exception to the quiet hours: of an outage alone, by two keys, on record, and over by itself."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.calling_hours import Asked, Closed, Emergency, Open, Window, judge
from campaigns.core.explain import explain_hours
from campaigns.dialler import emergencies
from campaigns.dialler.actions import run_each
from campaigns.ledger import audit, campaigns
from campaigns.ledger.compiled import campaign_of
from tests.campaigns.api.site import Site
from tests.campaigns.dialler.made import CAMPAIGN, attempts_of, campaign, contact, context_of, put
from tests.campaigns.second_key.asked import drafted, shown
from tests.campaigns.shipped import HOUR_MS, SHANGHAI, hours, rules
from tests.campaigns.test_rendering import OUTAGE
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch


def ms(text: str, zone: str = SHANGHAI) -> int:
    return round(datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NIGHT = Emergency(ms("02T22:00"), ms("03T01:00"))
ASKED = Asked("outage", "resident", (SHANGHAI,), 30_000, emergency=NIGHT, zone=SHANGHAI)
MARGIN_MS = 40_000


# -- the hours ---------------------------------------------------------------------------------------------------------


def test_it_opens_the_night_and_ends_by_itself() -> None:
    assert judge(hours(), ASKED, NIGHT.from_ms - 1) == Closed(NIGHT.from_ms, "quiet_hours", "CB-1")
    allowed = Open(NIGHT.until_ms - MARGIN_MS, NIGHT.until_ms, "emergency")
    assert judge(hours(), ASKED, NIGHT.from_ms) == allowed
    assert judge(hours(), ASKED, NIGHT.until_ms - MARGIN_MS - 1) == allowed
    closed = judge(hours(), ASKED, NIGHT.until_ms - MARGIN_MS)
    assert closed == Closed(ms("03T07:30"), "quiet_hours", "CB-1"), "nothing rings beyond its end"


def test_what_the_ordinary_hours_allow_is_no_exception() -> None:
    noon = Emergency(ms("02T12:00"), ms("02T13:30"))
    asked = replace(ASKED, emergency=noon)
    assert judge(hours(), asked, ms("02T12:00")) == Open(ms("02T12:30") - MARGIN_MS, ms("02T12:30"))
    assert judge(hours(), asked, ms("02T12:30") - MARGIN_MS) == Open(
        ms("02T13:30") - MARGIN_MS, ms("02T13:30"), "emergency")  # fmt: skip


@pytest.mark.parametrize("kind", ["billing", "arrears", "callback", "follow-up", "reminder"])
def test_of_other_kinds_it_is_nothing(kind: str) -> None:
    for at_ms in range(NIGHT.from_ms, NIGHT.until_ms, HOUR_MS // 2):
        with_it, without = replace(ASKED, kind=kind), replace(ASKED, kind=kind, emergency=None)
        assert judge(hours(), with_it, at_ms) == judge(hours(), without, at_ms)
        assert isinstance(judge(hours(), with_it, at_ms), Closed)


def test_closed_dates_windows_and_agreed_times_hold_all_the_same() -> None:
    for change in (
        {"closed_dates": frozenset({date(2026, 3, 2)})},
        {"windows": (Window(9 * HOUR_MS, 11 * HOUR_MS),)},
        {"agreed_at_ms": ms("02T15:00")},
    ):
        assert isinstance(judge(hours(), replace(ASKED, **change), NIGHT.from_ms), Closed), change


@given(
    st.integers(ms("02T00:00"), ms("05T00:00")), st.integers(ms("02T00:00"), ms("05T00:00")), st.integers(0, 90),
    st.sampled_from([(SHANGHAI,), (SHANGHAI, "Asia/Tokyo"), ("Asia/Urumqi", "Europe/Berlin")]),
    st.sampled_from(["auto", "sms"]),
)  # fmt: skip
def test_it_takes_nothing_away_and_gives_only_what_it_covers(
    at_ms: int, from_ms: int, minutes: int, zones: tuple[str, ...], channel: str
) -> None:
    ordinary = replace(ASKED, emergency=None, zones=zones, channel=channel)
    asked = replace(ordinary, emergency=Emergency(from_ms, from_ms + minutes * 60_000))
    before, after = judge(hours(), ordinary, at_ms), judge(hours(), asked, at_ms)
    if isinstance(before, Open):
        assert after == before
    elif isinstance(after, Open):
        assert after.rule == "emergency"
        for instant in (at_ms, after.ring_until_ms - 1):
            covered = from_ms <= instant < from_ms + minutes * 60_000
            message = replace(ordinary, channel="sms")
            assert covered or isinstance(judge(hours(), message, instant), Open), "open there without it"


def test_it_is_explained() -> None:
    told = explain_hours(hours(), ASKED, NIGHT.from_ms)
    assert (told["may_dial"], told["rule"], told["dial_before"]) == (True, "emergency", "2026-03-02T16:59:20.000Z")
    assert "by an approved emergency" in told["text"]["en"]
    assert [one["open"] for one in told["local"]] == [False], "it is night there all the same"


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


async def test_it_is_called_in_the_night_by_the_exception_alone(night: Scene) -> None:
    switch = await DiallingSwitch.declared(night, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign(kind="outage", channels='["auto"]', fallback="person")
    row = contact(of, 1, items=json.dumps([OUTAGE]), important=1, phones=json.dumps([[ONE, [SLEEPS]]]))
    await put(night, of, [row])
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
