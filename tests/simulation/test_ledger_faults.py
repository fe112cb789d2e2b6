"""What the ledger may do to the engine, and what an event in hand does to a timer."""

from pathlib import Path

import pytest

import cti.engine.ingest
from cti.core.facts import Fact
from cti.engine.gathering import Gathering
from cti.engine.live_calls import LiveCall
from cti.errors import LedgerAway, OutcomeUnknown
from cti.ports import Entry
from cti.rows import Round
from tests.ready import BOTH, ready_url
from tests.scheduler import Scene, event, scene
from tests.simulation.lines import AGENT, CALLER, HOLD, Line


async def test_a_snapshot_may_name_a_call_id_that_ended_long_ago(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await line.say("call", "offered", CALLER)
    await line.ends("call")
    await it.to(600)  # it has left the memory
    calls = [{"call": "call", "connections": [{"connection": "c", "state": "queued"}]}]
    await it.post(event("s1", "s1", "switchSnapshot", 600.0, {"calls": calls}, family="switch"))
    _, told = await it.call("GET", "/v1/calls?subject=call")
    assert [one["state"] for one in told["calls"]] == ["live", "ended"]


async def test_a_state_that_the_event_in_hand_ends_is_ordered_nothing(it: Scene) -> None:
    """The engine was away for 4 s around the limit: it reads the answer, so it must not deflect the call."""
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.say("call", "offered", CALLER)
    await line.say("call", "delivered", {**AGENT, "queue": "b"})
    await it.to(21)
    it.running = False
    await it.to(23)
    await line.say("call", "established", AGENT)
    await it.to(25)
    it.running = True
    await it.settle()
    assert [one.what[1:] for one in line.seen] == [("RING-2", "promptAgent")]
    record = await line.ends("call")
    assert [(one["rule"], one["outcome"]) for one in record["interventions"]] == [
        ("RING-1", "overtaken"),
        ("RING-2", "done"),
    ]


async def test_a_hold_that_is_over_is_given_no_notice(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.answered("call")
    await line.say("call", "held", HOLD)  # at 13 s
    await it.to(27)
    it.running = False
    await it.to(30)
    await line.say("call", "retrieved", HOLD)  # notice 1 was due at 28 s
    await it.to(32)
    await it.restart()
    it.running = True
    await it.settle()
    assert [one.what[1] for one in line.seen] == ["HOLD-1", "HOLD-1"]


async def test_a_round_of_timers_alone_whose_outcome_is_unknown_is_not_taken_for_committed(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves no position: positions read again say nothing about it."""
    line = await Line.of(it, "s1")
    it.switches["s1"].heartbeats = False
    await it.to(10)
    await line.answered("call")
    await line.say("call", "held", HOLD)  # at 13 s; notice at 28 s
    await it.to(27.5)
    commit = it.store.ledger.commit
    lost: list[Round] = []

    async def breaks_once(round_: Round) -> None:
        if round_.commands and not round_.timeline and not lost:
            lost.append(round_)
            raise OutcomeUnknown("nothing was written")
        await commit(round_)

    monkeypatch.setattr(it.store.ledger, "commit", breaks_once)
    await it.to(33)
    assert lost, "the fault did not happen"
    assert [one.what[1] for one in line.seen] == ["HOLD-1", "HOLD-2"]


async def test_an_event_that_the_ledger_cannot_take_is_set_aside_alone(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that is refused for a defect of ours: its entries are tried one by one, and only the culprit is lost."""
    line = await Line.of(it, "s1")
    commit = it.store.ledger.commit

    async def refuses(round_: Round) -> None:
        if any(row.kind == "digitsGenerated" for row in round_.timeline):
            raise ValueError("a constraint")
        await commit(round_)

    monkeypatch.setattr(it.store.ledger, "commit", refuses)
    digits = line.told("call-1", "digitsGenerated", {"digits": "1"}, 1.0)
    await it.post(
        line.told("call-1", "offered", CALLER, 0.0),
        digits,
        line.told("call-2", "offered", CALLER, 0.0),
        line.told("call-1", "callCleared", {}, 2.0),
        line.told("call-2", "callCleared", {}, 2.0),
    )
    await it.to(30)  # each refusal is followed by a short wait
    assert sorted(one["subject"] for one in await it.records()) == ["call-1", "call-2"]
    _, found = await it.call("GET", "/v1/calls?subject=call-1")
    _, whole = await it.call("GET", f"/v1/calls/{found['calls'][0]['call']}")
    assert [one["kind"] for one in whole["timeline"]] == ["offered", "callCleared"]


async def test_an_event_that_breaks_off_in_the_middle_leaves_nothing_behind(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call's row was written into the round already: it must not be there when the next event opens the call."""
    line = await Line.of(it, "s1")
    write = cti.engine.ingest._write

    def breaks(work: Gathering, live: LiveCall, one: Fact, entry: Entry, n: int, data: bytes) -> None:
        if one.kind in ("offered", "digitsGenerated"):
            raise ZeroDivisionError
        write(work, live, one, entry, n, data)

    monkeypatch.setattr(cti.engine.ingest, "_write", breaks)
    await it.post(
        line.told("call-1", "offered", CALLER, 0.0),
        line.told("call-1", "digitsGenerated", {"digits": "1"}, 0.2),
        line.told("call-1", "queued", {"connection": "c", "queue": "q"}, 0.5),
        line.told("call-1", "callCleared", {}, 2.0),
    )
    await it.to(10)
    assert [(one["subject"], one["wait_s"]) for one in await it.records()] == [("call-1", 1.5)]


async def test_a_ledger_that_refuses_even_the_dead_letter_stops_the_engine_loudly(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left to set aside: going round for ever would only hide it."""
    line = await Line.of(it, "s1")

    async def refuses(round_: Round) -> None:
        raise ValueError("nothing is taken")

    monkeypatch.setattr(it.store.ledger, "commit", refuses)
    await it.post(line.told("call-1", "offered", CALLER, 0.0))
    with pytest.raises(ValueError, match="nothing is taken"):
        await it.to(30)


@pytest.mark.parametrize("kind", BOTH)
async def test_what_a_switch_has_sent_before_is_known_after_a_round_that_failed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of kinds replaces the one before it: after the failure it must name what that named."""
    async with scene(ready_url(kind, request, tmp_path), parts=(), threads=False) as it:
        line = await Line.of(it, "s1")
        await line.answered("call-1")
        await line.say("call-1", "held", HOLD)
        await line.say("call-1", "retrieved", HOLD)
        before = await _measured(it)
        assert before == {"HOLD-1", "HOLD-2", "HOLD-3", "QUEUE-1", "RING-1", "RING-2"}
        commit = it.store.ledger.commit
        refused: list[Round] = []

        async def away_once(round_: Round) -> None:
            if round_.sources and not refused:
                refused.append(round_)
                raise LedgerAway("the disk is full")
            await commit(round_)

        monkeypatch.setattr(it.store.ledger, "commit", away_once)
        await line.say("call-1", "digitsGenerated", {"digits": "1"})
        assert refused, "the fault did not happen"
        await it.to(it.now_s + 10)
        await line.say("call-2", "offered", CALLER)
        assert await _measured(it) == before
        await line.ends("call-1")
        assert await _measured(it) == before | {"END-1"}
        (kept,) = await it.store.ledger.sources()
        assert {"held", "digitsGenerated", "callCleared"} <= set(kept.kinds.split()), "the failed round's too"


async def test_a_snapshot_of_a_round_that_failed_is_taken_again(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held against calls is what the ledger has: it has the snapshot once, with the round that stands."""
    await it.declare("s1")
    await it.to(10)
    commit = it.store.ledger.commit
    refused: list[Round] = []

    async def away_once(round_: Round) -> None:
        if round_.snapshots and not refused:
            refused.append(round_)
            assert it.engine.work.sources.get("test", "/switches/s1").committed_snapshots == {}
            raise LedgerAway("the disk is full")
        await commit(round_)

    monkeypatch.setattr(it.store.ledger, "commit", away_once)
    await it.post(event("s1", "s1", "switchSnapshot", 10.0, {"calls": [{"call": "x"}]}, family="switch"))
    assert await it.store.ledger.snapshots(0) == []
    assert it.engine.work.sources.get("test", "/switches/s1").snapshots == {}
    await it.to(20)
    kept = [await it.store.ledger.snapshots(partition) for partition in range(4)]
    assert [len(rows) for rows in kept] == [1, 1, 1, 1]
    assert sorted(rows[0].calls for rows in kept) == ['["x"]', "[]", "[]", "[]"], "the call is one partition's"


async def _measured(it: Scene) -> set[str]:
    """The rules that have what they need of the switches."""
    _, told = await it.call("GET", "/v1/indicators")
    return {rule for rule, one in told["rules"].items() if one["state"] == "measured"}
