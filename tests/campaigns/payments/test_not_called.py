"""Who is on the do-not-call list is not called: in `decide`, and by the dialler at the real door."""

import json
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import insert

from campaigns.core.choice import next_call, silenced
from campaigns.core.contact import Attempt, Contact, Phone, Step
from campaigns.core.reasons import Channel, Disposition, State
from campaigns.dialler.actions import run_each
from campaigns.do_not_call.changing import enter
from campaigns.do_not_call.entries import entry_id
from campaigns.ledger import do_not_call, turns
from campaigns.ledger.rows import DoNotCallRow
from campaigns.ledger.tables import do_not_call as table
from cti.sql.bulk import _as_arrays, _values_statement, driver_of
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    contact,
    contact_of,
    context_of,
    database_of,
    notices_of,
    put,
    refusals_of,
)
from tests.campaigns.shipped import SHANGHAI
from tests.campaigns.test_decide import campaign as plan_of
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

ONE, TWO = "+8613800000001", "+8613800000002"
PHONES = tuple(Phone(number, (SHANGHAI,)) for number in (ONE, TWO))


def entry(line: str, now_ms: int, reason: str = "asked", **times: Any) -> DoNotCallRow:
    row = DoNotCallRow(TENANT, line, entry_id(TENANT, line, now_ms), reason, now_ms, None, now_ms, "desk (7)")
    return row._replace(**times)


async def entered(it: Scene, line: str, **more: Any) -> None:
    context = context_of(it)
    await enter(context, entry(line, context.now_ms(), **more))


async def entries(it: Scene) -> list[tuple[str, str, str]]:
    found = await database_of(it).reader.run(do_not_call.page, TENANT, None, 100)
    return sorted((row.line, row.reason, row.who) for row in found)


# -- the choice --------------------------------------------------------------------------------------------------------


def test_a_barred_number_is_left_out_and_with_none_left_nobody_is_called() -> None:
    plan, person = plan_of(), Contact("A1", "resident", PHONES)
    first = next_call(replace(person, barred=frozenset({ONE})), plan)
    assert first is not None
    assert first.phone.number == TWO
    none = replace(person, barred=frozenset({ONE, TWO}))
    assert next_call(none, plan) is None
    assert silenced(none, plan)
    assert not silenced(person, plan)


def test_who_has_only_retired_numbers_is_not_silenced() -> None:
    wrong = Attempt(1, 1, Channel.AUTO, ONE, 0, Step.OVER, 1, Disposition.WRONG_PARTY)
    person = Contact(
        "A1", "resident", PHONES[:1], attempts=(wrong,), barred=frozenset({ONE}), strangers=frozenset({ONE})
    )
    assert not silenced(person, plan_of()), "it has no number, with or without the list"


def test_a_message_still_goes_but_not_to_a_stranger() -> None:
    plan = plan_of(channels=(Channel.SMS, Channel.AUTO))
    person = Contact("A1", "resident", PHONES[:1], barred=frozenset({ONE}))
    choice = next_call(person, plan)
    assert choice is not None
    assert (choice.channel, choice.phone.number) == (Channel.SMS, ONE)
    assert next_call(replace(person, strangers=frozenset({ONE})), plan) is None


# -- the dialler -------------------------------------------------------------------------------------------------------


async def begun(it: Scene, scripts: dict[str, list[str]], *rows: tuple[str, ...]) -> DiallingSwitch:
    switch = await DiallingSwitch.declared(it, scripts)
    await switch.to(5)
    of = campaign()
    await put(it, of, [contact(of, no, *numbers) for no, numbers in enumerate(rows, 1)])
    return switch


async def test_the_next_number_is_called_and_with_none_left_the_notice_goes_written(url: str) -> None:
    async with scene(url) as it:
        await entered(it, ONE)
        await entered(it, "a:A3")
        switch = await begun(it, {TWO: ["reached"]}, (ONE, TWO), (ONE,), ("+8613800000003",))
        await switch.to(60)
        assert [one.number for one in switch.received] == [TWO]
        states = [(await contact_of(it, f"{CAMPAIGN}-{n}")).state for n in (1, 2, 3)]
        assert states == ["reached", "suppressed", "suppressed"]
        assert [(one.contact, one.state) for one in await notices_of(it, CAMPAIGN)] == [
            (f"{CAMPAIGN}-2", "pending"), (f"{CAMPAIGN}-3", "pending")
        ]  # fmt: skip
        assert await refusals_of(it, f"{CAMPAIGN}-2") == []


