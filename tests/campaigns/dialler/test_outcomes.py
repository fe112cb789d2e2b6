"""What a dial order comes to, from what the ledger keeps of it: every word of the scripted switch, and silence."""

from collections.abc import Sequence
from typing import Any

import pytest

from campaigns.core.after import Ended, HeldLong, NeverDialled
from campaigns.core.reasons import Disposition
from campaigns.dialler.evidence import Script
from campaigns.dialler.judging import judge_all
from campaigns.dialler.outcomes import Judgement, judged, script_of
from cti.dial.rows import ASK_AGAIN_MS, SILENT_MS, UNKNOWN_FINAL_MS, DialFact, OrderState
from tests.campaigns.dialler.known import (
    ANSWERED,
    ARREARS,
    EXPIRES_MS,
    HEARD,
    OPENING,
    OUTAGE,
    SENT_MS,
    SOURCE,
    ask,
    fact,
    order,
    record,
    report,
    word,
)
from tests.campaigns.dialler.rows import campaign_row

D = Disposition
LATE_MS = SENT_MS + 4 * SILENT_MS
ONE_DAY = 86_400_000
SET_UP_S = 10


def look(
    state: OrderState,
    asks: Sequence[OrderState] = (),
    facts: Sequence[DialFact] = (),
    at_ms: int = SENT_MS + 60_000,
    script: Script = ARREARS,
) -> Judgement:
    """At a time at which everything is read."""
    return judged(state, asks, facts, word(at_ms), at_ms, script)


def ended(disposition: D, at_s: float, *, rang: bool = False, confirmed: bool = False) -> Ended:
    return Ended(2, SENT_MS + round(at_s * 1000), disposition, rang=rang, confirmed=confirmed)


def call(
    disposition: D, ended_s: float, made: Any, script: Script = ARREARS, *, rang: bool | None = None, **times: Any
) -> None:
    """A call with this record ends so. `rang`: or may have rung; None: as the facts say."""
    one = fact(made, ended_s=ended_s, **times)
    found = look(order(result="done"), facts=[one], script=script)
    assert found.outcome is not None
    assert isinstance(found.outcome, Ended)
    rang = "rang_s" in times if rang is None else rang
    assert found.outcome[:4] == (2, SENT_MS + round(ended_s * 1000), disposition, rang)
    assert found.settle
    assert found.acknowledge == (one,)
    assert not found.ask
    assert found.columns["call"] == "call-1"


# -- the words of the scripted switch ----------------------------------------------------------------------------------


def test_reached_is_the_gate_passed_and_the_body_heard() -> None:
    call(D.REACHED, 28, record([(14, "1")], [OPENING, HEARD], outcome="answered", machine="human"), **ANSWERED)


def test_without_the_key_the_opening_was_heard_by_nobody_known() -> None:
    call(D.ANSWERED_INCOMPLETE, 28, record([], [OPENING], outcome="answered"), **ANSWERED)


def test_a_body_that_somebody_heard_who_did_not_pass_the_gate_reaches_nobody() -> None:
    call(D.ANSWERED_INCOMPLETE, 28, record([], [OPENING, HEARD], outcome="answered"), **ANSWERED)
    call(D.ANSWERED_INCOMPLETE, 40, record([(30, "1")], [OPENING, HEARD], outcome="answered"), **ANSWERED)


def test_without_a_gate_the_body_is_enough() -> None:
    call(D.REACHED, 28, record([], [OPENING, HEARD], outcome="answered"), OUTAGE, **ANSWERED)


@pytest.mark.parametrize("kept", [[OPENING], [OPENING, (20.0, "body", False)]])
def test_who_hangs_up_early_is_answered_incomplete(kept: Any) -> None:
    call(D.ANSWERED_INCOMPLETE, 21, record([(14, "1")], kept, outcome="answered"), **ANSWERED)


def test_key_0_without_an_agent_is_no_agent_and_with_one_reached() -> None:
    call(D.NO_AGENT, 38, record([(10, "0")], [], outcome="abandoned"), **ANSWERED)
    call(D.REACHED, 38, record([(10, "0")], [], outcome="answered", agent_s=20), **ANSWERED)


