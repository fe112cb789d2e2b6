"""Callbacks that callers ask for and agents promise: each is a request once, whatever happens to the engine."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cti.callers.rows import CallbackRequest
from cti.callers.store import SqlCallbackRequests
from cti.engine.passivation import PASSIVATE_AFTER_MS
from cti.errors import LedgerAway
from cti.rows import Round
from tests.contract.dialling import transact
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT, Scene, at, event, scene

OPENING = {"direction": "inbound", "calling": "013800001234", "called": "95598", "connection": "c"}
WAITS = {"connection": "c", "queue": "bills"}
AGENT = {"connection": "a", "device": "8001", "agent": "1001"}
BEGIN_S, OFFER_S = 10.0, 130.0  # 120 s after it was queued


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db"), parts=()) as running:
        yield running


def callbacks(it: Scene) -> SqlCallbackRequests:
    assert it.store.callbacks is not None
    return it.store.callbacks


async def take(it: Scene) -> list[CallbackRequest]:
    """All of them, as a consumer does."""
    found = await callbacks(it).read()
    await transact(it.store, lambda connection: callbacks(it).take(connection, {row.id for row in found}))
    return found


async def say(it: Scene, kind: str, at_s: float, data: dict[str, Any], **extra: Any) -> None:
    await it.post(event("s1", "call", kind, at_s, data, **extra))


async def waiting(it: Scene) -> None:
    """A caller who has been played the offer."""
    await it.to(BEGIN_S)
    await say(it, "offered", BEGIN_S, OPENING)
    await say(it, "queued", BEGIN_S, WAITS)
    await it.to(OFFER_S + 2)


async def press(it: Scene, digits: str, at_s: float) -> None:
    await it.to(at_s)
    await say(it, "digitsGenerated", at_s, {"connection": "c", "digits": digits})


def played(it: Scene) -> list[str]:
    return [one["message"] for one in it.received("s1") if one["command"] == "playMessage"]


async def test_a_caller_who_presses_1_at_the_offer_is_called_back(it: Scene) -> None:
    await it.declare("s1")
    await waiting(it)
    assert played(it)[-1] == "callback_offer"
    await press(it, "1", 135.0)
    (request,) = await callbacks(it).read()
    asked_ms = START_MS + 135_000
    assert request[1:4] == (TENANT, "/switches/s1", request.call_id)
    assert request[4:] == ("+8613800001234", "bills", "queue", None, asked_ms, None, None, asked_ms)
    confirmation = it.received("s1")[-1]
    assert (confirmation["command"], confirmation["message"]) == ("playMessage", "callback_confirmed")
    assert (confirmation["connection"], confirmation["if_state"]) == ("c", "queued")
    assert "回电" in confirmation["text"]["zh"]
    await it.to(140)
    await say(it, "callCleared", 140.0, {})
    record = await it.record("s1", "call")
    assert record is not None
    assert [(one["rule"], one["due_at"], one["outcome"]) for one in record["interventions"]][-1] == (
        "QUEUE-1", "2026-03-02T01:02:15.000Z", "done",
    )  # fmt: skip
    assert record["outcome"] == "abandoned", "what was measured is as it was"


async def test_who_presses_twice_asks_once_and_nobody_asks_without_an_offer(it: Scene) -> None:
    await it.declare("s1")
    await it.to(BEGIN_S)
    await say(it, "offered", BEGIN_S, OPENING)
    await press(it, "1", 11.0)  # of a menu
    await say(it, "queued", 12.0, WAITS)
    await press(it, "1", 60.0)
    assert await callbacks(it).read() == []
    await press(it, "2", 134.0)
    assert await callbacks(it).read() == []
    await press(it, "1", 135.0)
    await press(it, "1", 136.0)
    assert len(await callbacks(it).read()) == 1
    assert played(it).count("callback_confirmed") == 1


async def test_an_offer_that_the_switch_refused_is_none(it: Scene) -> None:
    await it.declare("s1", answer=lambda *_: (("refused", "invalidConnectionState"),))
    await waiting(it)
    await press(it, "1", 135.0)
    assert await callbacks(it).read() == []


async def test_who_talks_to_an_agent_asks_for_nothing_by_a_key(it: Scene) -> None:
    await it.declare("s1")
    await waiting(it)
    await say(it, "delivered", 133.0, AGENT)
    await it.to(134)
    await say(it, "established", 134.0, AGENT)
    await press(it, "1", 136.0)
    assert await callbacks(it).read() == []


async def test_a_switch_that_hears_no_order_any_more_loses_no_request(it: Scene) -> None:
    """The confirmation is not played by who cannot; the request stands."""
    switch = await it.declare("s1")
    await waiting(it)
    await it.call("PUT", "/v1/switches/s1", {"commands": ["promptAgent"], "if_other_ready": True})
    await it.restart()
    await press(it, "1", 135.0)
    assert len(await callbacks(it).read()) == 1
    assert "callback_confirmed" not in [one["message"] for one in switch.commands]


PROMISE = {"action": "callbackPromised", "agent": "1001", "due_at": at(7_200), "note": "meter"}


async def test_an_agent_promises_a_callback(it: Scene) -> None:
    await it.declare("s1")
    await it.to(20)
    await say(it, "offered", 20.0, OPENING)
    await say(it, "queued", 20.0, WAITS)
    await say(it, "delivered", 20.0, AGENT)
    await say(it, "established", 20.0, AGENT)
    await it.to(40)
    await say(it, "agentAction", 40.0, PROMISE)
    await say(it, "agentAction", 40.0, PROMISE)  # sent again
    (request,) = await take(it)
    assert request[4:11] == (
        "+8613800001234", "bills", "agent", "1001", START_MS + 40_000, START_MS + 7_200_000, "meter",
    )  # fmt: skip
    await say(it, "callCleared", 41.0, {})
    await it.to(600)  # it has left the memory
    await say(it, "agentAction", 45.0, {**PROMISE, "due_at": at(9_000)}, id="a second")
    (second,) = await take(it)
    assert (second.agent, second.due_at_ms) == ("1001", START_MS + 9_000_000)
    await say(it, "agentAction", 44.0, {"action": "silent"}, id="late")  # folds the call again
    assert await take(it) == []


async def test_a_promise_that_arrives_before_its_call_waits_for_it(it: Scene) -> None:
    await it.declare("s1")
    await it.to(40)
    await say(it, "agentAction", 40.0, PROMISE)
    assert await take(it) == []
    await say(it, "offered", 30.0, OPENING)
    (request,) = await take(it)
    assert (request.number, request.asked_at_ms) == ("+8613800001234", START_MS + 40_000)


async def test_a_promise_says_by_when(it: Scene) -> None:
    status, answer = await it.call(
        "POST", "/v1/events", event("s1", "call", "agentAction", 0, {"action": "callbackPromised"}),
        "application/cloudevents+json",
    )  # fmt: skip
    assert status in (207, 422)
    assert "due_at" in str(answer)


async def restarts(it: Scene, _: pytest.MonkeyPatch) -> None:
    await it.restart()


async def fails(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is away when the next round is to be written: it is dropped, and its entries are read again."""
    ledger, commit = it.store.ledger, it.store.ledger.commit

    async def away(_: Round) -> None:
        monkeypatch.setattr(ledger, "commit", commit)
        raise LedgerAway("for a test")

    monkeypatch.setattr(ledger, "commit", away)


