"""A turn that cannot stand leaves nothing, and whatever became of its commit, an attempt is ordered once. On both
databases.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from campaigns.context import NAME
from campaigns.dialler.loop import Dialler
from campaigns.ledger import people, turns
from campaigns.ledger.tables import campaigns, contacts, outbound
from cti.dial.rows import OrderState
from cti.errors import LedgerAway, OutcomeUnknown
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    contact,
    contact_of,
    database_of,
    live_numbers_of,
    person_days_of,
    put,
)
from tests.contract.conftest import url_of
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

ONE, TWO = "+8613800000001", "+8613800000002"
ID = f"{CAMPAIGN}-1"


@pytest.fixture(params=("sqlite", "postgresql"))
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(url_of(request.param, request, tmp_path)) as scene_:
        yield scene_


def dialler_of(it: Scene) -> Dialler:
    return next(task for one in it.hosted for task in one.opened.tasks if isinstance(task, Dialler))


def beside(it: Scene, monkeypatch: pytest.MonkeyPatch, act: Callable[[Connection], object], *, times: int = 1) -> None:
    """Between a turn's reading and its writing somebody else's transaction comes, the first `times` times."""
    real, left = turns.write, [times]

    def write(connection: Connection, asked: Sequence[Any]) -> Sequence[Any]:
        dials = any(writes.dialling for writes, _ in asked)
        if dials and left[0]:
            left[0] -= 1
            act(connection)
        return real(connection, asked)

    monkeypatch.setattr(turns, "write", write)


async def begun(it: Scene, *numbers: str) -> DiallingSwitch:
    switch = await DiallingSwitch.declared(it, {one: ["reached"] for one in numbers})
    await switch.to(5)
    of = campaign()
    await put(it, of, [contact(of, no, number) for no, number in enumerate(numbers, 1)])
    return switch


def stale_turns(it: Scene) -> float:
    context = dialler_of(it)._context
    samples = [sample for one in context.metrics.collectors for metric in one.collect() for sample in metric.samples]
    return sum(
        sample.value
        for sample in samples
        if sample.name == "ringback_dialler_turns_total" and sample.labels["ended"] == "stale"
    )


async def orders_of(it: Scene) -> list[OrderState]:
    assert it.store.dial is not None
    return await it.store.dial.read_orders(TENANT, "s1", "main")


@pytest.mark.parametrize("what", ["campaign", "contact", "tenant"])
async def test_what_has_changed_since_it_was_read_undoes_the_turn(
    it: Scene, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The whole transaction is rolled back, the change beside it too: it is made again and again, three times."""
    changes = {
        "campaign": update(campaigns).values(version=campaigns.c.version + 1),
        "contact": update(contacts).values(version=contacts.c.version + 1),
        "tenant": update(outbound).values(version=outbound.c.version + 1),
    }
    beside(it, monkeypatch, lambda connection: connection.execute(changes[what]), times=3)
    switch = await begun(it, ONE)
    await switch.to(60)
    assert stale_turns(it) >= 3
    assert [one.id for one in switch.received] == [f"{ID}.1"]
    [attempt] = await attempts_of(it, ID)
    assert attempt.disposition == "reached"
    assert set((await person_days_of(it)).values()) == {1}


async def test_a_paused_campaign_undoes_the_turn_that_read_it_running(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause that was committed between reading and writing: the row has another version."""
    switch = await begun(it, ONE)
    lane_read = turns.read_lane

    def read(connection: Connection, *asked: Any) -> Any:
        found = lane_read(connection, *asked)
        return found._replace(campaigns=[row._replace(version=row.version - 1) for row in found.campaigns])

    monkeypatch.setattr(turns, "read_lane", read)
    await switch.to(15)
    assert switch.received == []
    assert await orders_of(it) == []
    assert await attempts_of(it, ID) == []
    assert await live_numbers_of(it) == []
    assert await person_days_of(it) == {}
    assert stale_turns(it) > 0


async def test_a_fenced_turn_writes_nothing(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has taken the lane: the epoch has risen."""
    switch = await begun(it, ONE)
    await switch.to(6)
    [lane] = dialler_of(it).lanes.values()
    lane.epoch -= 1
    if database_of(it).alone:
        with pytest.raises(Exception, match="main"):  # a process that lost its own file ends
            await switch.to(20)
    else:
        await switch.to(9)
    assert await attempts_of(it, ID) == []
    assert switch.received == []


@pytest.mark.parametrize("written", [True, False], ids=["it was written", "it was not"])
async def test_after_an_unknown_commit_the_ledger_is_read(
    it: Scene, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    switch = await begun(it, ONE)
    writer = database_of(it).writer(NAME)
    real, left = writer.transact, [1]

    async def transact(*steps: Any, **more: Any) -> list[Any]:
        dials = any(work is turns.write and payload[0].dialling for work, payload in steps)
        if not dials or not left[0]:
            return await real(*steps, **more)
        left[0] -= 1
        if written:
            await real(*steps, **more)
        raise OutcomeUnknown("the connection broke") if written else LedgerAway("the connection broke")

    monkeypatch.setattr(writer, "transact", transact)
    await switch.to(60)
    assert left == [0]
    assert [one.id for one in switch.received] == [f"{ID}.1"]
    assert [one.disposition for one in await attempts_of(it, ID)] == ["reached"]
    assert (await contact_of(it, ID)).state == "reached"


async def test_a_number_that_another_took_meanwhile_is_waited_for(it: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lanes dial one number: the row of the live number decides, the other contact of the turn is dialled."""

    def take(connection: Connection) -> None:
        other = "c000000000000009-1"
        people.take(connection, [people.LiveNumber(TENANT, ONE, other, f"{other}.1", 1)])

    beside(it, monkeypatch, take)
    switch = await begun(it, ONE, TWO)
    await switch.to(12)
    assert [one.number for one in switch.received] == [TWO]
    waiting = await contact_of(it, ID)
    assert (waiting.state, waiting.waits_for, waiting.why) == ("waiting", ONE, "number_busy")
    assert await attempts_of(it, ID) == []
    assert {person for person, _ in await person_days_of(it)} == {"a:A2", f"n:{TWO}"}


async def test_who_waits_for_a_free_number_is_found(it: Scene) -> None:
    """A wake that was lost costs some seconds."""
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign()
    await put(it, of, [contact(of, 1, ONE, waits_for=ONE, next_at_ms=1 << 62)])
    await switch.to(60)
    assert [one.number for one in switch.received] == [ONE]