@pytest.mark.parametrize(
    ("ended_s", "q850", "disposition"),
    [
        (31, 19, D.NO_ANSWER),
        (2, 17, D.BUSY),
        (1, 1, D.INVALID_NUMBER),
        (1, 22, D.INVALID_NUMBER),
        (1, 28, D.INVALID_NUMBER),
        (1, 34, D.CONGESTION),
        (1, 38, D.CONGESTION),
        (1, 127, D.FAILED_OTHER),
        (1, 3, D.FAILED_OTHER),
        (1, None, D.FAILED_OTHER),
        (1, 18, D.NO_ANSWER),
        (1, 20, D.POWERED_OFF),
        (1, 21, D.REJECTED),
    ],
)
def test_the_network_s_cause_decides_about_an_unanswered_call(ended_s: float, q850: int | None, disposition: D) -> None:
    call(disposition, ended_s, record(q850=q850), rang=ended_s > SET_UP_S or q850 is None)


@pytest.mark.parametrize(
    ("tone", "disposition"), [("poweredOff", D.POWERED_OFF), ("suspended", D.SUSPENDED), ("busy", D.BUSY)]
)
def test_a_tone_says_more_than_the_cause(tone: str, disposition: D) -> None:
    call(disposition, 3, record(q850=20, tone=tone))


@pytest.mark.parametrize(("machine", "disposition"), [("machine", D.MACHINE), ("faxOrModem", D.FAX_OR_MODEM)])
def test_a_machine_is_one_though_it_heard_the_message(machine: str, disposition: D) -> None:
    call(disposition, 11, record([], [OPENING, HEARD], outcome="answered", machine=machine), OUTAGE, **ANSWERED)


@pytest.mark.parametrize(
    ("digits", "disposition"),
    [
        ("2", D.WRONG_PARTY),
        ("3", D.NOT_CONVENIENT),
        ("14", D.ALREADY_PAID),
        ("15", D.PROMISED_TO_PAY),
        ("18", D.OPTED_OUT),
        ("145", D.PROMISED_TO_PAY),
        ("7", D.ANSWERED_INCOMPLETE),
    ],
)
def test_a_key_does_what_the_script_says(digits: str, disposition: D) -> None:
    call(disposition, 20, record([(14, digits)], [OPENING], outcome="answered"), **ANSWERED)


def test_confirming_an_outage_is_certain_knowledge() -> None:
    made = fact(record([(20, "1")], [OPENING], outcome="answered"), ended_s=28, rang_s=1, answered_s=8)
    found = look(order(result="done"), facts=[made], script=OUTAGE)
    assert found.outcome == ended(D.REACHED, 28, rang=True, confirmed=True)


@pytest.mark.parametrize("code", [each for each in D if each is not D.UNKNOWN])
def test_an_agent_s_code_is_stronger_than_all_that_the_call_shows(code: D) -> None:
    call(code, 60, record([(10, "2")], [], outcome="answered", agent_disposition=code.value), **ANSWERED)


def test_a_refused_order_is_congestion_where_no_line_was_free() -> None:
    refused = order(result="refused", reason="busy", result_at_ms=SENT_MS + 40)
    found = look(refused)
    assert (found.outcome, found.settle) == (ended(D.CONGESTION, 0.04), True)


def test_a_refused_order_that_came_too_late_rang_nowhere() -> None:
    found = look(order(result="refused", reason="expired"))
    assert found.outcome == NeverDialled(2, SENT_MS + 60_000)
    assert found.columns == {"sent_at_ms": SENT_MS, "decision": "not_dialled"}


def test_a_switch_that_cannot_dial_pauses_the_campaign() -> None:
    found = look(order(result="refused", reason="notSupported"))
    assert (found.outcome, found.pause, found.settle) == (NeverDialled(2, SENT_MS + 60_000), "cannot_dial", True)


@pytest.mark.parametrize("reason", ["duplicate", "error"])
def test_a_refusal_that_leaves_a_call_possible_is_asked_about(reason: str) -> None:
    refused = order(result="refused", reason=reason)
    assert look(refused, at_ms=EXPIRES_MS).outcome is None
    found = look(refused)
    assert (found.outcome, found.ask, found.settle) == (ended(D.UNKNOWN, 60), True, False)


