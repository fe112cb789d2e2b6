"""One call id, many calls: reuse, retention, silence, and words that arrive in any order."""

from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from cti import errors
from cti.engine.gathering import CallLimits
from tests.scheduler import START_MS, Scene, event, scene

CALLER = {"connection": "c", "calling": "+8679186261234", "direction": "inbound"}
FIRST = {"connection": "a-1", "agent": "1001", "device": "8001"}
SECOND = {"connection": "a-2", "agent": "1002", "device": "8002"}


@pytest.fixture(params=["memory:", "sqlite"])
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path / 'ringback.db'}"
    async with scene(url, parts=()) as running:
        await running.declare("s1")
        await running.to(1)
        yield running


async def whole(it: Scene, name: str, at_s: float) -> None:
    """A call of 5 s."""
    await it.post(event("s1", name, "offered", at_s, CALLER))
    await it.post(event("s1", name, "callCleared", at_s + 5, {}))


async def outcomes(it: Scene) -> list[str]:
    return sorted(one["outcome"] for one in await it.records())


@pytest.mark.parametrize(("kind", "data", "records"), [("offered", CALLER, 1), ("surveyScored", {"score": 5}, 1)])
async def test_an_id_is_remembered_longer_than_its_timeline(
    it: Scene, kind: str, data: dict[str, Any], records: int
) -> None:
    await whole(it, "x", 1)
    await it.to(60)
    while await it.store.ledger.purge(START_MS + 50_000, 0):
        pass
    await it.to(1000)
    await it.post(event("s1", "x", kind, 1000, data))
    await it.to(1001)
    assert len(await it.records()) == records
    live = (await it.call("GET", "/v1/calls?state=live"))[1]["calls"]
    assert len(live) == (kind == "offered"), "the id opens a new call; a word about the old one comes too late"


async def test_an_unknown_type_never_acts_whatever_its_name(it: Scene) -> None:
    await it.post(event("s1", "x", "offered", 0.5, CALLER))
    for name in ("stale", "lost", "callCleared", "delivered"):
        await it.post(event("s1", "x", name, 2, {}, id=f"bare-{name}") | {"type": name})
    assert await it.records() == []
    assert [one["state"] for one in (await it.call("GET", "/v1/calls"))[1]["calls"]] == ["live"]