async def test_an_entry_that_is_made_after_a_turn_looked_at_its_clock_holds_for_its_orders(url: str) -> None:
    """The turn's transaction is late, or the clock of who made the entry is a little ahead."""
    async with scene(url) as it:
        context = context_of(it)
        inner, acted = context.writer.transact, list[int]()

        async def transact(*steps: Any, **more: Any) -> Any:
            if steps[0][0] is turns.write and steps[0][1][0].dialling and not acted:
                acted.append(1)
                later_ms = context.now_ms() + 130
                for line in (f"a:{contact(campaign(), 1, ONE).account}", TWO):
                    await enter(context, entry(line, later_ms))
            return await inner(*steps, **more)

        context.writer.transact = transact
        switch = await begun(it, {}, (ONE,), (TWO,))
        await switch.to(60)
        assert acted
        assert switch.received == []
        assert [(await contact_of(it, f"{CAMPAIGN}-{n}")).state for n in (1, 2)] == ["suppressed"] * 2


@pytest.mark.parametrize("word", ["key:8", "key:2"])
async def test_who_asks_not_to_be_called_or_is_somebody_else_is_called_by_nobody(url: str, word: str) -> None:
    """In the turn that hears of it too: the other account of the number waits for it to be free."""
    async with scene(url) as it:
        switch = await begun(it, {ONE: [word, "reached"]}, (ONE,), (ONE,))
        await switch.to(120)
        assert [one.id for one in switch.received] == [f"{CAMPAIGN}-1.1"]
        (attempt,) = await attempts_of(it, f"{CAMPAIGN}-1")
        assert attempt.disposition == {"key:8": "optedOut", "key:2": "wrongParty"}[word]
        assert await entries(it) == [(ONE, attempt.disposition, "dialler")]
        assert (await contact_of(it, f"{CAMPAIGN}-2")).state == "suppressed"


async def test_an_entry_holds_from_its_beginning_to_its_end(url: str) -> None:
    async with scene(url) as it:
        now_ms = context_of(it).now_ms()
        await entered(it, ONE, until_ms=now_ms + 1)
        await entered(it, TWO, since_ms=now_ms + 3_600_000)
        switch = await begun(it, {ONE: ["reached"], TWO: ["reached"]}, (ONE,), (TWO,))
        await switch.to(60)
        assert sorted(one.number for one in switch.received) == [ONE, TWO]


async def test_what_a_call_came_to_makes_an_entry_last(url: str) -> None:
    """One that a person gave an end has none any more, and its own beginning."""
    async with scene(url) as it:
        now_ms = context_of(it).now_ms()
        await entered(it, ONE, until_ms=now_ms + 10_000, since_ms=now_ms - 5)

        def keep(connection: Any) -> None:
            do_not_call.keep(connection, [entry(ONE, now_ms, "optedOut")])

        await context_of(it).write(run_each, keep)
        row = await database_of(it).reader.run(do_not_call.read, TENANT, ONE)
        assert row is not None
        assert (row.since_ms, row.until_ms, row.reason) == (now_ms - 5, None, "optedOut")


# -- the look-up -------------------------------------------------------------------------------------------------------


async def test_the_look_up_is_by_index(product: Acting) -> None:
    lines = [f"+86139{n:08d}" for n in range(2_000)]
    rows = [entry(line, product.now_ms)._asdict() for line in lines]
    await product.write(lambda connection: connection.execute(insert(table), rows))

    def plan(connection: Any) -> str:
        """Of the statement that the look-up is."""
        find, driver = do_not_call._find, driver_of(connection)
        asked = [(TENANT, lines[7]), (TENANT, "a:A1")]
        if connection.dialect.name == "sqlite":
            values = [*chain.from_iterable(asked), len(asked)]
            rows = driver.execute(f"EXPLAIN QUERY PLAN {_values_statement(find, len(asked))}", values).fetchall()
        else:
            driver.execute("SET LOCAL enable_seqscan = off")
            rows = driver.execute(b"EXPLAIN " + find._from_arrays, _as_arrays(asked)).fetchall()
        return json.dumps([list(map(str, row)) for row in rows])

    found = await product.context.reader.run(plan)
    assert "PRIMARY KEY" in found or "campaign_do_not_call_pkey" in found, found
    holding = await product.context.reader.run(do_not_call.holding, TENANT, [lines[7], ONE], product.now_ms)
    assert holding == {lines[7]: "asked"}
    assert await product.context.reader.run(do_not_call.holding, "other", [lines[7]], product.now_ms) == {}


async def test_an_order_that_was_not_sent_is_withdrawn(product: Acting) -> None:
    _, (unsent, sent, _) = await product.campaign()
    await product.dialled(sent, sent=True)
    await product.dialled(unsent)
    for row in (unsent, sent):
        (number,) = [phone[0] for phone in json.loads(row.phones)]
        done = await enter(product.context, entry(number, product.now_ms))
        assert done.withdrawn == (row == unsent)
    assert await product.claimed() == []
    (gone,) = await product.tried(unsent)
    assert (gone.decision, gone.why) == ("withdrawn", "do_not_call")
    assert (await product.contact(sent)).state == State.IN_PROGRESS