def test_a_refusal_that_says_nothing_of_the_call_is_held_asked_about_and_final_in_the_end() -> None:
    refused = order(result="refused", reason="invalidConnectionState", result_at_ms=SENT_MS)
    found = look(refused)
    assert (found.outcome, found.ask, found.settle) == (ended(D.UNKNOWN, 0), True, False)
    asked = ask(SENT_MS + 1_000)
    final_ms = asked.order.expires_at_ms + UNKNOWN_FINAL_MS
    assert look(refused, [asked], at_ms=final_ms - 1).look_at_ms == final_ms
    assert look(refused, [asked], at_ms=final_ms).outcome == HeldLong(2, SENT_MS)


def test_an_order_that_was_never_seen_rang_nowhere() -> None:
    never = ask(EXPIRES_MS + 5_001, result="done", answer="never_seen", result_at_ms=EXPIRES_MS + 5_101)
    found = look(order(result=None, result_at_ms=None), [never])
    assert (found.outcome, found.settle) == (NeverDialled(2, SENT_MS + 60_000), True)


@pytest.mark.parametrize(("state", "disposition"), [("delivered", D.REACHED), ("undeliverable", D.FAILED_OTHER)])
def test_a_message_comes_to_what_its_report_says(state: str, disposition: D) -> None:
    one = report(state)
    found = look(order("sendMessage", result="done"), facts=[one])
    assert (found.outcome, found.settle, found.acknowledge) == (ended(disposition, 5), True, (one,))
    assert "call" not in found.columns


# -- what nobody knows -------------------------------------------------------------------------------------------------


def test_silence_is_waited_for_held_asked_about_again_and_final_after_half_an_hour() -> None:
    state, silent_ms = order(), SENT_MS + SILENT_MS
    found = look(state)
    assert (found.outcome, found.ask, found.look_at_ms) == (None, False, silent_ms + 1)
    found = look(state, at_ms=silent_ms + 1)
    assert (found.outcome, found.ask, found.settle) == (Ended(2, silent_ms + 1, D.UNKNOWN), True, False)
    asked = ask(silent_ms + 1)
    closed_ms = silent_ms + 1 + 10_000
    assert look(state, [asked], at_ms=closed_ms - 1).outcome is None
    found = look(state, [asked], at_ms=closed_ms)
    assert (found.outcome, found.ask) == (Ended(2, closed_ms, D.UNKNOWN), False)
    assert found.look_at_ms == closed_ms + ASK_AGAIN_MS
    assert look(state, [asked], at_ms=closed_ms + ASK_AGAIN_MS).ask
    found = look(state, [asked], at_ms=closed_ms + UNKNOWN_FINAL_MS)
    assert (found.outcome, found.ask, found.settle) == (HeldLong(2, closed_ms + UNKNOWN_FINAL_MS), False, False)


def test_a_log_that_lags_makes_nothing_unknown() -> None:
    for said in (None, word(EXPIRES_MS)):
        for state in (order(result=None), order("sendMessage", result="done"), order("sendMessage", result=None)):
            found = judged(state, [], [], said, LATE_MS, ARREARS)
            assert (found.outcome, found.ask, found.settle) == (None, False, False)


def test_a_late_fact_releases_what_was_held() -> None:
    late = fact(record(q850=17), ended_s=2)
    found = look(order(), [ask(SENT_MS + SILENT_MS + 1)], [late], at_ms=LATE_MS)
    assert (found.outcome, found.settle) == (ended(D.BUSY, 2), True)


@pytest.mark.parametrize("outcome", ["lost", "stale"])
def test_a_lost_call_that_shows_nothing_is_held_and_asked_about(outcome: str) -> None:
    lost = fact(record(outcome=outcome), ended_s=30)
    found = look(order(result="done"), facts=[lost])
    assert (found.outcome, found.ask, found.settle) == (ended(D.UNKNOWN, 30), True, False)
    answer = ask(SENT_MS + 61_000, result="done", answer="ended", q850=17, ended_at_ms=SENT_MS + 2_000)
    found = look(order(result="done"), [answer], [lost], at_ms=SENT_MS + 62_000)
    assert (found.outcome, found.settle) == (ended(D.BUSY, 30, rang=True), True)
    found = look(order(result="done"), [ask(SENT_MS + 61_000)], [lost], at_ms=LATE_MS)
    assert found.outcome == HeldLong(2, SENT_MS + 30_000)


