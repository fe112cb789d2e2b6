"""Each word of a script comes as docs/vectors.md says, and so many seconds after the order."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.scripted_switch import ScriptedSwitch, Words
from tests.campaigns.stage import Stage, stage
from tests.scheduler import START_MS, TENANT
from tests.simulation.dialling_switch import order_of, put

NUMBER, OTHER = "+8613800000001", "+8613800000002"
SCRIPT: dict[str, Any] = {
    "opening": {"zh": "您好"}, "gate": {"key": "1", "timeout_s": 5, "repeats": 1}, "body": {"zh": "欠费"},
    "keys": {"0": "queue"}, "queue": "service",
}  # fmt: skip
UNGATED = {"opening": {"zh": "您好"}, "body": {"zh": "欠费"}}
MINUTE_MS = 60_000


@pytest.fixture
async def on(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    words = getattr(request, "param", ["reached"])
    async with stage(f"sqlite:///{tmp_path}/stage.db", START_MS, "s1", {NUMBER: words}, ["main"]) as made:
        yield made


async def order(on: Stage, id_: str, **fields: Any) -> None:
    """An order is made now."""
    if fields.get("command") != "snapshotCall":
        fields.setdefault("to", NUMBER)
    await put(on.it, on.switch, id_, **fields)
    assert on.it.store.dial is not None
    on.it.store.dial.made()
    await on.settle()


def told(switch: ScriptedSwitch, *names: str) -> list[tuple[float, str, Any]]:
    """(seconds, kind, the first of these data that is there, else None) of what it said."""
    found = []
    for fact in switch.said:
        after_s = round(datetime.fromisoformat(fact["time"]).timestamp() * 1000 - START_MS) / 1000
        data = fact["data"]
        found.append((after_s, fact["type"].split(".")[2], next((data[name] for name in names if name in data), None)))
    return found


ENDS: list[Any] = [
    (["reached"], 28.0, "answered", SCRIPT),
    (["noGate"], 28.0, "answered", SCRIPT),
    (["key0NoAgent"], 38.0, "answered", SCRIPT),
    (["key0NoAgent"], 38.0, "answered", UNGATED),
    (["hangUpEarly"], 11.0, "answered", SCRIPT),
    (["noAnswer"], 30.0, 19, SCRIPT),
    (["busy"], 2.0, 17, SCRIPT),
    (["invalid"], 1.0, 1, SCRIPT),
    (["congestion"], 1.0, 34, SCRIPT),
    (["failedOther"], 1.0, 127, SCRIPT),
    (["q850:3"], 1.0, 3, SCRIPT),
    (["poweredOff"], 3.0, 20, SCRIPT),
    (["suspended"], 3.0, 20, SCRIPT),
    (["fax"], 11.0, "answered", SCRIPT),
    (["machine"], 11.0, "answered", SCRIPT),
]


@pytest.mark.parametrize(("on", "end_s", "how", "script"), ENDS, indirect=["on"])
async def test_a_call_ends_so_many_seconds_after_its_order(on: Stage, end_s: float, how: Any, script: Any) -> None:
    await order(on, "d1", on_answer=script)
    await on.to(START_MS + MINUTE_MS)
    facts = told(on.switch, "q850")
    assert [fact[0] for fact in facts if fact[1] == "callCleared"] == [end_s]
    if how == "answered":
        assert [fact[0] for fact in facts if fact[1] == "established"] == [8.0]
    else:
        assert [fact[2] for fact in facts if fact[1] == "failed"] == [how]
        assert [fact for fact in facts if fact[1] == "established"] == []


@pytest.mark.parametrize(
    ("on", "kind", "data", "at_s"),
    [
        (["reached"], "digitsGenerated", "1", 14.0),
        (["reached"], "announcementEnded", "body", 28.0),
        (["noGate"], "announcementEnded", "opening", 13.0),
        (["key0NoAgent"], "digitsGenerated", "0", 10.0),
        (["poweredOff"], "networkTone", "poweredOff", 3.0),
        (["suspended"], "networkTone", "suspended", 3.0),
        (["fax"], "answeringMachineResult", "faxOrModem", 11.0),
        (["machine"], "answeringMachineResult", "machine", 11.0),
    ],
    indirect=["on"],
)
async def test_what_a_call_shows_on_its_way(on: Stage, kind: str, data: str, at_s: float) -> None:
    await order(on, "d1", on_answer=SCRIPT)
    await on.to(START_MS + MINUTE_MS)
    assert (at_s, kind, data) in told(on.switch, "digits", "message", "tone", "result")


@pytest.mark.parametrize("on", [["noGate"]], indirect=True)
async def test_without_the_key_nothing_of_the_account_is_said(on: Stage) -> None:
    await order(on, "d1", on_answer=SCRIPT)
    await on.to(START_MS + MINUTE_MS)
    assert [fact[2] for fact in told(on.switch, "message") if fact[1] == "announcementEnded"] == ["opening"]


@pytest.mark.parametrize(
    ("on", "states"), [(["sms:delivered"], ["delivered"]), (["sms:undeliverable"], ["undeliverable"])], indirect=["on"]
)
async def test_a_message_is_reported_on_after_five_seconds(on: Stage, states: list[str]) -> None:
    await order(on, "d1", command="sendMessage")
    await on.to(START_MS + MINUTE_MS)
    assert told(on.switch, "state") == [(5.0, "messageReport", state) for state in states]


@pytest.mark.parametrize(
    ("on", "result"),
    [
        (["refused:busy"], ("refused", "busy")),
        (["refused:duplicate"], ("refused", "duplicate")),
        (["silence"], ("accepted", None)),
    ],
    indirect=["on"],
)
async def test_what_it_says_at_once_is_all_that_it_says(on: Stage, result: tuple[str, str | None]) -> None:
    await order(on, "d1", on_answer=SCRIPT)
    state = await order_of(on.it, "d1")
    assert (state.result, state.reason) == result
    await on.to(START_MS + MINUTE_MS)
    await order(on, "q1", command="snapshotCall", about="d1")
    await on.to(START_MS + 2 * MINUTE_MS)
    assert (await order_of(on.it, "q1")).result is None
    assert [one.command for one in on.switch.orders] == ["makeCall", "snapshotCall"]
    assert on.switch.said == []


@pytest.mark.parametrize("on", [["neverSeen", "reached"]], indirect=True)
async def test_an_order_that_vanished_was_never_seen(on: Stage) -> None:
    await order(on, "d1", on_answer=SCRIPT)
    assert (await order_of(on.it, "d1")).result is None
    await on.to(START_MS + MINUTE_MS)
    await order(on, "q1", command="snapshotCall", about="d1")
    assert (await order_of(on.it, "q1")).answer == "never_seen"
    assert [one.id for one in on.switch.orders_of("makeCall")] == ["d1"]


@pytest.mark.parametrize("on", [["busy", "sms:delivered", "reached"]], indirect=True)
async def test_words_come_in_turn_and_the_last_repeats(on: Stage) -> None:
    for n in range(3):
        await order(on, f"d{n}", on_answer=SCRIPT)
        await on.to(START_MS + (n + 1) * MINUTE_MS)
    await order(on, "other", to=OTHER, on_answer=SCRIPT)
    await on.to(START_MS + 5 * MINUTE_MS)
    ends = [fact[0] - 60 * n for n, fact in enumerate(fact for fact in told(on.switch) if fact[1] == "callCleared")]
    assert ends == [2.0, 28.0, 28.0, 30.0]


async def test_while_nothing_is_under_way_time_is_skipped_and_the_switch_stays_heard(on: Stage) -> None:
    beats = on.switch.exchange.pbx.sequence
    await on.to(START_MS + 24 * 60 * MINUTE_MS)
    assert on.it.store.dial is not None
    standing = await on.it.store.dial.standing(TENANT, "s1", "/switches/s1")
    assert standing.alive
    assert standing.word is not None
    assert (standing.word.trusted, standing.word.lag_ms) == (True, 0)
    assert on.now_ms - (standing.last_word_ms or 0) <= 6_000
    assert on.switch.exchange.pbx.sequence - beats < 1_000


def test_a_word_that_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="reached_"):
        Words({NUMBER: ["reached_"]})
    assert json.loads(json.dumps(Words({NUMBER: ["busy"]})[NUMBER])) == ["busy", "sms:undeliverable"]
