"""Time gone wrong, through the real door and engine on the virtual clock: no false breach, no stale order, and a switch
whose clock is true is not disturbed by one whose clock is not (contract, Time).
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.scheduler import Scene, scene
from tests.simulation.lines import AGENT, CALLER, HOLD, LEAVES, Line

DAY_S = 86_400.0
ORDERS_OF_A_HOLD = [(0.0, "HOLD-1"), (15.0, "HOLD-2"), (30.0, "HOLD-2"), (40.0, "HOLD-1")]
"""What a hold of 40 s brings, by the time from its beginning."""


@pytest.fixture
async def it() -> AsyncIterator[Scene]:
    async with scene("memory:") as running:
        yield running


def rules(record: Mapping[str, Any]) -> list[str]:
    return [breach["rule"] for breach in record["breaches"]]


async def both_hold(it: Scene, *lines: Line) -> None:
    """On every line at once: a call is answered in 3 s, held for 40 s and taken back."""
    start = it.now_s
    for line in lines:
        await line.say("held", "offered", CALLER)
        await line.say("held", "delivered", {**AGENT, "queue": "billing"})
    await it.to(start + 3)
    for line in lines:
        await line.say("held", "established", AGENT)
    await it.to(start + 10)
    for line in lines:
        await line.say("held", "held", HOLD)
    await it.to(start + 50)
    for line in lines:
        await line.say("held", "retrieved", HOLD)
    await it.to(start + 60)


def orders(line: Line, from_s: float) -> list[tuple[float, str]]:
    return [(round(at_s - from_s, 1), rule) for at_s, rule, _ in (one.what for one in line.seen) if at_s >= from_s]


@pytest.mark.parametrize(
    "off_s", [30.0, -30.0, DAY_S, -DAY_S], ids=["30 s fast", "30 s slow", "a day ahead", "a day behind"]
)
async def test_a_wrong_clock_gets_no_orders_and_breaks_nothing_of_others(it: Scene, off_s: float) -> None:
    wrong, true = await Line.of(it, "wrong", off_s), await Line.of(it, "true")
    await it.to(20)
    await both_hold(it, wrong, true)
    assert wrong.seen == []
    assert orders(true, 30) == ORDERS_OF_A_HOLD
    record, other = await wrong.ends("held"), await true.ends("held")
    assert rules(record) == ["HOLD-2"], "nobody played what was owed; nothing else was broken"
    assert rules(other) == []
    assert (record["answer_s"], record["hold_s"], record["talk_s"]) == (3, 40, 57)
    assert (other["answer_s"], other["hold_s"], other["talk_s"]) == (3, 40, 57)


@pytest.mark.parametrize("off_s", [30.0, -30.0, DAY_S], ids=["30 s fast", "30 s slow", "a day ahead"])
async def test_a_wrong_clock_measures_what_it_measured(it: Scene, off_s: float) -> None:
    """An answer at 12.000 s is kept, one at 12.001 s is not, whatever the clock says beside that."""
    line = await Line.of(it, "wrong", off_s)
    await line.answered("in-time", 12.0)
    await line.answered("late", 12.001)
    assert rules(await line.ends("in-time")) == []
    assert rules(await line.ends("late")) == ["RING-1", "RING-2"]
    assert line.seen == []


async def test_a_clock_that_was_set_right_is_believed_again_after_its_window(it: Scene) -> None:
    line = await Line.of(it, "s1", 30.0)
    await it.to(20)
    line.set_clock(0.0)
    await it.to(52)
    await both_hold(it, line)
    assert orders(line, 62) == ORDERS_OF_A_HOLD
    assert rules(await line.ends("held")) == []


async def test_a_clock_that_goes_wrong_in_a_call_stops_the_orders_at_once(it: Scene) -> None:
    line, true = await Line.of(it, "s1"), await Line.of(it, "s2")
    await it.to(10)
    await line.answered("call")
    await true.answered("call")
    await line.say("call", "held", HOLD)
    await true.say("call", "held", HOLD)
    await it.to(it.now_s + 16)
    assert len(line.seen) == len(true.seen) == 2
    line.set_clock(30.0)
    await it.to(it.now_s + 30)
    assert len(line.seen) == 2
    assert len(true.seen) == 4
    assert line.stale() == true.stale() == []


# -- an hour of spooled events -----------------------------------------------------------------------------------------


def spooled_hour(line: Line, now_s: float) -> list[dict[str, Any]]:
    """A call a minute for the last hour: answered in 5 s, held for 14 s, ended after 50 s. The last ones still live."""
    told = []
    for n in range(60):
        start, name = now_s - 3600 + n * 60 + 30, f"spooled-{n}"
        told += [
            line.told(name, "offered", CALLER, start),
            line.told(name, "queued", {"connection": "c", "queue": "billing"}, start + 1),
            line.told(name, "delivered", {**AGENT, "queue": "billing"}, start + 2),
            line.told(name, "established", AGENT, start + 7),
            line.told(name, "held", HOLD, start + 20),
            line.told(name, "retrieved", HOLD, start + 34),
            line.told(name, "connectionCleared", LEAVES, start + 50),
            line.told(name, "callCleared", {}, start + 50),
        ]
    return [one for one in told if one["time"] <= line.told("now", "offered", CALLER, now_s)["time"]]


async def test_an_hour_of_spooled_events_at_once_breaks_nothing_and_orders_nothing(it: Scene) -> None:
    spool, true = await Line.of(it, "spool"), await Line.of(it, "true")
    await it.to(20)
    await true.answered("other")
    await true.say("other", "held", HOLD)
    await it.to(30)
    events = spooled_hour(spool, 30)
    for first in range(0, len(events), 100):
        await it.post(*events[first : first + 100])
    await it.to(34.5)
    assert spool.seen == [], "call events of the last 5 s lagged"
    await it.to(220)
    assert spool.stale() == []
    records = [record for record in await it.records() if "spool" in record["source"]]
    assert len(records) == 59
    assert {rule for record in records for rule in rules(record)} == set()
    assert {(record["answer_s"], record["hold_s"], record["talk_s"]) for record in records} == {(5, 14, 43)}
    notices = [at_s for at_s, rule in orders(true, 23) if rule == "HOLD-2"]
    assert notices == [15.0 * n for n in range(1, 14)]
    assert true.stale() == []


async def test_a_call_that_lives_on_after_the_spool_gets_the_orders_that_are_still_of_use(it: Scene) -> None:
    spool = await Line.of(it, "spool")
    await it.to(20)
    begun = [
        spool.told("live", "offered", CALLER, -80), spool.told("live", "delivered", {**AGENT, "queue": "b"}, -79),
        spool.told("live", "established", AGENT, -77), spool.told("live", "held", HOLD, 7),
    ]  # fmt: skip
    await it.post(*begun)
    await it.to(24.9)
    assert spool.seen == [], "notice 1 was due at 22 s, within 5 s of words that lagged"
    await it.to(80)
    seen = [one.what[:2] for one in spool.seen]
    assert seen[0][0] <= 26.1, "and is still of use when the switch is trusted again"
    assert [rule for _, rule in seen[:1]] + seen[1:] == [
        "HOLD-2", (37.0, "HOLD-2"), (52.0, "HOLD-2"), (67.0, "HOLD-2"), (67.0, "HOLD-3"),
    ]  # fmt: skip
    assert spool.stale() == []


# -- an engine that stood still ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["memory:", "sqlite"])
@pytest.mark.parametrize("restarted", [False, True], ids=["paused", "restarted"])
async def test_an_engine_stopped_for_a_minute_orders_nothing_stale(store: str, restarted: bool, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'ringback.db'}" if store == "sqlite" else store
    async with scene(url) as it:
        line = await Line.of(it, "s1")
        await it.to(10)
        await line.answered("taken-back")
        await line.say("taken-back", "held", HOLD)
        await line.answered("held-on")
        await line.say("held-on", "held", HOLD)  # at 16 s
        before = len(line.seen)
        await _a_minute_unread(it, line)
        if restarted:
            await it.restart()
        it.running = True
        await it.settle()
        assert len(line.seen) == before + 2, (
            "of all that fell due while it stood, what fell due at 76 s is still of use"
        )
        await it.to(100)
        assert line.stale() == []
        late = sorted(one.what[:2] for one in line.seen[before:])
        assert late == [(80.0, "HOLD-2"), (80.0, "HOLD-3"), (91.0, "HOLD-2")]
        assert rules(await line.ends("taken-back")) == []
        assert rules(await line.ends("rung-out")) == ["RING-1", "RING-2"]
        assert rules(await line.ends("in-time")) == []


async def _a_minute_unread(it: Scene, line: Line) -> None:
    """From 16 to 80 s the door keeps what happens and nobody reads it."""
    it.running = False
    await it.to(18)
    await line.say("taken-back", "retrieved", HOLD)  # after 5 s
    await line.answered("rung-out", 13.0)
    await line.answered("in-time", 12.0)
    await it.to(80)


async def test_an_engine_that_was_paused_and_finds_a_ring_that_goes_on_leaves_it_alone(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.say("rings", "offered", CALLER)
    await line.say("rings", "delivered", {**AGENT, "queue": "billing"})
    it.running = False
    await it.to(70)
    it.running = True
    await it.to(75)
    assert line.seen == [], "a deflection is of use for 6 s"
    record = await line.ends("rings")
    assert rules(record) == ["RING-1"]
    lived = [(one["rule"], one["command"], one["outcome"]) for one in record["interventions"]]
    assert lived[0] == ("RING-1", "deflectCall", "overtaken"), "it was not ordered and left unanswered"


# -- a switch that falls silent ----------------------------------------------------------------------------------------


async def test_without_heartbeats_the_last_lag_stands_and_orders_stay_on_time(it: Scene) -> None:
    quiet, true = await Line.of(it, "quiet"), await Line.of(it, "true")
    await it.to(10)
    it.switches["quiet"].heartbeats = False
    await both_hold(it, quiet, true)
    assert orders(quiet, 20) == orders(true, 20) == ORDERS_OF_A_HOLD
    assert quiet.stale() == true.stale() == []
    assert rules(await quiet.ends("held")) == []


async def test_what_a_silent_switch_says_late_makes_no_breach_and_no_stale_order(it: Scene) -> None:
    quiet, true = await Line.of(it, "quiet"), await Line.of(it, "true")
    await it.to(10)
    await quiet.answered("call")
    await quiet.say("call", "held", HOLD)
    it.switches["quiet"].heartbeats = False
    retrieved = quiet.told("call", "retrieved", HOLD, 25.0)
    rang = [quiet.told("next", "offered", CALLER, 40.0), quiet.told("next", "delivered", {**AGENT, "queue": "b"}, 40.0),
            quiet.told("next", "established", AGENT, 52.0)]  # fmt: skip
    await it.to(140)
    seen = len(quiet.seen)
    await it.post(retrieved, *rang)
    it.switches["quiet"].next_heartbeat_s = 140.0
    it.switches["quiet"].heartbeats = True
    await true.answered("other")
    await true.say("other", "held", HOLD)
    await it.to(200)
    assert len(quiet.seen) == seen, "what was said late orders nothing"
    assert quiet.stale() == true.stale() == []
    assert orders(true, 143)[:2] == [(0.0, "HOLD-1"), (15.0, "HOLD-2")]
    assert rules(await quiet.ends("call")) == []
    assert rules(await quiet.ends("next")) == []