async def rests(it: Scene, _: pytest.MonkeyPatch) -> None:
    """Long enough that a quiet call is passive."""
    await it.to(it.now_s + 2 * PASSIVATE_AFTER_MS / 1000)


@pytest.mark.parametrize("happens", [restarts, fails, rests])
async def test_exactly_once_whatever_happens_to_the_engine_between_any_two_steps(
    it: Scene, happens: Callable[[Scene, pytest.MonkeyPatch], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await it.declare("s1")
    found: list[CallbackRequest] = []
    steps: Sequence[tuple[str, dict[str, Any]]] = [
        ("offered", OPENING), ("queued", WAITS), ("", {}), ("digitsGenerated", {"connection": "c", "digits": "1"}),
        ("digitsGenerated", {"connection": "c", "digits": "1"}), ("agentAction", PROMISE), ("callCleared", {}),
    ]  # fmt: skip
    await it.to(BEGIN_S)
    for n, (kind, data) in enumerate(steps):
        await happens(it, monkeypatch)
        if kind:
            await say(it, kind, it.now_s, data, id=f"step {n}")
        else:
            await it.to(OFFER_S + 2)
        await it.to(it.now_s + 1)  # the engine tries again
        found += await take(it)
    monkeypatch.undo()
    await say(it, "digitsGenerated", OFFER_S + 1, {"connection": "c", "digits": "1"}, id="late")
    await say(it, "queued", BEGIN_S + 0.001, WAITS, id="another, late")
    found += await take(it)
    assert [row.origin for row in found] == ["queue", "agent"]
