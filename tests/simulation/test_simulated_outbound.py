"""The simulated switch that dials, at the real door on the virtual clock: each outcome as the ledger has it, each
misbehaviour, and what the product makes of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from cti.switches.simulated.misbehaviour import Misbehaviour
from cti.switches.simulated.pbx import CALLER_LEG
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch, fact_of, order_of, put

TO = "+8613800000001"
SCRIPT = {
    "opening": {"zh": "您好"},
    "gate": {"key": "1", "timeout_s": 10, "repeats": 2},
    "body": {"zh": "电费"},
    "keys": {"0": "queue"},
    "queue": "billing",
    "queue_wait_s": 60,
}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


async def dialled(it: Scene, *words: str, until_s: float = 50, **options: Any) -> DiallingSwitch:
    """One order to TO at second 1, and the time until then."""
    switch = await DiallingSwitch.declared(it, {TO: words}, **options)
    await switch.to(1)
    await put(it, switch, "d1", to=TO, on_answer=SCRIPT, answering_machine="detect")
    await switch.to(until_s)
    return switch


async def record_of(it: Scene, switch: DiallingSwitch) -> dict[str, Any]:
    fact = await fact_of(it, switch, "d1")
    assert fact is not None
    assert fact.record is not None
    record: dict[str, Any] = from_json(fact.record)
    return record


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("reached", {"outcome": "answered", "machine": "human", "digits": "1"}),
        ("noGate", {"outcome": "answered", "digits": None}),
        ("key0NoAgent", {"outcome": "answered", "digits": "0"}),
        ("hangUpEarly", {"outcome": "answered", "released_by": "customer"}),
        ("noAnswer", {"q850": 19}),
        ("busy", {"q850": 17}),
        ("invalid", {"q850": 1}),
        ("congestion", {"q850": 34}),
        ("failedOther", {"q850": 127}),
        ("q850:28", {"q850": 28}),
        ("poweredOff", {"tone": "poweredOff", "q850": 20}),
        ("suspended", {"tone": "suspended", "q850": 20}),
        ("fax", {"outcome": "answered", "machine": "faxOrModem"}),
        ("machine", {"outcome": "answered", "machine": "machine"}),
    ],
)
async def test_each_outcome_is_in_the_record_of_the_order(it: Scene, word: str, expected: dict[str, Any]) -> None:
    switch = await dialled(it, word)
    assert [(noted.id, noted.number) for noted in switch.received] == [("d1", TO)]
    assert [(state, status) for _, state, status in switch.results] == [("accepted", 202), ("done", 202)]
    record = await record_of(it, switch)
    assert {name: record.get(name) for name in expected} == expected
    assert (record["direction"], record["called"], record["commandid"]) == ("outbound", TO, "d1")
    assert record["dialled"]["messages"] or record["outcome"] != "answered" or "machine" in expected
    assert (await order_of(it, "d1")).result == "done"


async def test_key_0_reaches_an_agent(it: Scene) -> None:
    switch = await dialled(it, "key0", agents=3, until_s=400)
    record = await record_of(it, switch)
    assert record["dialled"]["agent_answered_at"] is not None
    assert any(offer["agent"] for offer in record["offers"])


async def test_a_refusal_is_the_orders_result(it: Scene) -> None:
    await dialled(it, "refused:busy", until_s=5)
    order = await order_of(it, "d1")
    assert (order.result, order.reason) == ("refused", "busy")


async def test_silence_is_accepted_and_no_question_is_answered(it: Scene) -> None:
    switch = await dialled(it, "silence", until_s=20)
    await put(it, switch, "q1", command="snapshotCall", about="d1")
    await switch.to(40)
    assert (await order_of(it, "d1")).result == "accepted"
    assert (await order_of(it, "q1")).result is None
    assert await fact_of(it, switch, "d1") is None


async def test_an_order_that_never_came_is_asked_about(it: Scene) -> None:
    switch = await dialled(it, "neverSeen", until_s=20)
    assert switch.received == []
    assert (await order_of(it, "d1")).result is None
    await put(it, switch, "q1", command="snapshotCall", about="d1")
    await switch.to(25)
    asked = await order_of(it, "q1")
    assert (asked.result, asked.answer) == ("done", "never_seen")


async def test_a_question_gets_cause_tone_and_end(it: Scene) -> None:
    switch = await dialled(it, "poweredOff", until_s=20, wish=Misbehaviour(lose=1, result_lose=0))
    await put(it, switch, "q1", command="snapshotCall", about="d1")
    await switch.to(25)
    asked = await order_of(it, "q1")
    assert (asked.answer, asked.q850, asked.tone) == ("ended", 20, "poweredOff")
    assert asked.ended_at_ms is not None
    assert START_MS + 4_000 <= asked.ended_at_ms <= START_MS + 6_000


async def test_a_live_call_is_cleared_by_order(it: Scene) -> None:
    switch = await dialled(it, "reached", until_s=12)
    [call] = switch.exchange.pbx.calls
    await put(it, switch, "x1", command="clearConnection", clears="d1", subject=call, connection=CALLER_LEG)
    await switch.to(16)
    assert (await order_of(it, "x1")).result == "done"
    assert (await record_of(it, switch))["outcome"] == "answered"
    assert not switch.exchange.pbx.calls


async def test_valid_for_is_what_was_left_when_it_was_sent(it: Scene) -> None:
    switch = await dialled(it, "reached", until_s=5)
    [noted] = switch.received
    left_ms = START_MS + 1_000 + 10_000 - noted.at_ms
    assert 0 < noted.valid_for_ms <= left_ms + 1


@pytest.mark.parametrize("state", ["delivered", "undeliverable"])
async def test_a_message_gateway(it: Scene, state: str) -> None:
    gateway = await DiallingSwitch.declared(it, {TO: [f"sms:{state}"]}, name="sms-1", messages=True)
    await gateway.to(1)
    await put(it, gateway, "d1", command="sendMessage", to=TO, reference="campaign-1")
    await gateway.to(20)
    assert gateway.received == []
    assert (await order_of(it, "d1")).result == "done"
    assert (await record_of(it, gateway))["state"] == state


# -- misbehaviour ----------------------------------------------------------------------------------------------------


async def test_lost_results_leave_the_order_open_and_the_call_known(it: Scene) -> None:
    switch = await dialled(it, "reached", wish=Misbehaviour(result_lose=1))
    assert switch.results == []
    assert (await order_of(it, "d1")).result is None
    assert (await record_of(it, switch))["outcome"] == "answered"


async def test_lost_facts_leave_no_call(it: Scene) -> None:
    switch = await dialled(it, "reached", wish=Misbehaviour(lose=1))
    assert (await order_of(it, "d1")).result == "done"
    assert await fact_of(it, switch, "d1") is None


@pytest.mark.parametrize("name", ["late", "duplicate", "shuffle_s"])
async def test_late_doubled_or_shuffled_facts_make_the_same_record(it: Scene, name: str) -> None:
    wish = Misbehaviour(**{name: 3.0 if name == "shuffle_s" else 1.0})
    switch = await dialled(it, "reached", until_s=80, wish=wish)
    record = await record_of(it, switch)
    assert (record["outcome"], record["digits"], record["machine"]) == ("answered", "1", "human")
    assert [message["message"] for message in record["dialled"]["messages"]] == ["opening", "body"]


@pytest.mark.parametrize("name", ["result_late", "result_duplicate", "result_shuffle_s"])
async def test_late_doubled_or_shuffled_results_end_in_the_same_state(it: Scene, name: str) -> None:
    wish = Misbehaviour(**{name: 5.0 if name == "result_shuffle_s" else 1.0})
    switch = await dialled(it, "reached", until_s=60, wish=wish)
    assert len(switch.results) == (4 if name == "result_duplicate" else 2)
    assert (await order_of(it, "d1")).result == "done"


async def test_gone_for_a_minute_the_facts_come_afterwards(it: Scene) -> None:
    switch = await dialled(it, "reached", until_s=4)
    switch.gone = True
    await switch.to(64)
    assert await order_of(it, "d1")
    fact = await fact_of(it, switch, "d1")
    assert fact is None or fact.ended_at_ms is None
    switch.gone = False
    await switch.to(70)
    assert (await record_of(it, switch))["outcome"] == "answered"


async def test_a_clock_that_is_slow_dates_its_facts_so(it: Scene) -> None:
    switch = await dialled(it, "busy", until_s=20, wish=Misbehaviour(clock_s=-1.5))
    fact = await fact_of(it, switch, "d1")
    assert fact is not None
    assert fact.opened_at_ms is not None
    assert switch.received[0].at_ms - START_MS < 1_000
    assert abs(fact.opened_at_ms - switch.received[0].at_ms) < 1_000


async def test_a_switch_without_a_memory_dials_an_order_twice_if_it_comes_twice(it: Scene) -> None:
    """The product sends it once; somebody else's copy shows what the memory is for."""
    forgetful = await dialled(it, "busy", until_s=2.5, memory=False)
    copy = {"id": "d1", "command": "makeCall", "to": TO, "trunk_group": "main", "valid_for_ms": 5_000}
    forgetful.take(copy | {"expires_at": "2026-03-02T09:01:00+08:00"})
    await forgetful.to(20)
    assert [noted.id for noted in forgetful.received] == ["d1", "d1"]
    assert forgetful.exchange.pbx.memory.placed == 2
