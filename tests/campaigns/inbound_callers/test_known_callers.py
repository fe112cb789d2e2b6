"""Contacts who call: what they hear, what the agent sees (OUT-1), and that nobody dials them while they talk."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from campaigns.do_not_call.changing import enter
from campaigns.inbound_callers import looking
from campaigns.inbound_callers.leaving import LASTS_MAX_MS, LOOK_MS, Leaving
from campaigns.ledger import numbers
from campaigns.ledger.rows import DoNotCallRow
from campaigns.ledger.tables import callers as callers_table
from campaigns.ledger.tables import campaigns as campaigns_table
from campaigns.ledger.tables import contacts as contacts_table
from campaigns.ledger.tables import imports as imports_table
from campaigns.ledger.tables import numbers as numbers_table
from tests.campaigns.dialler.acting import Acting, acting
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    contact,
    contact_of,
    context_of,
    live_numbers_of,
    put,
    refusals_of,
)
from tests.campaigns.dialler.made import campaign as campaign_of
from tests.campaigns.inbound_callers.calling import ONE, OUTAGE, TWO, affected, calls_in, hangs_up, heard, outage, rings
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Acting]:
    """The engine and the part, without its loops; a PBX takes calls."""
    async with acting(ready_sqlite(tmp_path / "ringback.db")) as made:
        await made.it.declare("pbx")
        await made.it.to(10)
        yield made


# -- what is heard and seen --------------------------------------------------------------------------------------------


async def test_an_affected_caller_hears_of_the_outage_and_the_agent_sees_it(product: Acting) -> None:
    it, of = product.it, outage()
    await put(it, of, [affected(of, 1, ONE, TWO)])
    await calls_in(it, "call", "013800000002")
    (announcement,) = heard(it, "playMessage")
    assert (announcement["rule"], announcement["connection"], announcement["if_state"]) == ("OUT-1", "c-call", "queued")
    assert announcement["text"] == {
        "zh": "停电公告：因检修，东湖区A13月2日14点停电，预计3月2日16点30分恢复送电。",
        "en": "Power outage: because of 检修, 东湖区A1 is without power from 14:00 on 2 March, expected back at"
        " 16:30 on 2 March.",
    }
    assert heard(it, "promptAgent") == []
    await it.to(20)
    await rings(it, "call")
    (prompt,) = heard(it, "promptAgent")
    assert (prompt["agent"], prompt["rule"], prompt["message"]) == ("1001", "OUT-1", "campaign_contact")
    assert f"联系人{CAMPAIGN}-1" in prompt["text"]["zh"]
    assert "停电" in prompt["text"]["zh"]
    assert ONE[1:] not in str(prompt)
    assert "张三" not in str(prompt)
    await it.to(22)
    await rings(it, "call", "1002")
    assert [one["agent"] for one in heard(it, "promptAgent")] == ["1001", "1002"]
    await hangs_up(it, "call")
    record = await it.record("pbx", "call")
    assert record is not None
    told = [(one["rule"], one["outcome"]) for one in record["interventions"] if one["rule"] == "OUT-1"]
    assert told == [("OUT-1", "done")] * 3


async def test_nothing_is_said_twice_whatever_happens_to_the_engine(product: Acting) -> None:
    it, of = product.it, outage()
    await put(it, of, [affected(of, 1, ONE)])
    await calls_in(it, "call", ONE)
    await it.restart()
    await it.settle()
    await it.to(14)
    await rings(it, "call")
    await it.restart()
    await it.settle()
    await it.to(16)
    assert len(heard(it, "playMessage")) == 1
    assert len(heard(it, "promptAgent")) == 1
    await rings(it, "call", "1002")
    assert len(heard(it, "promptAgent")) == 2, "who has taken over knows the caller too"
    await hangs_up(it, "call")
    record = await it.record("pbx", "call")
    assert record is not None
    assert len([one for one in record["interventions"] if one["rule"] == "OUT-1"]) == 3


async def test_a_caller_is_known_though_the_engine_died_before_it_asked(product: Acting) -> None:
    it, of = product.it, outage()
    await put(it, of, [affected(of, 1, ONE)])
    it.engine.work.callers.asked = False
    await calls_in(it, "call", ONE)
    assert heard(it, "playMessage") == []
    await it.restart()
    await it.settle()
    assert heard(it, "playMessage") == [], "the clock of the switch is not known yet"
    await it.to(15)
    assert len(heard(it, "playMessage")) == 1


OTHERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a draft", {"state": "draft", "started_at_ms": None}, {}),
    ("a stopped campaign", {"state": "stopped", "ended_at_ms": 1}, {}),
    ("a contact that was taken out", {}, {"state": "cancelled"}),
]


@pytest.mark.parametrize(("of", "contacts"), [one[1:] for one in OTHERS], ids=[one[0] for one in OTHERS])
async def test_nobody_hears_of_what_does_not_hold(
    product: Acting, of: dict[str, Any], contacts: dict[str, Any]
) -> None:
    row = outage(**of)
    await put(product.it, row, [affected(row, 1, ONE, **contacts)])
    await calls_in(product.it, "call", ONE)
    await rings(product.it, "call")
    assert heard(product.it, "playMessage") + heard(product.it, "promptAgent") == []
    assert await product.rows(callers_table) == []


@pytest.mark.parametrize("round_", [1, 2])
async def test_an_outage_that_is_cancelled_is_announced_to_nobody(product: Acting, round_: int) -> None:
    """Nor to him who was told of it first, and then that the power stays on; his other outage is."""
    it, of = product.it, outage()
    both = [{**OUTAGE, "cancelled": "yes"}, {**OUTAGE, "area": "西湖区B2"}]
    alone = affected(of, 1, ONE, round=round_, state="reached", items=json.dumps(both[:1]))
    await put(it, of, [alone, affected(of, 2, TWO, round=round_, items=json.dumps(both))])
    await calls_in(it, "one", ONE)
    assert heard(it, "playMessage") == []
    await calls_in(it, "two", TWO)
    (announcement,) = heard(it, "playMessage")
    assert "西湖区B2" in announcement["text"]["zh"]
    assert "东湖区" not in announcement["text"]["zh"]


async def test_a_campaign_that_stops_and_an_import_that_was_taken_back_are_announced_to_nobody(product: Acting) -> None:
    """The wrong file: who was reached by it before, or has its call under way, does not hear it again when he calls."""
    it, of = product.it, outage()
    await put(it, of, [affected(of, 1, ONE, state="reached"), affected(of, 2, TWO)])
    await product.write(lambda connection: connection.execute(update(imports_table).values(state="withdrawing")))
    await calls_in(it, "told", ONE)
    await calls_in(it, "waits", TWO)
    assert heard(it, "playMessage") == []
    back = update(imports_table).values(state="done")
    await product.write(lambda connection: connection.execute(back))
    stops = update(campaigns_table).values(state="stopping")
    await product.write(lambda connection: connection.execute(stops))
    await calls_in(it, "again", ONE)
    assert heard(it, "playMessage") == []


@pytest.mark.parametrize("state", ["done", "expired"])
async def test_who_was_told_hears_of_the_outage_until_it_is_over(product: Acting, state: str) -> None:
    it, row = product.it, outage(state=state, ended_at_ms=1)
    row = row._replace(ended_at_ms=row.made_at_ms)
    soon = json.dumps([{**OUTAGE, "restores_at": "2026-03-02T09:00:30+08:00"}])
    await put(it, row, [affected(row, 1, ONE, state="reached", items=soon)])
    await calls_in(it, "call", ONE)
    assert len(heard(it, "playMessage")) == 1
    assert await product.rows(callers_table) == [], "he is not to be dialled any more"
    await it.to(31)
    await calls_in(it, "later", ONE)
    assert len(heard(it, "playMessage")) == 1


async def test_others_numbers_and_other_tenants_are_not_known(product: Acting) -> None:
    it, of = product.it, outage(tenant="other")
    await put(it, of, [affected(of, 1, ONE)])
    mine = outage(id_="c000000000000002")
    await put(it, mine, [affected(mine, 1, TWO)])
    await calls_in(it, "call", ONE)
    await calls_in(it, "hidden", "")
    assert heard(it, "playMessage") == []
    await calls_in(it, "mine", TWO)
    assert len(heard(it, "playMessage")) == 1


async def test_a_contact_of_another_kind_pops_his_case_and_hears_nothing(product: Acting) -> None:
    it, of = product.it, campaign_of()
    await put(it, of, [contact(of, 1, ONE), contact(of, 2, TWO, state="reached")])
    await calls_in(it, "call", ONE)
    await rings(it, "call")
    (prompt,) = heard(it, "promptAgent")
    assert (prompt["rule"], heard(it, "playMessage")) == ("BILL-1", [])
    assert "110.00" not in str(prompt)
    await calls_in(it, "done", TWO)
    await rings(it, "done", "1002")
    assert len(heard(it, "promptAgent")) == 1, "nothing is open with him"


async def test_a_part_that_fails_harms_no_call_and_is_asked_again(
    product: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    it, of = product.it, outage()
    await put(it, of, [affected(of, 1, ONE)])
    asked: list[int] = []

    def fails(connection: Connection, callers: Any, now_ms: int) -> Any:
        asked.append(len(callers))
        if len(asked) < 3:
            raise RuntimeError("for a test")
        return found(connection, callers, now_ms)

    found = looking._find
    monkeypatch.setattr(looking, "_find", fails)
    await calls_in(it, "call", ONE)
    await rings(it, "call")
    assert (await it.call("GET", "/v1/calls?state=live"))[1]["calls"] != []
    assert heard(it, "promptAgent") == []
    await it.to(13)
    assert asked == [1, 1, 1]
    assert len(heard(it, "promptAgent")) == 1


# -- nobody dials who calls --------------------------------------------------------------------------------------------


async def test_an_order_that_was_not_sent_is_withdrawn_when_its_contact_calls(product: Acting) -> None:
    _, (one, _, _) = await product.campaign(started_at_ms=product.now_ms)
    number = numbers._numbers_of([one])[0][1]
    attempt = await product.dialled(one)
    await calls_in(product.it, "call", number)
    assert (await product.order(attempt.command)).state == "withdrawn"
    (tried,) = await product.tried(one)
    assert (tried.decision, tried.why, (await product.contact(one)).state) == ("withdrawn", "number_busy", "waiting")
    assert await product.calls(one) == {0}, "it counts for nothing"
    assert await live_numbers_of(product.it) == [number, f"a:{one.account}"]
    assert await product.claimed() == []
    await hangs_up(product.it, "call")
    assert await live_numbers_of(product.it) == []
    assert await product.rows(callers_table) == []


async def test_an_order_that_was_sent_goes_on_and_the_line_is_taken_after_it(product: Acting) -> None:
    it = product.it
    _, (one, _, _) = await product.campaign(started_at_ms=product.now_ms)
    number = numbers._numbers_of([one])[0][1]
    attempt = await product.dialled(one, sent=True)
    await calls_in(it, "call", number)
    assert (await product.order(attempt.command)).state == "sent"
    rows = {row["number"]: row["command"] for row in await product.rows(looking.people.live_numbers)}
    assert rows[number] == attempt.command
    await product.write(lambda connection: looking.people.leave(connection, TENANT, {(number, str(attempt.command))}))
    leaving = Leaving(product.context, it.host)
    assert not await leaving.step()
    rows = {row["number"]: row["command"] for row in await product.rows(looking.people.live_numbers)}
    assert rows[number].startswith("in:")


async def test_who_calls_may_ask_not_to_be_called(product: Acting) -> None:
    """His own call is no order that could be taken back."""
    it, of = product.it, campaign_of()
    await put(it, of, [contact(of, 1, ONE)])
    await calls_in(it, "call", ONE)
    row = DoNotCallRow(TENANT, ONE, "d1", "optedOut", product.now_ms, None, product.now_ms, "an agent")
    entered = await enter(product.context, row)
    assert (entered.is_new, entered.withdrawn) == (True, 0)
    assert await live_numbers_of(it) == [ONE, "a:A1"]


async def test_a_line_is_free_when_the_last_of_its_calls_has_ended(product: Acting) -> None:
    it, of = product.it, campaign_of()
    await put(it, of, [contact(of, 1, ONE)])
    await calls_in(it, "first", ONE)
    await calls_in(it, "second", ONE)
    await hangs_up(it, "first")
    assert await live_numbers_of(it) == [ONE, "a:A1"]
    await hangs_up(it, "second")
    assert await live_numbers_of(it) == []


@pytest.mark.parametrize("ends", [True, False])
async def test_a_call_whose_end_nobody_told_leaves_its_line_all_the_same(product: Acting, ends: bool) -> None:
    """The engine dies before it says so; or the call's end is never known."""
    it, of = product.it, campaign_of()
    await put(it, of, [contact(of, 1, ONE)])
    await calls_in(it, "call", ONE)
    it.engine._callers._keys.clear()
    leaving = Leaving(product.context, it.host)
    assert not await leaving.step()
    if ends:
        await hangs_up(it, "call")
        await it.to(it.now_s + LOOK_MS / 1000)
    else:
        await product.write(
            lambda connection: connection.execute(
                update(callers_table).values(since_ms=product.now_ms - LASTS_MAX_MS - 1)
            )
        )
        await it.to(it.now_s + LOOK_MS / 1000)
    assert await live_numbers_of(it) == [ONE, "a:A1"]
    assert await leaving.step()
    assert await live_numbers_of(it) == []


