"""A campaign drains: nobody new is called, what has begun goes on to its end, then it is done."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.core.contact import Attempt, Contact, Phone, Step, begun
from campaigns.core.decide import Close, Dial, decide
from campaigns.core.reasons import CampaignState, Channel, Disposition, State, Why
from campaigns.dialler import actions
from campaigns.dialler.draining import drain
from campaigns.errors import WrongState
from campaigns.ledger.tables import contacts
from tests.campaigns import cases
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    campaign_now,
    contact,
    contact_of,
    context_of,
    put,
)
from tests.campaigns.dialler.test_turns import rest
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

NUMBERS = [f"+861380000000{n}" for n in range(1, 6)]
WHO = "desk (7)"


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


async def test_only_those_with_whom_something_was_begun_are_called(it: Scene) -> None:
    """One call a second: two are called, and are busy; then it drains. Both are called again, the others never."""
    switch = await DiallingSwitch.declared(it, {number: ["busy", "reached"] for number in NUMBERS})
    await switch.to(5)
    of = campaign(calls_per_second=1, retry='{"busy": 1}')
    await put(it, of, [contact(of, no, number) for no, number in enumerate(NUMBERS, 1)])
    while len(switch.received) < 2:
        await switch.to(switch.it.now_s + 0.25)
    row = await drain(context_of(it), TENANT, CAMPAIGN, WHO)
    assert (row.state, row.draining) == ("draining", 1)
    await switch.to(20)
    called = {one.number for one in switch.received}
    assert len(called) <= 3, "but for one that was sent already"
    left = [await contact_of(it, f"{CAMPAIGN}-{no}") for no in range(1, 6)]
    assert {(one.state, one.why) for one in left if one.state == "cancelled"} == {("cancelled", "campaign_draining")}
    assert sum(one.state == "cancelled" for one in left) == 5 - len(called)
    assert (await campaign_now(it)).state == "draining"
    due_ms = max(one.next_at_ms for one in left if one.state == "waiting")
    await rest(it, switch, (due_ms - START_MS) / 1000)
    await switch.to(it.now_s + 60)
    assert (await campaign_now(it)).state == "done"
    assert {one.number for one in switch.received} == called, "nobody new"
    ended = [await contact_of(it, f"{CAMPAIGN}-{no}") for no in range(1, 6)]
    assert sorted(one.state for one in ended) == ["cancelled"] * (5 - len(called)) + ["reached"] * len(called)
    tried = [len(await attempts_of(it, one.id)) for one in ended if one.state == "reached"]
    assert tried == [2] * len(called)


async def test_what_was_not_sent_is_taken_back_and_nothing_was_begun(product: Acting) -> None:
    row, (sent, unsent, waiting) = await product.campaign()
    await product.dialled(sent, sent=True)
    await product.dialled(unsent)
    await drain(product.context, TENANT, row.id, WHO)
    assert [(await product.contact(one)).state for one in (sent, unsent, waiting)] == [
        "in_progress", "cancelled", "cancelled"]  # fmt: skip
    assert [one.why for one in await product.tried(unsent)] == ["campaign_draining"]
    assert await product.claimed() == []
    assert await product.told(row) == [("created", None, row.made_by), ("draining", None, WHO)]


async def test_paused_it_drains_on_when_it_is_resumed(product: Acting) -> None:
    row, (contact_, *others) = await product.campaign()
    await product.dialled(contact_, sent=True)
    await actions.pause(product.context, TENANT, row.id, WHO)
    paused = await drain(product.context, TENANT, row.id, WHO)
    assert (paused.state, paused.paused_why) == ("paused", "campaign_paused")
    assert {(await product.contact(one)).state for one in others} == {"cancelled"}
    assert (await actions.resume(product.context, TENANT, row.id, WHO)).state == "draining"
    again = await actions.pause(product.context, TENANT, row.id, WHO, why="failure_spike")
    assert (again.state, again.draining) == ("paused", 1)
    assert (await actions.resume(product.context, TENANT, row.id, WHO)).state == "draining"
    with pytest.raises(WrongState):
        await drain(product.context, TENANT, row.id, WHO)


@pytest.mark.parametrize(
    ("attempt", "is_begun"),
    [
        (None, False),
        ({"step": Step.NOT_DIALLED}, False),
        ({"step": Step.OVER}, False),
        ({"step": Step.OPEN}, True),
        ({"step": Step.HELD}, True),
        ({"step": Step.OVER, "counted": True}, True),
        ({"step": Step.OVER, "rang": True}, True),
        ({"step": Step.OVER, "channel": Channel.SMS}, True),
        ({"step": Step.NOT_DIALLED, "channel": Channel.SMS}, False),
    ],
)
async def test_what_is_begun_the_heart_and_the_ledger_say_alike(
    product: Acting, attempt: dict[str, Any] | None, is_begun: bool
) -> None:
    """The first of three contacts has such an attempt."""
    tried = () if attempt is None else (Attempt(1, 1, attempt.get("channel", Channel.AUTO), "+1", 0, attempt["step"],
            counted=attempt.get("counted", False), rang=attempt.get("rang", False)),)  # fmt: skip
    of = Contact("a", "resident", (Phone("+1", ()),), attempts=tried)
    assert begun(of) is is_begun
    row, (first, *_) = await product.campaign()
    if attempt is not None:
        step, channel = attempt["step"].value, attempt.get("channel", Channel.AUTO).value
        await product.dialled(first, step=step, channel=channel, counted=int(attempt.get("counted", False)),
                              rang=int(attempt.get("rang", False)))  # fmt: skip
        await product.write(lambda connection: _waits(connection, first.id))
        await product.claimed()  # what is open was sent
    await drain(product.context, TENANT, row.id, WHO)
    assert (await product.contact(first)).state == (State.WAITING.value if is_begun else State.CANCELLED.value)


def _waits(connection: Any, contact_: str) -> None:
    connection.execute(contacts.update().where(contacts.c.id == contact_).values(state="waiting"))


def test_the_heart_closes_whom_nobody_has_called_and_calls_the_others_again() -> None:
    drains = cases.campaign(state=CampaignState.DRAINING)
    later = cases.NINE + 6 * cases.HOUR
    again = cases.tried(cases.contact(), drains, Disposition.NO_ANSWER)
    assert decide(cases.contact(), drains, cases.world(later), later) == Close(
        State.CANCELLED, Why.CAMPAIGN_DRAINING)  # fmt: skip
    assert isinstance(decide(again, drains, cases.world(later), later), Dial)