async def test_a_ledger_away_while_remembering_is_asked_again(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await whole(it, "x", 1)
    await it.to(60)
    real, failed = it.store.ledger.past_calls, []

    async def flaky(keys: Any) -> Any:
        if not failed:
            failed.append(keys)
            raise errors.LedgerAway("once")
        return await real(keys)

    monkeypatch.setattr(it.store.ledger, "past_calls", flaky)
    await it.post(event("s1", "x", "surveyScored", 60, {"score": 5}))
    await it.to(70)
    assert failed
    assert [one["survey"] for one in await it.records()] == [5]


async def test_a_wrong_clock_makes_no_call_silent(it: Scene) -> None:
    await it.to(100)
    await it.post(event("s1", "x", "offered", 100, CALLER))
    await it.to(170)
    await it.post(event("s1", "y", "offered", 170 + 8 * 3600, CALLER))
    await it.to(300)
    assert await it.record("s1", "x") is None


async def test_a_silent_call_of_a_silent_switch_is_lost_in_the_end() -> None:
    async with scene("memory:") as it:
        await it.declare("s1", heartbeats=False)
        await it.to(1)
        await it.post(event("s1", "x", "offered", 1, CALLER))
        await it.to(4 * 3600 + 300)
        assert await outcomes(it) == ["lost"]


async def test_a_call_given_up_as_lost_is_revised_by_its_end() -> None:
    async with scene("memory:", call_idle_max_s=400) as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(event("s1", "x", "offered", 1, CALLER), event("s1", "x", "established", 5, FIRST))
        await it.to(600)
        assert await outcomes(it) == ["lost"]
        await it.post(event("s1", "x", "callCleared", 600, {}))
        await it.to(1300)
        (record,) = await it.records()
        assert (record["outcome"], record["talk_s"], record["revision"]) == ("answered", 595, 2)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_switch_that_refuses_every_notice_keeps_no_call_alive(restarts: bool) -> None:
    async with scene("memory:", call_idle_max_s=400) as it:
        switch = await it.declare("s1")
        switch.answer = lambda _command, _now_s: [("refused", "invalidConnectionState")]
        await it.to(1)
        await it.post(event("s1", "x", "offered", 1, CALLER), event("s1", "x", "queued", 1, {"queue": "q"}))
        await it.to(300)
        assert switch.commands
        if restarts:
            await it.restart()
        await it.to(600)
        assert await outcomes(it) == ["lost"]


async def test_what_a_snapshot_named_is_not_given_up_after_a_restart_either() -> None:
    async with scene("memory:", call_idle_max_s=400) as it:
        await it.declare("s1")
        await it.to(1)
        await it.post(event("s1", "x", "offered", 1, CALLER))
        await it.post(event("s1", "s1", "switchSnapshot", 1, {"calls": [{"call": "x"}]}, family="switch"))
        await it.to(900)
        await it.restart()
        await it.to(1300)
        assert await it.record("s1", "x") is None


async def test_stale_comes_behind_a_numbered_event(it: Scene) -> None:
    await it.to(10)
    await it.post(
        event("s1", "x", "offered", 1, CALLER, sequence=1),
        event("s1", "x", "delivered", 2, FIRST, sequence=2),
        event("s1", "x", "established", 5, FIRST, sequence=3),
    )
    await it.post(event("s1", "s1", "switchSnapshot", 9, {"calls": []}, family="switch"))
    record = await it.record("s1", "x")
    assert record is not None
    assert record["answered_at"] is not None


async def test_the_minimal_switch_says_by_the_answer_that_others_ring_no_more(it: Scene) -> None:
    await it.to(100)
    await it.post(
        event("s1", "x", "offered", 1, CALLER),
        event("s1", "x", "delivered", 2, FIRST),
        event("s1", "x", "delivered", 8, SECOND),
        event("s1", "x", "established", 13, SECOND),
        event("s1", "x", "callCleared", 95, {}),
    )
    record = await it.record("s1", "x")
    assert record is not None
    assert record["breaches"] == []
    assert [one["ring_s"] for one in record["offers"]] == [11, 5]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_two_calls_of_one_id_come_out_the_same_in_any_order(order: tuple[int, ...]) -> None:
    words = [
        event("s1", "x", "offered", 1, CALLER),
        event("s1", "x", "callCleared", 6, {}),
        event("s1", "x", "offered", 400, CALLER, id="again"),
        event("s1", "x", "callCleared", 410, {}, id="cleared-again"),
    ]
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(420)
        for place in order:
            await it.post(words[place])
        found = sorted((one["opened_at"][14:19], one["ended_at"][14:19]) for one in await it.records())
        assert found == [("00:01", "00:06"), ("06:40", "06:50")]


async def test_a_call_that_says_too_much_still_ends(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(it.engine.work, "limits", CallLimits(events=5))
    await it.to(10)
    digits = [event("s1", "x", "digitsGenerated", 1 + n / 10, {"digits": "1"}) for n in range(6)]
    await it.post(event("s1", "x", "offered", 1, CALLER), *digits)
    await it.post(event("s1", "x", "callCleared", 9, {}))
    assert await it.record("s1", "x") is not None


async def test_an_agent_s_old_word_repeated_after_a_restart_changes_nothing(it: Scene) -> None:
    await it.to(30)
    ready = event("s1", "1001", "agentReady", 10, family="agent")
    await it.post(ready, event("s1", "1001", "agentNotReady", 20, family="agent"))
    await it.restart()
    await it.post(ready)
    assert [one.state for one in await it.store.ledger.agents()] == ["notReady"]