async def test_numbers_go_when_nobody_is_looked_for_any_more(product: Acting) -> None:
    it, of, ended = product.it, campaign_of(), campaign_of("c000000000000002")
    over = outage(id_="c000000000000003", state="done", ended_at_ms=product.now_ms)
    for row in (of, ended, over):
        await put(it, row, [contact(row, 1, ONE, TWO)])
    await product.write(
        lambda connection: connection.execute(
            update(campaigns_table)
            .where(campaigns_table.c.id == ended.id)
            .values(state="done", ended_at_ms=product.now_ms)
        )
    )
    kept_ms = product.now_ms + numbers.OUTAGE_KEPT_MS
    gone = [
        (await product.write(lambda connection, at=at_ms: numbers.purge(connection, at)))[0]
        for at_ms in (product.now_ms, product.now_ms, kept_ms + 1, kept_ms + 1)
    ]
    assert gone == [2, 0, 2, 0]
    assert {row["campaign"] for row in await product.rows(numbers_table)} == {of.id}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    """With every loop."""
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        await scene_.declare("pbx")
        yield scene_


async def test_a_contact_who_talks_is_dialled_once_he_has_hung_up(it: Scene) -> None:
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign_of(state="paused", paused_why="campaign_paused")
    await put(it, of, [contact(of, 1, ONE), contact(of, 2, TWO)])
    await calls_in(it, "call", ONE)

    def resume(connection: Connection) -> None:
        connection.execute(update(campaigns_table).values(state="running", version=2))
        connection.execute(update(contacts_table).values(next_at_ms=of.made_at_ms))

    await context_of(it).write(looking.run_each, resume)
    await switch.to(40)
    assert [one.number for one in switch.received] == [TWO]
    waiting = await contact_of(it, f"{CAMPAIGN}-1")
    assert (waiting.why, waiting.waits_for) == ("number_busy", "a:A1")
    assert [one.why for one in await refusals_of(it, waiting.id)] == ["number_busy"]
    await hangs_up(it, "call")
    await switch.to(43)
    assert [one.number for one in switch.received] == [TWO, ONE]
