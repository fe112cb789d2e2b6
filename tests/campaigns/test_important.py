"""Important customers of an outage are reached with certainty (OUT-1), whatever stands in the way of a call."""

from dataclasses import replace

from campaigns.core.after import HandedOver, Word, after
from campaigns.core.choice import silenced
from campaigns.core.contact import wants_no_calls
from campaigns.core.decide import Close, Dial, Fallback, decide
from campaigns.core.reasons import Channel, Disposition, FallbackKind, State, Why
from campaigns.core.waiting import WaitUntil
from tests.campaigns.cases import FIRST, HOUR, NINE, SECOND, at, contact, outage, tried, world

D = Disposition
PLAN = outage()
CALLS = outage(channels=(Channel.AUTO,))
TEN = at("03-10 10:00")
LANDLINE = "+861088886666"


def test_who_may_not_be_called_is_handed_to_a_person() -> None:
    found = replace(contact(LANDLINE, important=True), barred=frozenset({LANDLINE}))
    assert silenced(found, PLAN)
    barred = world(TEN, do_not_call=True)
    assert decide(found, PLAN, barred, TEN) == Fallback(Why.DO_NOT_CALL, "OUT-1")
    handed = after(found, HandedOver(), PLAN)
    assert handed.state is State.PERSON
    assert isinstance(decide(handed, PLAN, barred, TEN), WaitUntil)


def test_others_who_may_not_be_called_are_suppressed_and_a_letter_tells_where_there_is_one() -> None:
    found = replace(contact(LANDLINE), barred=frozenset({LANDLINE}))
    suppressed = Close(State.SUPPRESSED, Why.DO_NOT_CALL)
    assert decide(found, PLAN, world(TEN, do_not_call=True), TEN) == suppressed
    lettered, important = outage(fallback=FallbackKind.NOTICE), replace(found, important=True)
    assert decide(important, lettered, world(TEN, do_not_call=True), TEN) == suppressed


def test_who_opts_out_is_a_persons_and_called_no_more() -> None:
    found = tried(contact(FIRST, SECOND, important=True), CALLS, D.OPTED_OUT, rang=True)
    assert found.state is State.PERSON
    assert isinstance(decide(found, CALLS, world(TEN), TEN), WaitUntil)
    assert tried(contact(), CALLS, D.OPTED_OUT, rang=True).state is State.SUPPRESSED
    decided = after(found, Word(TEN, D.NO_ANSWER), CALLS)
    assert isinstance(decide(decided, CALLS, world(TEN + HOUR), TEN + HOUR), Dial), "a person let calling go on"
    again = tried(decided, CALLS, D.OPTED_OUT, TEN + HOUR, rang=True)
    assert (again.state, wants_no_calls(again)) == (State.PERSON, True)
    assert not wants_no_calls(replace(again, decided_upto=again.attempts[-1].n))


def test_a_message_that_cannot_be_sent_keeps_no_call_back() -> None:
    away = world(TEN, live_messages=frozenset())
    decision = decide(contact(important=True), PLAN, away, TEN)
    assert isinstance(decision, Dial)
    assert decision.channel is Channel.AUTO
    assert decide(contact(), PLAN, away, TEN) == WaitUntil(None, Why.MESSAGE_GATEWAY_AWAY, "")


def test_it_is_waited_for_while_the_next_call_is_not_due() -> None:
    """Not for that call: the message goes as soon as it can."""
    called = tried(contact(important=True), PLAN, D.NO_ANSWER, TEN)
    soon = TEN + 5_000
    away = WaitUntil(None, Why.MESSAGE_GATEWAY_AWAY, "")
    assert decide(called, PLAN, world(soon, live_messages=frozenset()), soon) == away
    assert isinstance(decide(called, PLAN, world(soon), soon), Dial)


def test_it_is_sent_once_it_can_be() -> None:
    called = tried(contact(important=True), PLAN, D.NO_ANSWER, NINE)
    decision = decide(called, PLAN, world(NINE + HOUR), NINE + HOUR)
    assert isinstance(decision, Dial)
    assert decision.channel is Channel.SMS
