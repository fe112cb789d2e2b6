"""Late facts, and calls with much in them: one fold for each round, however the events are cut into requests."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_core import from_json

import cti.core.facts
from cti.core.call import fold
from cti.core.facts import Fact, fact
from cti.engine.gathering import CallLimits
from cti.engine.history import SEALED_AT
from cti.engine.late import LATE_FACTS_MAX, LONG_FACTS, PAUSE_FACTS, pause_ms
from cti.errors import LedgerAway
from cti.ports import Appending
from cti.rows import Round
from schemas.envelope import body_of, read_event
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.lines import AGENT, CALLER, HOLD, LEAVES, Line

MANY = 2_400


def conversation(line: Line, holds: int, gap_s: float = 0.01) -> list[dict[str, Any]]:
    """A call with so many holds, in the order in which it happened; it ends at 1 + 2 * holds * gap_s."""
    events = [line.told("call", "offered", CALLER, 0.0), line.told("call", "delivered", AGENT, 0.1)]
    events.append(line.told("call", "established", AGENT, 0.5))
    for n in range(holds):
        events.append(line.told("call", "held", HOLD, 1 + 2 * n * gap_s))
        events.append(line.told("call", "retrieved", HOLD, 1 + (2 * n + 1) * gap_s))
    end_s = 1 + 2 * holds * gap_s
    return [
        *events,
        line.told("call", "connectionCleared", LEAVES, end_s),
        line.told("call", "callCleared", {}, end_s),
    ]


async def append(it: Scene, events: list[dict[str, Any]]) -> None:
    """As the door does it; the engine is not told yet."""
    items = [read_event(one) for one in events]
    await it.store.log.append(
        [
            Appending(TENANT, f"{TENANT}:{known.source}:{known.subject}", body_of(one), known)
            for one, known in zip(events, items, strict=True)
        ]
    )


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each piece of a packed history that is read again: a fold reads all of them."""
    counted: list[int] = []

    def counting(packed: bytes) -> Any:
        counted.append(len(packed))
        return from_json(packed)

    monkeypatch.setattr(cti.core.facts, "from_json", counting)
    return counted


def measured(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("revision", "interventions")}