def test_a_lost_call_that_was_answered_was_answered() -> None:
    call(D.ANSWERED_INCOMPLETE, 30, record(outcome="lost"), **ANSWERED)


def test_the_switch_s_answer_decides_where_no_fact_came() -> None:
    answer = ask(SENT_MS + SILENT_MS + 1, result="done", answer="ended", q850=19, cause="callNotAnswered")
    answer = answer._replace(ended_at_ms=SENT_MS + 31_000)
    found = look(order(), [answer], at_ms=SENT_MS + SILENT_MS + 200)
    assert (found.outcome, found.settle, found.columns["q850"]) == (ended(D.NO_ANSWER, 31, rang=True), True, 19)


def test_an_answer_may_bring_the_refusal_whose_result_was_lost() -> None:
    expired = ask(SENT_MS + 16_000, result="done", answer="ended", cause="expired")
    assert look(order(result=None), [expired]).outcome == NeverDialled(2, SENT_MS + 60_000)
    busy = expired._replace(cause="busy", ended_at_ms=SENT_MS + 1_000)
    assert look(order(result=None), [busy]).outcome == ended(D.CONGESTION, 1)


@pytest.mark.parametrize("reason", ["duplicate", "error"])
def test_a_refusal_that_leaves_it_open_does_so_in_an_answer_too(reason: str) -> None:
    answer = ask(SENT_MS + 16_000, result="done", answer="ended", cause=reason)._replace(ended_at_ms=SENT_MS + 1_000)
    found = look(order(result=None), [answer])
    assert (found.outcome, found.settle) == (ended(D.UNKNOWN, 1), False)


def test_a_message_without_a_report_ends_unknown_so_that_calling_goes_on() -> None:
    sent = order("sendMessage", result="done")
    assert look(sent).outcome is None
    found = look(sent, at_ms=SENT_MS + SILENT_MS + 1)
    assert (found.outcome, found.settle) == (Ended(2, SENT_MS + SILENT_MS + 1, D.UNKNOWN), True)


def test_a_message_without_a_result_waits_for_its_report_as_long_as_one_with_a_result() -> None:
    """Its process was killed, or the gateway failed in the middle: it may have arrived, and a report says so."""
    sent = order("sendMessage", result=None, result_at_ms=None)
    assert look(sent) == Judgement(None, {"sent_at_ms": SENT_MS}, look_at_ms=SENT_MS + SILENT_MS + 1)
    found = look(sent, at_ms=SENT_MS + SILENT_MS + 1)
    assert (found.outcome, found.settle) == (Ended(2, SENT_MS + SILENT_MS + 1, D.UNKNOWN), True)


# -- orders that are open, live, or two --------------------------------------------------------------------------------


def test_an_open_order_waits_for_its_claim_and_expires_unsent() -> None:
    unsent = order(state="open", sent_at_ms=None, result=None, result_at_ms=None)
    assert look(unsent, at_ms=EXPIRES_MS - 1) == Judgement(None, {}, look_at_ms=EXPIRES_MS)
    found = look(unsent, at_ms=EXPIRES_MS)
    assert (found.outcome, found.settle) == (NeverDialled(2, EXPIRES_MS), True)
    assert found.columns == {"decision": "not_dialled"}


def test_a_withdrawn_order_says_so() -> None:
    found = look(order(state="withdrawn", sent_at_ms=None, result=None))
    assert (found.outcome, found.columns) == (NeverDialled(2, SENT_MS + 60_000), {"decision": "withdrawn"})


def test_a_live_call_shows_how_far_it_has_come_and_keeps_its_fact() -> None:
    found = look(order(result="done"), facts=[fact(None, **ANSWERED)])
    assert (found.outcome, found.settle, found.acknowledge) == (None, False, ())
    assert found.columns == {
        "sent_at_ms": SENT_MS,
        "call": "call-1",
        "rang_at_ms": SENT_MS + 1_000,
        "answered_at_ms": SENT_MS + 8_000,
    }
    assert found.look_at_ms == SENT_MS + 8_000 + SILENT_MS + 1


