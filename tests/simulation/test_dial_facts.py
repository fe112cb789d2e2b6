"""What a dialler learns of the calls that its orders made: the same rows in any order of arrival, whoever writes."""

import random
from typing import Any

import pytest
from pydantic_core import from_json

from cti.core.identity import call_id
from tests.scheduler import START_MS, TENANT, at, event
from tests.simulation.dial_ledger import DialSite, Key, ShakyDialLedger, call_of

SOURCE = "/switches/s1"
FIRST, SECOND = call_id(TENANT, SOURCE, "7", 0), call_id(TENANT, SOURCE, "7", 1)
LATER_S = 1_500.0  # all that is told happened before
Events = list[dict[str, Any]]


def ms(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


async def site_at(seconds: float, **options: Any) -> DialSite:
    site = DialSite(**options)
    await site.engine.start()
    await site.to(seconds)
    return site


async def test_a_row_at_birth_ringing_answer_and_end_and_none_in_between() -> None:
    site = await site_at(0)
    told = []
    for number, each in enumerate(call_of("7", "A", 0)):
        await site.say(each)
        await site.to(5 * number + 5)
        told.append([(row.rang_at_ms, row.answered_at_ms, row.ended_at_ms) for row in site.ledger.rows])
        site.ledger.rows.clear()
    rang, answered, ended = ms(2), ms(10), ms(30)
    assert told == [
        [(None, None, None)], [], [(rang, None, None)], [(rang, answered, None)], [], [], [], [(rang, answered, ended)],
    ]  # fmt: skip
    row = site.ledger.facts["A", FIRST]
    assert (row.source, row.incarnation, row.opened_at_ms) == (SOURCE, 0, ms(0))
    assert row.record is not None
    assert from_json(row.record)["call"] == FIRST


@pytest.mark.parametrize("event_no", [1, 5, 6, 7])
async def test_any_first_kind_that_carries_the_order_gives_birth_to_the_row(event_no: int) -> None:
    """networkReached, digitsGenerated, connectionCleared, callCleared."""
    site = await site_at(60)
    await site.say({**call_of("7", "A", 0)[event_no], "time": at(1), "commandid": "A"})
    await site.to(61)
    row = site.ledger.facts["A", FIRST]
    assert (row.opened_at_ms, row.ended_at_ms, row.record) == (ms(1), None, None)


async def test_the_order_may_be_named_last() -> None:
    site = await site_at(60)
    *before, last = call_of("7", "A", 0)
    del before[0]["commandid"]
    await site.say(*before)
    await site.to(61)
    assert site.ledger.facts == {}
    await site.say({**last, "commandid": "A"})
    await site.to(62)
    assert site.ledger.facts["A", FIRST].ended_at_ms == ms(30)


async def test_a_fact_after_the_end_that_names_the_order_first_brings_the_whole_record() -> None:
    site = await site_at(60)
    events = call_of("7", "A", 0)
    del events[0]["commandid"]
    await site.say(*events)
    await site.to(61)
    await site.say(event("s1", "7", "recordingAvailable", 40, {"recording": "r1"}, commandid="A"))
    await site.to(62)
    row = site.ledger.facts["A", FIRST]
    stored = await site.ledger.call(TENANT, FIRST)
    assert stored is not None
    assert stored.record is not None
    assert row.record == stored.record.record


async def test_two_calls_of_one_order_are_two_rows() -> None:
    site = await site_at(60)
    await site.say(*call_of("7", "A", 0), *call_of("8", "A", 5))
    await site.to(61)
    assert set(site.ledger.facts) == {("A", FIRST), ("A", call_id(TENANT, SOURCE, "8", 0))}


async def test_an_inbound_call_has_no_row_and_neither_has_one_that_names_its_own_command() -> None:
    site = await site_at(0)
    await site.declare("s1")
    await site.take_over()
    await site.beat("s1")
    offered = event("s1", "7", "offered", 0, {"direction": "inbound", "connection": "c"})
    await site.say(offered, event("s1", "7", "queued", 0, {"connection": "c", "queue": "q1"}))
    await site.to(60)
    commands = [row.id for row in site.ledger._commands.values()]
    assert commands, "a caller who waits for a minute is given something"
    await site.say(
        event("s1", "7", "announcementEnded", 50, {"connection": "c", "message": "m"}, commandid=commands[0])
    )
    await site.to(61)
    await site.take_over()
    await site.say(event("s1", "7", "callCleared", 61))
    await site.to(62)
    assert site.ledger.rows == []


@pytest.mark.parametrize("kind", ["commandResult", "messageReport"])
async def test_a_result_gives_birth_to_nothing_and_says_nothing_of_a_call(kind: str) -> None:
    site = await site_at(60)
    data = {"commandid": "A", "state": "done"} if kind == "commandResult" else {"state": "delivered"}
    await site.say(event("s1", "7", kind, 1, data, commandid="A"))
    await site.to(61)
    await site.say(event("s1", "7", "offered", 2, {"direction": "inbound"}))
    await site.say(event("s1", "7", kind, 3, data, commandid="A"))
    await site.to(62)
    assert [row for row in site.ledger.rows if row.call_id] == []


async def test_a_report_reaches_the_order_that_sent_the_message_with_a_call_or_without() -> None:
    site = await site_at(60)
    await site.say(event("s1", "m1", "messageReport", 1, {"state": "undeliverable"}, commandid="M"))
    await site.say(event("s1", "m2", "messageReport", 1, {"state": "delivered"}))
    await site.to(61)
    (first,) = site.ledger.rows
    assert first == site.ledger.facts["M", ""]
    assert (first.source, first.ended_at_ms, first.record) == (SOURCE, ms(1), '{"state":"undeliverable"}')
    await site.take_over()
    await site.say(event("s1", "m1", "offered", 2, {"direction": "inbound"}))
    await site.say(event("s1", "m1", "messageReport", 3, {"state": "delivered"}, commandid="M"))
    await site.to(62)
    last = site.ledger.facts["M", ""]
    assert (last.ended_at_ms, last.record) == (ms(3), '{"state":"delivered"}')
    assert last.revision > first.revision


async def test_a_late_fact_after_the_acknowledgement_is_a_new_and_higher_revision() -> None:
    site = await site_at(60)
    await site.say(*call_of("7", "A", 0))
    await site.to(61)
    (acknowledged,) = site.ledger.facts.values()
    site.ledger.facts.clear()
    await site.take_over()
    await site.say(event("s1", "7", "networkTone", 20, {"connection": "c", "tone": "busy"}))
    await site.to(120)
    (again,) = site.ledger.facts.values()
    assert again.revision > acknowledged.revision
    assert again.record is not None
    assert from_json(again.record)["tone"] == "busy"


async def test_a_record_that_a_timer_revises_rises_without_an_event() -> None:
    """The position stays: the record's own revision tells the two apart, also after a takeover."""
    site = await site_at(0)
    await site.declare("s1")
    await site.take_over()
    await site.beat("s1")
    offered = event("s1", "7", "offered", 0, {"direction": "inbound", "connection": "c"}, commandid="A")
    await site.say(offered, event("s1", "7", "queued", 0, {"connection": "c", "queue": "q1"}))
    now_s = 0
    while not any(row.state == "open" for row in site.ledger._commands.values()):
        now_s += 1
        await site.to(now_s)
        assert now_s < 60, "the caller is given nothing"
    await site.say(event("s1", "7", "callCleared", now_s))
    await site.to(now_s + 0.5)
    ended = site.ledger.facts["A", FIRST]
    await site.to(200)
    revised = site.ledger.facts["A", FIRST]
    assert ended.ended_at_ms is not None
    assert revised.revision > ended.revision, "the command counts as unanswered"
    assert revised.revision >> 20 == ended.revision >> 20


async def test_a_call_that_falls_silent_ends_and_goes_on_again() -> None:
    site = await site_at(0)
    events = call_of("7", "A", 0)
    await site.say(*events[:4])
    await site.to(5 * 3600)
    lost = site.ledger.facts["A", FIRST]
    assert lost.record is not None
    assert from_json(lost.record)["outcome"] == "lost"
    await site.say(event("s1", "7", "digitsGenerated", 5 * 3600, {"connection": "c", "digits": "1"}))
    await site.to(5 * 3600 + 1)
    again = site.ledger.facts["A", FIRST]
    assert (again.ended_at_ms, again.record) == (None, None)
    assert again.revision > lost.revision


async def test_a_quiet_call_goes_on_with_higher_revisions() -> None:
    """Its state is folded anew from its facts: nothing is written twice, and nothing goes back."""
    site = await site_at(0)
    events = call_of("7", "A", 0)
    await site.say(*events[:4])
    await site.to(20)
    (live,) = site.engine.work.layers.base.calls.values()
    assert live.state is None, "it is at rest"
    rows = len(site.ledger.rows)
    await site.say(events[4])
    await site.to(21)
    assert len(site.ledger.rows) == rows
    await site.say(*events[5:])
    await site.to(22)
    assert site.ledger.facts["A", FIRST].ended_at_ms == ms(30)


async def test_an_engine_without_interventions_writes_none() -> None:
    """A rebuild, a replay: what a dialler had to learn it has learnt."""
    site = await site_at(60, on=False)
    await site.declare("s1")
    await site.say(*call_of("7", "A", 0))
    await site.to(120)
    assert await site.ledger.call(TENANT, FIRST) is not None
    assert (site.ledger.rows, site.ledger.said) == ([], [])


# -- any order, any kill -----------------------------------------------------------------------------------------------

USED_AGAIN = [*call_of("7", "A", 0), *call_of("7", "B", 400)]
CLEARED_BY_ORDER = [*call_of("7", "A", 0)[:-2], event("s1", "7", "callCleared", 31, commandid="C")]
TOLD_TWICE = [*call_of("7", "A", 0), *call_of("8", "A", 3), *call_of("9", "B", 4)]
NAMED_IN_ALL = [
    *[{**each, "commandid": "A"} for each in call_of("7", "A", 0)],
    *[{**each, "commandid": "B"} for each in call_of("7", "B", 400)],
]
NEVER_CLEARED = [each for each in NAMED_IN_ALL if "Cleared" not in each["type"] or each["commandid"] == "B"]
DAYS = {
    "used again": USED_AGAIN,
    "cleared by an order": CLEARED_BY_ORDER,
    "two calls": TOLD_TWICE,
    "used again, named in all": NAMED_IN_ALL,
    "used again, named in all, the first without an end": NEVER_CLEARED,
}

CALLS = {
    "cleared by an order": {("A", FIRST), ("C", FIRST)},
    "two calls": {("A", FIRST), ("A", call_id(TENANT, SOURCE, "8", 0)), ("B", call_id(TENANT, SOURCE, "9", 0))},
}


async def told_of(events: Events, seed: int | None = None) -> dict[Key, Any]:
    """What is told in the end; with a seed in any order, with takeovers and acknowledgements between any two rounds."""
    if seed is None:
        site = await site_at(LATER_S)
        await site.say(*events)
        await site.to(LATER_S + 600)
        return site.ledger.told()
    chance = random.Random(seed)
    site = await site_at(LATER_S, ledger=ShakyDialLedger(seed, chance.choice([0.0, 0.05])))
    events = chance.sample(events, len(events))
    now_s = LATER_S
    for each in events:
        await site.say(each)
        if chance.random() < 0.6:
            await (site.engine.step() if chance.random() < 0.3 else site.to(now_s := now_s + chance.random() * 3))
        if chance.random() < 0.3:
            await site.take_over()
    await site.to(now_s + 600)
    return site.ledger.told()


@pytest.mark.parametrize("day", DAYS)
async def test_the_rows_are_the_same_in_any_order_whoever_writes_them(day: str) -> None:
    expected = await told_of(DAYS[day])
    assert set(expected) == CALLS.get(day, {("A", FIRST), ("B", SECOND)})
    for seed in range(20):
        assert await told_of(DAYS[day], seed) == expected, f"seed {seed}"


async def test_ids_used_again_have_a_row_each() -> None:
    expected = await told_of(USED_AGAIN)
    assert {key: row.incarnation for key, row in expected.items()} == {("A", FIRST): 0, ("B", SECOND): 1}
    assert expected["B", SECOND].opened_at_ms == ms(400)


async def test_an_id_that_turns_out_to_be_the_next_call_s_is_taken_back() -> None:
    """A word of the next call, long after the last fact: until the end between them arrives it goes with the first."""
    site = await site_at(LATER_S)
    first, second = call_of("7", "A", 0), call_of("7", "B", 400)
    await site.say(*first[:-2], {**second[2], "commandid": "B"})
    await site.to(LATER_S + 1)
    assert ("B", FIRST) in site.ledger.facts
    await site.say(*first[-2:], second[0], second[-1])
    await site.to(LATER_S + 60)
    assert set(site.ledger.facts) == {("A", FIRST), ("B", SECOND)}


async def test_a_word_of_the_next_call_that_waits_for_its_opening_says_nothing_of_this_one() -> None:
    """Neither when it arrives, nor when the call is folded again, nor when another engine loads it."""
    site = await site_at(LATER_S)
    first, second = call_of("7", "A", 0), call_of("7", "B", 400)
    late = first.pop(5)
    await site.say(*first, {**second[1], "commandid": "B"})
    await site.to(LATER_S + 1)
    await site.say(late)
    await site.to(LATER_S + 2)
    await site.take_over()
    await site.say(event("s1", "7", "recordingAvailable", 40, {"recording": "r1"}, commandid="D"))
    await site.to(LATER_S + 3)
    assert {(row.commandid, row.call_id) for row in site.ledger.rows} == {("A", FIRST), ("D", FIRST)}


async def test_what_is_taken_back_in_the_round_that_would_have_said_it_is_not_said() -> None:
    site = await site_at(LATER_S)
    first, second = call_of("7", "A", 0), call_of("7", "B", 400)
    del first[0]["commandid"]
    await site.say(*first[:-2], {**second[2], "commandid": "B"}, *first[-2:], second[0], second[-1])
    await site.to(LATER_S + 60)
    assert {(row.commandid, row.call_id) for row in site.ledger.rows} == {("B", SECOND)}
