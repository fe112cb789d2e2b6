"""Every row of the dispositions once in each way it can arise, the order of the rules, and that the table is total."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.dispositions import (
    BY_Q850,
    BY_TONE,
    NO_AGENT_MAX_MINUTES,
    TABLE,
    CallEnd,
    Evidence,
    Followup,
    OrderEnd,
    confirmed,
    may_have_rung,
    said_by,
    verdict,
)
from campaigns.core.reasons import Disposition, KeyAction, NotDialled, State

D = Disposition
K = KeyAction
ENDED = Evidence(end=CallEnd.ENDED)
ANSWERED = replace(ENDED, rang=True, answered=True)
GATED = replace(ANSWERED, has_gate=True)

CAUSES = {1: "invalidNumber", 22: "invalidNumber", 28: "invalidNumber", 17: "busy", 18: "noAnswer", 19: "noAnswer"}
CAUSES |= {20: "poweredOff", 21: "rejected", 34: "congestion", 38: "congestion", 41: "congestion", 42: "congestion"}
CAUSES |= {44: "congestion"}


@pytest.mark.parametrize("cause", range(128))
def test_every_cause_has_its_row(cause: int) -> None:
    assert verdict(replace(ENDED, q850=cause)) == CAUSES.get(cause, "failedOther")


def test_no_cause_at_all_is_failed_other() -> None:
    assert verdict(ENDED) is D.FAILED_OTHER


@pytest.mark.parametrize("cause", [-1, 128, 10**9])
def test_a_cause_outside_the_standard_is_failed_other(cause: int) -> None:
    assert verdict(replace(ENDED, q850=cause)) is D.FAILED_OTHER


@pytest.mark.parametrize(
    ("tone", "expected"),
    [
        ("poweredOff", D.POWERED_OFF),
        ("notReachable", D.POWERED_OFF),
        ("suspended", D.SUSPENDED),
        ("invalidNumber", D.INVALID_NUMBER),
        ("busy", D.BUSY),
        ("noAnswer", D.NO_ANSWER),
        ("congestion", D.CONGESTION),
    ],
)
def test_a_tone_decides_before_the_cause(tone: str, expected: Disposition) -> None:
    assert verdict(replace(ENDED, tone=tone)) is expected
    assert verdict(replace(ENDED, tone=tone, q850=21)) is expected


def test_a_tone_that_is_not_known_leaves_it_to_the_cause() -> None:
    assert verdict(replace(ENDED, tone="gong", q850=17)) is D.BUSY
    assert verdict(replace(ENDED, tone="gong")) is D.FAILED_OTHER
    assert verdict(Evidence(tone="gong")) is D.FAILED_OTHER


def test_the_tests_know_every_cause_and_tone_of_the_table() -> None:
    assert {cause: row.value for cause, row in BY_Q850.items()} == CAUSES
    assert len(BY_TONE) == 7


def test_reached_without_a_gate_is_the_body_to_its_end() -> None:
    assert verdict(replace(ANSWERED, body_ended=True)) is D.REACHED
    assert verdict(ANSWERED) is D.ANSWERED_INCOMPLETE


def test_reached_with_a_gate_needs_the_key_before() -> None:
    assert verdict(replace(GATED, body_ended=True, keys=(K.RIGHT_PARTY,))) is D.REACHED
    assert verdict(replace(GATED, body_ended=True)) is D.ANSWERED_INCOMPLETE
    assert verdict(replace(GATED, keys=(K.RIGHT_PARTY,))) is D.ANSWERED_INCOMPLETE


def test_a_person_who_confirms_has_heard_it() -> None:
    assert verdict(replace(ANSWERED, keys=(K.CONFIRM,))) is D.REACHED
    assert verdict(replace(GATED, keys=(K.CONFIRM,))) is D.ANSWERED_INCOMPLETE, "the gate was not passed"
    assert verdict(replace(ENDED, keys=(K.CONFIRM,), q850=19)) is D.NO_ANSWER, "nobody answered"


def test_our_own_drop_is_no_agent() -> None:
    assert verdict(replace(ANSWERED, dropped=True)) is D.NO_AGENT
    assert verdict(replace(ANSWERED, dropped=True, body_ended=True)) is D.REACHED
    assert verdict(replace(ENDED, dropped=True, q850=16)) is D.FAILED_OTHER, "nobody had answered"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (K.ALREADY_PAID, D.ALREADY_PAID),
        (K.PROMISE, D.PROMISED_TO_PAY),
        (K.WRONG_PARTY, D.WRONG_PARTY),
        (K.OPT_OUT, D.OPTED_OUT),
        (K.NOT_CONVENIENT, D.NOT_CONVENIENT),
    ],
)
def test_a_deciding_key_comes_before_the_rest_of_the_call(key: KeyAction, expected: Disposition) -> None:
    heard = replace(GATED, keys=(K.RIGHT_PARTY, K.QUEUE, key), body_ended=True, agent_answered=True, machine="machine")
    assert verdict(heard) is expected


@pytest.mark.parametrize("key", [K.RIGHT_PARTY, K.REPEAT])
def test_other_keys_decide_nothing(key: KeyAction) -> None:
    assert verdict(replace(GATED, keys=(key,))) is D.ANSWERED_INCOMPLETE


def test_the_last_deciding_key_holds() -> None:
    assert verdict(replace(ANSWERED, keys=(K.ALREADY_PAID, K.PROMISE, K.REPEAT))) is D.PROMISED_TO_PAY
    assert verdict(replace(ANSWERED, keys=(K.PROMISE, K.ALREADY_PAID))) is D.ALREADY_PAID


def test_key_0_is_as_good_as_the_agent() -> None:
    assert verdict(replace(ANSWERED, keys=(K.QUEUE,), agent_answered=True)) is D.REACHED
    assert verdict(replace(ANSWERED, keys=(K.QUEUE,))) is D.NO_AGENT
    assert verdict(replace(ANSWERED, keys=(K.QUEUE,), body_ended=True)) is D.NO_AGENT
    assert verdict(replace(ANSWERED, keys=(K.QUEUE,), machine="machine")) is D.NO_AGENT, "a machine presses no key"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("machine", D.MACHINE),
        ("faxOrModem", D.FAX_OR_MODEM),
        ("human", D.REACHED),
        ("unknown", D.REACHED),
        ("a later word", D.REACHED),
        (None, D.REACHED),
    ],
)
def test_every_machine_result_has_its_row(result: str | None, expected: Disposition) -> None:
    assert verdict(replace(ANSWERED, machine=result, body_ended=True)) is expected


@pytest.mark.parametrize("code", [each for each in D if each is not D.UNKNOWN])
def test_a_code_comes_before_everything(code: Disposition) -> None:
    loud = replace(ANSWERED, keys=(K.OPT_OUT,), machine="machine", order=OrderEnd.EXPIRED, report="delivered")
    assert verdict(replace(loud, code=code.value)) is code


@pytest.mark.parametrize("code", ["", "unknown", "Reached", "chatted", None])
def test_a_code_outside_the_list_says_nothing(code: str | None) -> None:
    assert said_by(code) is None
    assert verdict(replace(ENDED, code=code, q850=17)) is D.BUSY


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("expired", NotDialled.EXPIRED),
        ("notSupported", NotDialled.NOT_SUPPORTED),
        ("busy", D.CONGESTION),
        ("duplicate", D.UNKNOWN),
        ("error", D.UNKNOWN),
        ("invalidConnectionState", D.UNKNOWN),
        ("noOtherAgent", D.UNKNOWN),
        ("a later word", D.UNKNOWN),
        (None, D.UNKNOWN),
    ],
)
def test_every_refusal_has_its_row(reason: str | None, expected: Disposition | NotDialled) -> None:
    assert verdict(Evidence(order=OrderEnd.REFUSED, refusal=reason)) is expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (OrderEnd.EXPIRED, NotDialled.EXPIRED),
        (OrderEnd.WITHDRAWN, NotDialled.WITHDRAWN),
        (OrderEnd.NEVER_SEEN, NotDialled.NEVER_SEEN),
        (OrderEnd.NO_RESULT, D.UNKNOWN),
    ],
)
def test_every_end_of_an_order_has_its_row(end: OrderEnd, expected: Disposition | NotDialled) -> None:
    assert verdict(Evidence(order=end)) is expected


@pytest.mark.parametrize("end", list(OrderEnd))
@pytest.mark.parametrize("reason", ["expired", "busy", "error"])
def test_what_rang_or_was_answered_was_dialled_whatever_the_order_says(end: OrderEnd, reason: str) -> None:
    assert verdict(Evidence(order=end, refusal=reason, rang=True, end=CallEnd.ENDED, q850=19)) is D.NO_ANSWER
    assert verdict(Evidence(order=end, refusal=reason, answered=True)) is D.ANSWERED_INCOMPLETE


@pytest.mark.parametrize("end", [OrderEnd.NO_RESULT, OrderEnd.REFUSED])
def test_the_call_answers_where_the_result_is_missing_or_leaves_it_open(end: OrderEnd) -> None:
    silent = Evidence(order=end, refusal="duplicate")
    assert verdict(replace(silent, q850=17)) is D.BUSY
    assert verdict(replace(silent, tone="poweredOff")) is D.POWERED_OFF
    assert verdict(replace(silent, end=CallEnd.ENDED)) is D.FAILED_OTHER
    assert verdict(replace(silent, end=CallEnd.LOST)) is D.UNKNOWN


def test_a_call_that_did_not_ring_leaves_a_certain_refusal_as_it_is() -> None:
    refused = Evidence(order=OrderEnd.REFUSED, refusal="busy", end=CallEnd.ENDED, q850=17)
    assert verdict(refused) is D.CONGESTION


@pytest.mark.parametrize("end", [CallEnd.LOST, CallEnd.STALE, CallEnd.SILENT, None])
def test_what_nobody_saw_end_is_unknown(end: CallEnd | None) -> None:
    assert verdict(Evidence(end=end)) is D.UNKNOWN
    assert verdict(Evidence(end=end, rang=True)) is D.UNKNOWN
    assert verdict(Evidence(end=end, q850=21)) is D.REJECTED, "the cause was heard before"


@pytest.mark.parametrize(
    ("report", "expected"),
    [("delivered", D.REACHED), ("undeliverable", D.FAILED_OTHER), ("expired", D.FAILED_OTHER), ("?", D.FAILED_OTHER)],
)
def test_a_message_is_judged_by_its_report(report: str, expected: Disposition) -> None:
    assert verdict(Evidence(report=report)) is expected


QUICK = Evidence(end=CallEnd.ENDED, from_start=True, lasted_ms=1_000)


@pytest.mark.parametrize(
    ("found", "may_have"),
    [
        (replace(QUICK, q850=34), False),
        (replace(QUICK, q850=34, lasted_ms=10_000), False),
        (replace(QUICK, q850=34, lasted_ms=10_001), True),
        (replace(QUICK, q850=34, lasted_ms=0), False),
        (replace(QUICK, q850=34, lasted_ms=-1), True),
        (replace(QUICK, q850=34, lasted_ms=None), True),
        (replace(QUICK, q850=34, from_start=False), True),
        (replace(QUICK, tone="suspended"), False),
        (replace(QUICK, tone="gong"), True),
        (QUICK, True),
        (Evidence(end=CallEnd.ENDED, q850=34, lasted_ms=1_000), True),
        (replace(QUICK, q850=16), True),
        (replace(QUICK, q850=31), True),
        (replace(QUICK, q850=34, rang=True), True),
        (replace(QUICK, q850=34, answered=True), True),
        (Evidence(end=CallEnd.ENDED, q850=1), False),
        (Evidence(end=CallEnd.ENDED, tone="invalidNumber"), False),
        (Evidence(order=OrderEnd.REFUSED, refusal="busy"), False),
        (Evidence(report="undeliverable"), False),
    ],
)  # fmt: skip
def test_ringing_is_excluded_only_where_the_call_shows_it(found: Evidence, may_have: bool) -> None:
    """What cannot be excluded counts for the three calls of a day."""
    assert may_have_rung(found) is may_have


def test_confirmed_is_a_key_for_it_or_an_agents_word() -> None:
    assert confirmed(replace(ANSWERED, keys=(K.CONFIRM,)))
    assert confirmed(replace(ANSWERED, keys=(K.QUEUE,), agent_answered=True))
    assert confirmed(replace(ANSWERED, code="reached"))
    assert not confirmed(replace(ANSWERED, keys=(K.QUEUE,)))
    assert not confirmed(replace(ANSWERED, agent_answered=True))
    assert not confirmed(replace(ANSWERED, body_ended=True))
    assert not confirmed(replace(ANSWERED, code="wrongParty"))


ROWS = [
    # disposition, counts, what follows, minutes, at most
    ("reached", True, Followup.STOP, 0, None),
    ("answeredIncomplete", True, Followup.RETRY, 15, None),
    ("noAnswer", True, Followup.RETRY, 60, None),
    ("busy", True, Followup.RETRY, 30, None),
    ("rejected", True, Followup.NEXT_WINDOW, 0, None),
    ("poweredOff", True, Followup.RETRY, 120, None),
    ("suspended", True, Followup.NEXT_NUMBER, 0, None),
    ("invalidNumber", False, Followup.NEXT_NUMBER, 0, None),
    ("congestion", False, Followup.RETRY, 5, 3),
    ("failedOther", False, Followup.RETRY, 15, 3),
    ("promisedToPay", True, Followup.STOP, 0, None),
    ("alreadyPaid", True, Followup.STOP, 0, None),
    ("disputed", True, Followup.STOP, 0, None),
    ("machine", True, Followup.RETRY, 120, None),
    ("faxOrModem", False, Followup.NEXT_NUMBER, 0, None),
    ("noAgent", False, Followup.RETRY, 15, 3),
    ("notConvenient", True, Followup.NEXT_PART, 0, None),
    ("wrongParty", False, Followup.NEXT_NUMBER, 0, None),
    ("callbackAsked", False, Followup.AGREED, 0, 3),
    ("optedOut", False, Followup.STOP, 0, None),
    ("unknown", True, Followup.HOLD, 30, None),
]


def test_the_table_is_the_one_of_the_document() -> None:
    assert [(d.value, row.counts, row.then, row.minutes, row.at_most) for d, row in TABLE.items()] == ROWS
    assert set(TABLE) == set(D)
    assert {d for d, row in TABLE.items() if row.first} == {D.NO_AGENT}
    assert {d for d, row in TABLE.items() if row.beyond} == {D.CONGESTION}
    assert TABLE[D.CONGESTION].beyond is D.FAILED_OTHER


def test_what_stops_says_in_which_state() -> None:
    states = {d: row.state for d, row in TABLE.items() if row.then is Followup.STOP}
    assert states == {
        D.REACHED: State.REACHED,
        D.PROMISED_TO_PAY: State.PROMISED,
        D.ALREADY_PAID: State.PAID,
        D.DISPUTED: State.DISPUTED,
        D.OPTED_OUT: State.SUPPRESSED,
    }
    assert all(row.state is None for row in TABLE.values() if row.then is not Followup.STOP)


words = st.sampled_from(["delivered", "busy", "error", "machine", "faxOrModem", "poweredOff", "reached", "unknown", ""])
any_word = st.none() | words | st.text(max_size=5)
evidence = st.builds(
    Evidence,
    code=any_word,
    order=st.none() | st.sampled_from(OrderEnd),
    refusal=any_word,
    rang=st.booleans(),
    answered=st.booleans(),
    keys=st.lists(st.sampled_from(KeyAction), max_size=4).map(tuple),
    agent_answered=st.booleans(),
    machine=any_word,
    has_gate=st.booleans(),
    body_ended=st.booleans(),
    dropped=st.booleans(),
    tone=any_word,
    q850=st.none() | st.integers(-5, 200),
    end=st.none() | st.sampled_from(CallEnd),
    report=any_word,
)


@given(evidence)
def test_any_evidence_has_one_verdict(found: Evidence) -> None:
    came_to = verdict(found)
    assert isinstance(came_to, Disposition | NotDialled)
    if isinstance(came_to, NotDialled):
        assert not found.rang
        assert not found.answered


def test_who_asked_for_an_agent_is_called_again_within_the_hour() -> None:
    assert TABLE[D.NO_AGENT].minutes <= NO_AGENT_MAX_MINUTES == 60


def test_an_agent_who_was_there_first_spoke_unless_the_network_cut_it() -> None:
    spoke = Evidence(answered=True, agent_first=True, agent_answered=True)
    assert verdict(spoke) is D.REACHED
    assert verdict(replace(spoke, cut=True)) is D.ANSWERED_INCOMPLETE