@pytest.mark.parametrize("size", [1, 7, 500])
async def test_the_newest_first_is_folded_once_a_round(it: Scene, parsed: list[int], size: int) -> None:
    """However they are cut into requests; each by itself would be folded again MANY times."""
    line = await Line.of(it, "s1")
    events = conversation(line, MANY // 2)
    await it.to(60)
    for first in range(0, MANY, size):
        await append(it, events[::-1][first : first + size])
    await append(it, events[::-1][MANY:])
    await it.settle()
    await it.to(61)
    record = await it.record("s1", "call")
    assert record is not None
    assert len(record["holds"]) > 500
    assert record["ended_at"] > record["opened_at"]
    pieces = len(events) // SEALED_AT + 1
    assert 2 * pieces <= len(parsed) <= 5 * pieces, "a round takes 2,000 events"
    await Line.of(it, "s2")
    await append(it, [{**one, "source": "/switches/s2"} for one in events])
    await it.settle()
    await it.to(62)
    other = await it.record("s2", "call")
    assert other is not None
    own = ("call", "source")
    expected = {name: value for name, value in measured(other).items() if name not in own}
    assert {name: value for name, value in measured(record).items() if name not in own} == expected


async def test_late_facts_of_one_request_revise_the_record_once(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(20)
    events = conversation(line, 20)
    await it.post(*events[:3], *events[-2:])
    await it.post(*events[3:-2][::-1])
    record = await it.record("s1", "call")
    assert record is not None
    assert (record["revision"], len(record["holds"])) == (2, 20)


async def test_an_id_used_again_among_late_facts_begins_the_next_call(it: Scene) -> None:
    """The state that says so is not known before the late clearing has been folded in."""
    line = await Line.of(it, "s1")
    await it.to(500)
    first = [line.told("x", "offered", CALLER, 1.0), line.told("x", "queued", {"connection": "c", "queue": "q"}, 3.0)]
    again = [line.told("x", "offered", CALLER, 400.0), line.told("x", "callCleared", {}, 410.0)]
    late = [line.told("x", "callCleared", {}, 6.0), line.told("x", "digitsGenerated", {"digits": "1"}, 2.0)]
    await it.post(first[1], first[0], again[1], late[1], late[0], again[0])
    found = sorted((one["opened_at"][14:19], one["ended_at"][14:19], one["digits"]) for one in await it.records())
    assert found == [("00:01", "00:06", "1"), ("06:40", "06:50", None)]


async def test_a_call_that_was_told_in_the_wrong_order_is_commanded_as_it_stands_now(it: Scene) -> None:
    """The limit of the ringing passed between two events of one request; the answer was among them."""
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.say("call", "offered", CALLER)
    await line.say("call", "delivered", {**AGENT, "queue": "b"})
    await it.to(21.5)
    it.running = False
    await it.to(22.5)
    await it.post(
        line.told("call", "digitsGenerated", {"digits": "1"}, 22.4), line.told("call", "established", AGENT, 21.9)
    )
    it.running = True
    await it.settle()
    await it.to(30)
    assert line.seen == []


async def test_a_long_call_comes_to_the_same_whatever_the_ledger_does(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = await Line.of(it, "s1")
    events = conversation(line, LONG_FACTS, 0.04)
    commit, fate = it.store.ledger.commit, iter(range(1_000_000))

    async def fails_often(round_: Round) -> None:
        if next(fate) % 3 == 1:
            raise LedgerAway("for a moment")
        await commit(round_)

    monkeypatch.setattr(it.store.ledger, "commit", fails_often)
    await it.to(5)
    for first in range(0, len(events), 40):
        some = events[first : first + 40]
        await it.to(max(it.now_s, 0.5 + (first + len(some)) * 0.04))
        await it.post(*(some if first % 80 else some[::-1]))
    await it.to(it.now_s + 20)
    record = await it.record("s1", "call")
    assert record is not None
    call = fold("call", [_fact(one) for one in events]).call
    assert len(record["holds"]) == len(call.holds)
    stored = await it.store.ledger.call(TENANT, record["call"])
    assert stored is not None
    kept = [row.event_id for row in stored.timeline if row.kind != "commandResult"]
    assert sorted(kept) == sorted(one["id"] for one in events)


def _fact(one: Mapping[str, Any]) -> Fact:
    known = read_event(one)
    return fact(known.at_ms, known.sequence, known.id, known.kind, 0, known.data)


async def test_what_is_beyond_a_call_s_bounds_is_set_aside_and_it_still_ends() -> None:
    async with scene("memory:") as it:
        line = await Line.of(it, "s1")
        it.engine.work.limits = CallLimits(events=20)
        await it.to(60)
        events = conversation(line, 30)
        await it.post(*events)
        record = await it.record("s1", "call")
        assert record is not None
        assert record["ended_at"] == "2026-03-02T01:00:01.600Z", "that of callCleared"
        await it.post(line.told("call", "callCleared", {"cause": "normal"}, 50.0))
        letters = list(it.store.ledger._dead_letters.values())
        assert {row.reason for row in letters} == {"call_too_large"}
        assert len(letters) == len(events) - 21 + 1, "one end is taken, and no more"
        await it.post(events[5])
        assert len(it.store.ledger._dead_letters) == len(letters), "what it has is a duplicate"


async def test_bytes_count_too(it: Scene) -> None:
    line = await Line.of(it, "s1")
    it.engine.work.limits = CallLimits(bytes=90_000)
    await it.to(60)
    large = [
        line.told("call", "digitsGenerated", {"digits": "1", "private": {"text": "x" * 3_000}}, 1 + n)
        for n in range(50)
    ]
    await it.post(line.told("call", "offered", CALLER, 0.0), *large, line.told("call", "callCleared", {}, 59.0))
    assert (await it.record("s1", "call")) is not None
    letters = [row.reason for row in it.store.ledger._dead_letters.values()]
    assert set(letters) == {"call_too_large"}
    assert 10 <= len(letters) <= 30


def test_who_makes_us_fold_little_is_not_read_later() -> None:
    assert pause_ms(PAUSE_FACTS - 1) == 0
    assert 0 < pause_ms(PAUSE_FACTS) <= pause_ms(LATE_FACTS_MAX) <= pause_ms(10 * LATE_FACTS_MAX) <= 150