def test_a_live_call_is_looked_at_when_its_last_sign_is_half_an_hour_old() -> None:
    """Whichever sign that is: here the result came after the fact."""
    heard = fact(None)
    accepted_ms = heard.appended_at_ms + 7_000
    found = look(order(result="accepted", result_at_ms=accepted_ms), facts=[heard])
    assert found.look_at_ms == accepted_ms + SILENT_MS + 1


def test_two_calls_are_an_alarm_and_the_first_is_the_outcome_once_both_are_over() -> None:
    first = fact(record(q850=17), ended_s=2)
    second = fact(None, call="call-2", opened_s=3, rang_s=4)
    found = look(order(result="done"), facts=[second, first])
    assert (found.outcome, found.two_calls, found.settle) == (None, True, False)
    over = fact(record(q850=19), call="call-2", opened_s=3, rang_s=4, ended_s=30)
    found = look(order(result="done"), facts=[over, first])
    assert (found.outcome, found.two_calls, found.settle) == (ended(D.BUSY, 2, rang=True), True, True)
    assert set(found.acknowledge) == {over, first}
    found = look(order(result="done"), facts=[second, first], at_ms=SENT_MS + 4_001 + SILENT_MS)
    assert (found.outcome, found.settle) == (ended(D.BUSY, 2, rang=True), True)
    found = look(order(result="done"), facts=[over, fact(None)])
    assert (found.outcome, found.two_calls, found.settle) == (None, True, False)


def test_the_end_of_a_call_lies_between_its_order_and_now() -> None:
    for ended_s, at_s in ((-3_600, 0), (3_600, 60)):
        found = look(order(result="done"), facts=[fact(record(q850=17), ended_s=ended_s)])
        assert found.outcome == ended(D.BUSY, at_s, rang=True), "nobody knows how long it lasted"


def test_a_call_that_we_cleared_is_our_drop() -> None:
    clearing = ask(SENT_MS + 20_000, result="done")
    clearing = clearing._replace(order=clearing.order._replace(command="clearConnection"))
    one = fact(record([(14, "1")], [OPENING], outcome="answered"), ended_s=21, rang_s=1, answered_s=8)
    assert look(order(result="done"), [clearing], [one]).outcome == ended(D.NO_AGENT, 21, rang=True)


def test_what_the_record_shows_is_kept_with_the_attempt() -> None:
    made = record([(14, "1"), (20, "9")], [HEARD], q850=16, machine="human", outcome="answered")
    found = look(order(result="done"), facts=[fact(made, ended_s=28, rang_s=1, answered_s=8)])
    assert {name: found.columns[name] for name in ("q850", "machine", "digits")} == {
        "q850": 16,
        "machine": "human",
        "digits": "19",
    }
    assert "tone" not in found.columns


def test_key_0_is_offered_only_where_there_is_a_queue() -> None:
    assert "0" not in script_of(campaign_row(queue=None)).keys
    script = script_of(campaign_row(queue="billing"))
    assert script.keys["0"].value == "queue"
    assert script.has_gate
    assert not script_of(campaign_row(kind="outage")).has_gate


def test_that_a_call_was_sent_is_no_news_alone_and_comes_with_what_is_heard_of_it() -> None:
    campaigns, now_ms = {"c0": campaign_row()}, SENT_MS + 900
    assert judge_all([order(result=None)], {}, [], campaigns, {SOURCE: word(now_ms)}, now_ms, {}).news == []
    (news,) = judge_all([order()], {}, [fact(None, opened_s=0.5)], campaigns, {SOURCE: word(now_ms)}, now_ms, {}).news
    assert news.judgement.columns.get("sent_at_ms") == SENT_MS
    (news,) = judge_all([order("sendMessage")], {}, [], campaigns, {SOURCE: word(now_ms)}, now_ms, {}).news
    assert news.judgement.columns == {"sent_at_ms": SENT_MS}, "of a message nothing more may be heard for half an hour"
