"""The engine's rounds on a real ledger: what a dialler reads of its calls, and how far a switch is read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json, to_json
from sqlalchemy import create_engine, func, select

from cti.adapters.clock import SystemClock
from cti.cli.rebuild import rebuild
from cti.core.identity import call_id
from cti.dial import tables
from cti.dial.rows import DialFact, DialOrderRow
from cti.errors import Fenced
from cti.rows import SwitchRow
from cti.settings import Settings
from tests.contract.dialling import dial_of, transact
from tests.ready import BOTH, ready_url
from tests.scheduler import ALL_BUT_RING_TIMEOUT, START_MS, TENANT, Scene, event, scene
from tests.simulation.dial_ledger import call_of

SOURCE, LANE = "/switches/s1", "trunks"
TABLES = (tables.orders, tables.facts, tables.words)
FIRST = call_id(TENANT, SOURCE, "7", 0)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return ready_url(request.param, request, tmp_path)


@pytest.fixture
async def it(url: str) -> AsyncIterator[Scene]:
    """A switch that is dialled on, a minute after the start, and two orders for it."""
    async with scene(url, parts=()) as running:
        await running.declare("s1")
        declaration = {"commands": [*ALL_BUT_RING_TIMEOUT, "makeCall"], "facts": None, "outbound": 1}
        await running.store.ledger.put_switch(SwitchRow(TENANT, "s1", SOURCE, to_json(declaration).decode()))
        await dial_of(running.store).subscribe(TENANT, "s1")
        await put(running, "A", "B")
        await running.to(60)
        yield running


async def put(it: Scene, *ids: str) -> None:
    end_ms = START_MS + 30_000
    made = [DialOrderRow(name, TENANT, "s1", SOURCE, LANE, "makeCall", None, "{}", START_MS, end_ms) for name in ids]
    await transact(it.store, lambda connection: dial_of(it.store).put(connection, made))


async def facts(it: Scene) -> list[DialFact]:
    return await dial_of(it.store).read_facts(TENANT, "s1", LANE)


async def acknowledge(it: Scene, read: list[DialFact]) -> None:
    await transact(it.store, lambda connection: dial_of(it.store).acknowledge(connection, read))


def milestones(fact: DialFact) -> tuple[int | None, int | None, int | None]:
    return fact.rang_at_ms, fact.answered_at_ms, fact.ended_at_ms


async def test_a_call_is_told_and_acknowledged_as_it_goes_on_while_engines_take_over(it: Scene) -> None:
    revision, told = 0, []
    for each in call_of("7", "A", 0):
        await it.post(each)
        for fact in await facts(it):
            assert fact.revision > revision
            revision = fact.revision
            told.append(milestones(fact))
        await acknowledge(it, await facts(it))
        await it.restart()
    assert told[0] == (None, None, None)
    assert told[-1][2] == START_MS + 30_000
    assert await facts(it) == []
    await it.post(event("s1", "7", "digitsGenerated", 20, {"connection": "c", "digits": "0"}))
    (late,) = await facts(it)
    assert late.revision > revision
    stored = await it.store.ledger.call(TENANT, FIRST)
    assert stored is not None
    assert stored.record is not None
    assert late.record == stored.record.record
    assert from_json(late.record)["digits"] == "10"


async def test_calls_of_others_are_not_told(it: Scene) -> None:
    await it.post(*call_of("7", "not an order", 0))
    await it.post(*call_of("8", "B", 0, switch="s2"))
    await it.post(event("s1", "9", "offered", 59, {"direction": "inbound", "connection": "c"}))
    assert await facts(it) == [], "nor what another switch says of an order"


async def test_two_calls_of_one_order_are_two_facts(it: Scene) -> None:
    await it.post(*call_of("7", "A", 0), *call_of("8", "A", 5))
    assert {fact.call_id for fact in await facts(it)} == {FIRST, call_id(TENANT, SOURCE, "8", 0)}


async def test_the_words_follow_the_log_of_an_idle_switch(it: Scene) -> None:
    for seconds in (61, 75, 120):
        await it.to(seconds)
        standing = await dial_of(it.store).standing(TENANT, "s1", SOURCE)
        assert standing.word is not None
        assert START_MS + (seconds - 1.5) * 1_000 < standing.word.appended_at_ms <= START_MS + seconds * 1_000
        assert standing.word.trusted
        assert standing.last_word_ms is not None
        assert START_MS + (seconds - 6) * 1_000 <= standing.last_word_ms
    it.switches["s1"].heartbeats = False
    await it.to(150)
    silent = await dial_of(it.store).standing(TENANT, "s1", SOURCE)
    assert silent.last_word_ms == START_MS + 120_000
    assert silent.word is not None
    assert silent.word.appended_at_ms > START_MS + 148_000, "all that it said is read"


async def test_an_engine_that_was_taken_over_writes_no_word(it: Scene) -> None:
    old = it.engine
    await it.restart()
    before = await dial_of(it.store).standing(TENANT, "s1", SOURCE)
    it.clock.move_to(it.clock.now_ms() + 1_100)
    with pytest.raises(Fenced):
        await old.drain()
    after = await dial_of(it.store).standing(TENANT, "s1", SOURCE)
    assert after.word == before.word


async def test_a_round_of_words_alone_moves_no_number(it: Scene) -> None:
    """Those that follow commands by number are not woken for nothing."""
    before = await it.store.ledger.committed()
    it.switches["s1"].heartbeats = False
    await it.to(90)
    assert await it.store.ledger.committed() == before


async def test_a_rebuild_tells_nobody_of_calls_that_are_over(it: Scene, url: str, tmp_path: Path) -> None:
    await it.post(*call_of("7", "A", 0))
    await acknowledge(it, await facts(it))
    new = f"sqlite:///{tmp_path}/rebuilt.db"
    rebuilt = await rebuild(Settings.read(db=url), new, SystemClock(), lambda *_: None)
    assert not rebuilt.differs

    def left() -> list[Any]:
        engine = create_engine(new)
        with engine.connect() as connection:
            counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]
        engine.dispose()
        return counts

    assert await asyncio.to_thread(left) == [0, 0, 0]
    assert await facts(it) == []
