"""What became of a written message reaches its order, and gives birth to no call."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json
from sqlalchemy import Connection

from cti.dial.rows import DialFact, DialOrderRow
from cti.dial.store import WRITER
from cti.rows import CallFilter, TotalsFilter
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT, Scene, event, scene

SWITCH = "sms-1"


async def with_order(it: Scene) -> None:
    """A message gateway that took an order, by poll."""
    declaration = {"commands": ["sendMessage"], "outbound": 1}
    status, answer = await it.call("PUT", f"/v1/switches/{SWITCH}", declaration)
    assert status == 200, answer
    assert (await it.call("GET", f"/v1/switches/{SWITCH}/commands"))[1]["commands"] == []
    body = {"id": "m1", "command": "sendMessage", "tenant": TENANT, "switch": SWITCH, "to": "+8613812345678"}
    row = DialOrderRow(
        "m1", TENANT, SWITCH, f"/switches/{SWITCH}", "", "sendMessage", None, json.dumps(body), START_MS,
        START_MS + 10_000,
    )  # fmt: skip
    dial, database = it.store.dial, it.store.database
    assert dial is not None
    assert database is not None

    def put(connection: Connection, asked: Sequence[list[DialOrderRow]]) -> list[set[str]]:
        return [dial.put(connection, made) for made in asked]

    assert await database.writer(WRITER).run(put, [row]) == {"m1"}
    answer = (await it.call("GET", f"/v1/switches/{SWITCH}/commands"))[1]
    assert [each["id"] for each in answer["commands"]] == ["m1"]


async def facts(it: Scene) -> list[DialFact]:
    assert it.store.dial is not None
    return await it.store.dial.read_facts(TENANT, SWITCH, "")


def report(state: str, at_s: float = 1.0, **changed: Any) -> dict[str, Any]:
    more = {"id": f"r-{state}", "commandid": "m1"} | changed
    return event(SWITCH, "sms-88", "messageReport", at_s, {"state": state, "to": "+8613812345678"}, **more)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return ready_sqlite(tmp_path / "ringback.db")


async def test_a_report_reaches_its_order_and_opens_no_call(url: str) -> None:
    async with scene(url) as it:
        await with_order(it)
        await it.to(2)
        await it.post(report("delivered"))
        [fact] = await facts(it)
        assert (fact.commandid, fact.call_id, fact.ended_at_ms) == ("m1", "", START_MS + 1000)
        assert from_json(fact.record or "")["state"] == "delivered"
        assert await it.store.ledger.calls(TENANT, CallFilter(), None, 10) == []
        assert (await it.store.ledger.totals(TENANT, TotalsFilter(), "none", 1, 1))[0].calls == 0


async def test_the_last_report_stands_and_one_that_was_acknowledged_comes_again_only_with_another(url: str) -> None:
    async with scene(url) as it:
        await with_order(it)
        await it.to(3)
        await it.post(report("expired"))
        first = await facts(it)
        await it.post(report("delivered", 2.0))
        [last] = await facts(it)
        assert from_json(last.record or "")["state"] == "delivered"
        assert last.revision > first[0].revision


@pytest.mark.parametrize("changed", [{"commandid": "another"}, {"commandid": None}])
async def test_a_report_of_no_order_is_kept_nowhere(url: str, changed: dict[str, Any]) -> None:
    async with scene(url) as it:
        await with_order(it)
        await it.to(2)
        said = {name: value for name, value in report("delivered", **changed).items() if value is not None}
        await it.post(said)
        assert await facts(it) == []


async def test_a_report_under_a_call_that_lives_reaches_the_order_too(url: str) -> None:
    async with scene(url) as it:
        await with_order(it)
        await it.to(2)
        await it.post(event(SWITCH, "sms-88", "offered", 0.5, {"connection": "c", "calling": "1", "called": "2"}))
        await it.post(report("undeliverable"))
        assert [(fact.call_id, from_json(fact.record or "")["state"]) for fact in await facts(it)] == [
            ("", "undeliverable")
        ]


async def test_a_call_that_carries_the_id_of_a_message_is_not_taken_for_its_report(url: str) -> None:
    async with scene(url) as it:
        await with_order(it)
        await it.to(2)
        data = {"connection": "c", "calling": "1", "called": "2"}
        await it.post(event(SWITCH, "sms-88", "originated", 0.5, data, commandid="m1"))
        assert await facts(it) == []
