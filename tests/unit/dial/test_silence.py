"""What an order has come to: each row of the rules once in each way it can arise, and what must hold for all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.dial.rows import (
    ASK_AFTER_MS,
    ASK_AGAIN_MS,
    MESSAGE_GATEWAY,
    SILENT_MS,
    UNKNOWN_FINAL_MS,
    DialFact,
    DialOrderRow,
    OrderState,
    SourceWord,
)
from cti.dial.silence import (
    AskNow,
    CallEnded,
    Judged,
    Live,
    NeverRang,
    NotSentYet,
    Refused,
    TwoCalls,
    Unknown,
    Waiting,
    judge,
)
from schemas.reasons import RefusalReason

MADE, SENT, EXPIRES = 1_000_000, 1_001_000, 1_010_000
ASKED_FROM = EXPIRES + ASK_AFTER_MS  # an order without any sign is silent after this
MINUTE = 60_000


def order(command: str = "makeCall", **changed: Any) -> OrderState:
    about = None if command in ("makeCall", "sendMessage") else "a"
    switch = MESSAGE_GATEWAY if changed.pop("at_gateway", False) else "s"
    row = DialOrderRow("a", "grid", switch, "/switches/s", "t", command, about, "{}", MADE, EXPIRES)
    state = OrderState(row, 1, SENT, 1, "sent", None, None, None, None, None, None, None, None)
    return state._replace(**changed)


def ask(at_ms: int, valid_ms: int = 10_000, **changed: Any) -> OrderState:
    """A question that is put at this time."""
    row = DialOrderRow("b", "grid", "s", "/switches/s", "t", "snapshotCall", "a", "{}", at_ms, at_ms + valid_ms)
    made = OrderState(row, 2, at_ms, 1, "sent", None, None, None, None, None, None, None, None)
    return made._replace(**changed)


def answered(at_ms: int, answer: str) -> OrderState:
    return ask(at_ms, result="done", answer=answer, result_at_ms=at_ms + 100)


def fact(at_ms: int, call: str = "x", **changed: Any) -> DialFact:
    made = DialFact("grid", "/switches/s", "a", call, 0, at_ms, at_ms, None, None, None, None, at_ms)
    return made._replace(**changed)


def word(at_ms: int) -> SourceWord:
    return SourceWord(at_ms, 5, True, at_ms)


OPEN = order(sent_at_ms=None, epoch=None, state="open")
WITHDRAWN = order(sent_at_ms=None, epoch=None, state="withdrawn")
ACCEPTED = order(result="accepted", result_at_ms=SENT + 50)
DONE = order(result="done", result_at_ms=SENT + 80)
ACCEPTED_SILENT = SENT + 50 + SILENT_MS
LATE = EXPIRES + 10 * SILENT_MS
RINGS, ENDED = fact(SENT + 100), fact(SENT + 100, ended_at_ms=SENT + 200, record="{}")
AGAIN = ENDED._replace(revision=RINGS.revision + 1)
FACT_SILENT = SENT + 100 + SILENT_MS
FIRST_ASK = ASKED_FROM + 1_000
NO_ANSWER = ask(FIRST_ASK)
CLOSED = FIRST_ASK + 10_000


def refused(reason: str) -> OrderState:
    return order(result="refused", reason=reason, result_at_ms=SENT + 50)


ROWS: list[tuple[str, OrderState, list[OrderState], list[DialFact], SourceWord | None, int, Judged]] = [
    ("open", OPEN, [], [], None, EXPIRES - 1, NotSentYet()),
    ("open at its expiry: no claim takes it", OPEN, [], [], None, EXPIRES, NeverRang("expired")),
    ("withdrawn", WITHDRAWN, [], [], None, MADE, NeverRang("withdrawn")),
    ("refused as expired", refused("expired"), [], [], None, SENT + 60, NeverRang("refused_expired")),
    ("refused as busy", refused("busy"), [], [], None, SENT + 60, Refused("busy")),
    ("refused, not supported", refused("notSupported"), [], [], word(LATE), LATE, Refused("notSupported")),
    ("refused as a duplicate", refused("duplicate"), [], [], None, SENT + 60, Waiting(ASKED_FROM + 1)),
    ("the same, silent", refused("duplicate"), [], [], word(LATE), ASKED_FROM + 1, AskNow()),
    ("refused with an error, silent", refused("error"), [], [], word(LATE), ASKED_FROM + 1, AskNow()),
    ("sent", order(), [], [], word(LATE), SENT, Waiting(ASKED_FROM + 1)),
    ("sent, to the millisecond", order(), [], [], word(LATE), ASKED_FROM, Waiting(ASKED_FROM + 1)),
    ("sent, silent", order(), [], [], word(ASKED_FROM + 1), ASKED_FROM + 1, AskNow()),
    ("sent, the log lags", order(), [], [], word(ASKED_FROM), LATE, Waiting(None)),
    ("sent, a partition says nothing", order(), [], [], None, LATE, Waiting(None)),
    ("accepted", ACCEPTED, [], [], word(LATE), ACCEPTED_SILENT, Waiting(ACCEPTED_SILENT + 1)),
    ("accepted, silent", ACCEPTED, [], [], word(LATE), ACCEPTED_SILENT + 1, AskNow()),
    ("accepted, the log lags", ACCEPTED, [], [], word(ACCEPTED_SILENT), LATE, Waiting(None)),
    ("done", DONE, [], [], word(LATE), SENT + SILENT_MS, Live(None, SENT + 81 + SILENT_MS)),
    ("done, silent", DONE, [], [], word(LATE), SENT + 81 + SILENT_MS, AskNow()),
    ("it rings", order(), [], [RINGS], None, ASKED_FROM + 1, Live(RINGS, FACT_SILENT + 1)),
    ("it rings, for long", order(), [], [RINGS], word(LATE), FACT_SILENT, Live(RINGS, FACT_SILENT + 1)),
    ("it rings, silent", order(), [], [RINGS], word(LATE), FACT_SILENT + 1, AskNow()),
    ("it rings, the log lags", order(), [], [RINGS], word(FACT_SILENT), LATE, Waiting(None)),
    ("it has ended", order(), [], [ENDED], None, SENT + 300, CallEnded(ENDED, None)),
    ("it has ended, of an order that was withdrawn", WITHDRAWN, [], [ENDED], None, MADE, CallEnded(ENDED, None)),
    ("it rings, of an order that is open", OPEN, [], [RINGS], None, EXPIRES, Live(RINGS, FACT_SILENT + 1)),
    ("it rings, of one that was refused", refused("busy"), [], [RINGS], None, EXPIRES, Live(RINGS, FACT_SILENT + 1)),
    ("asked", order(), [NO_ANSWER], [], word(LATE), CLOSED - 1, Waiting(CLOSED)),
    ("no answer", order(), [NO_ANSWER], [], word(LATE), CLOSED, Unknown(final=False, ask_again=False)),
    (
        "no answer for a minute", order(), [NO_ANSWER], [], word(LATE), CLOSED + ASK_AGAIN_MS,
        Unknown(final=False, ask_again=True),
    ),
    (
        "no answer for nearly 30 min", order(), [NO_ANSWER], [], word(LATE), CLOSED + UNKNOWN_FINAL_MS - 1,
        Unknown(final=False, ask_again=True),
    ),
    (
        "no answer for 30 min", order(), [NO_ANSWER], [], word(LATE), CLOSED + UNKNOWN_FINAL_MS,
        Unknown(final=True, ask_again=False),
    ),
    (
        "asked again, the 30 min go on", order(), [NO_ANSWER, ask(CLOSED + 25 * MINUTE)], [], word(LATE),
        CLOSED + UNKNOWN_FINAL_MS, Unknown(final=True, ask_again=False),
    ),
    (
        "asked again", order(), [NO_ANSWER, ask(CLOSED + MINUTE)], [], word(LATE), CLOSED + MINUTE + 5,
        Waiting(CLOSED + MINUTE + 10_000),
    ),
    (
        "the question is refused", order(), [ask(FIRST_ASK, result="refused", reason="error", result_at_ms=FIRST_ASK)],
        [], word(LATE), FIRST_ASK, Unknown(final=False, ask_again=False),
    ),
    (
        "the question was never sent", order(), [ask(FIRST_ASK, sent_at_ms=None, state="open")], [], word(LATE),
        CLOSED, Unknown(final=False, ask_again=False),
    ),
    ("never seen", order(), [answered(FIRST_ASK, "never_seen")], [], word(LATE), CLOSED, NeverRang("never_seen")),
    (
        "never seen, asked too early", order(), [answered(ASKED_FROM, "never_seen")], [], word(LATE), LATE, AskNow(),
    ),
    (
        "never seen, but accepted", ACCEPTED, [answered(ACCEPTED_SILENT + 1, "never_seen")], [], word(LATE),
        ACCEPTED_SILENT + MINUTE, Unknown(final=False, ask_again=False),
    ),
    (
        "never seen, but a duplicate", refused("duplicate"), [answered(FIRST_ASK, "never_seen")], [], word(LATE),
        CLOSED, Unknown(final=False, ask_again=False),
    ),
    (
        "never seen, but an error", refused("error"), [answered(FIRST_ASK, "never_seen")], [], word(LATE),
        CLOSED, Unknown(final=False, ask_again=False),
    ),
    (
        "never seen, but it rang", order(), [answered(FACT_SILENT + 1, "never_seen")], [RINGS], word(LATE),
        FACT_SILENT + MINUTE, Unknown(final=False, ask_again=False),
    ),
    (
        "never seen, by whoever has the switch's name now", order(), [answered(FIRST_ASK, "never_seen")], [],
        word(LATE)._replace(declared=False), CLOSED, Unknown(final=False, ask_again=False),
    ),
    (
        "never seen, and the log lags now", order(), [answered(FIRST_ASK, "never_seen")], [], word(SENT), CLOSED,
        Waiting(None),
    ),
    (
        "ended, says the switch", order(), [answered(FIRST_ASK, "ended")], [], None, CLOSED,
        CallEnded(None, answered(FIRST_ASK, "ended")),
    ),
    (
        "ended, says the switch of one that rings", order(), [answered(FIRST_ASK, "ended")], [RINGS], None, CLOSED,
        CallEnded(RINGS, answered(FIRST_ASK, "ended")),
    ),
    (
        "ended, says the switch and a fact", order(), [answered(FIRST_ASK, "ended")], [ENDED], None, CLOSED,
        CallEnded(ENDED, None),
    ),
    (
        "live, says the switch", order(), [answered(FIRST_ASK, "live")], [], word(LATE), FIRST_ASK + 100 + SILENT_MS,
        Waiting(FIRST_ASK + 101 + SILENT_MS),
    ),
    (
        "live, 30 min ago", order(), [answered(FIRST_ASK, "live")], [], word(LATE), FIRST_ASK + 101 + SILENT_MS,
        AskNow(),
    ),
    ("two calls", order(), [], [fact(SENT + 9, "y"), RINGS], None, MADE, TwoCalls((fact(SENT + 9, "y"), RINGS))),
    (
        "two incarnations, one ended", order(), [], [fact(SENT + 900, incarnation=1), ENDED], None, MADE,
        TwoCalls((ENDED, fact(SENT + 900, incarnation=1))),
    ),
    ("one call, twice read", order(), [], [AGAIN, RINGS], None, MADE, CallEnded(AGAIN, None)),
    ("a message, no result", order("sendMessage"), [], [], word(LATE), ASKED_FROM, Waiting(ASKED_FROM + 1)),
    (
        "a message, silent", order("sendMessage"), [], [], word(LATE), ASKED_FROM + 1,
        Unknown(final=False, ask_again=False),
    ),
    (
        "a message, silent for 30 min", order("sendMessage"), [], [], word(LATE), ASKED_FROM + 1 + UNKNOWN_FINAL_MS,
        Unknown(final=True, ask_again=False),
    ),
    (
        "a message at a gateway: no log tells of it", order("sendMessage", at_gateway=True), [], [], None,
        ASKED_FROM + 1, Unknown(final=False, ask_again=False),
    ),
    (
        "a message that was taken", order("sendMessage", result="done", result_at_ms=SENT), [], [], word(LATE), LATE,
        Live(None, None),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "asks", "facts", "said", "now_ms", "judged"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_each_row(
    made: OrderState,
    asks: list[OrderState],
    facts: list[DialFact],
    said: SourceWord | None,
    now_ms: int,
    judged: Judged,
) -> None:
    assert judge(made, asks, facts, said, now_ms) == judged


TIMES = st.integers(0, 8 * SILENT_MS).map(lambda after: MADE + after)
RESULTS = st.sampled_from([None, "accepted", "done", "refused"])
ANSWERS = st.sampled_from([None, "never_seen", "live", "ended"])


@st.composite
def orders(draw: st.DrawFn) -> OrderState:
    """Any order in any state that the store can hold."""
    state = draw(st.sampled_from(["open", "withdrawn", "sent", "done"]))
    command = draw(st.sampled_from(["makeCall", "sendMessage"]))
    if state in ("open", "withdrawn"):
        return order(command, state=state, sent_at_ms=None, epoch=None)
    result = draw(RESULTS)
    reason = draw(st.sampled_from([one.value for one in RefusalReason])) if result == "refused" else None
    at_ms = None if result is None else draw(TIMES)
    return order(command, state=state, result=result, reason=reason, result_at_ms=at_ms)


@st.composite
def questions(draw: st.DrawFn) -> OrderState:
    made = ask(draw(TIMES), draw(st.integers(1, MINUTE)))
    if draw(st.booleans()):
        return made._replace(sent_at_ms=None, state=draw(st.sampled_from(["open", "withdrawn"])))
    result = draw(RESULTS)
    at_ms = made.order.made_at_ms + draw(st.integers(0, MINUTE))
    answer = draw(ANSWERS) if result == "done" else None
    return made._replace(result=result, answer=answer, result_at_ms=None if result is None else at_ms)


@st.composite
def call_facts(draw: st.DrawFn) -> DialFact:
    at_ms = draw(TIMES)
    ended_at_ms = at_ms if draw(st.booleans()) else None
    return fact(
        at_ms, draw(st.sampled_from("xxxy")), incarnation=draw(st.sampled_from([0, 0, 1])), ended_at_ms=ended_at_ms
    )


CASES = {
    "made": orders(),
    "asks": st.lists(questions(), max_size=3),
    "facts": st.lists(call_facts(), max_size=2),
    "said": st.one_of(st.none(), TIMES.map(word)),
}


@settings(max_examples=500)
@given(**CASES, now_ms=TIMES)
def test_nothing_is_judged_on_a_guess(
    made: OrderState, asks: list[OrderState], facts: list[DialFact], said: SourceWord | None, now_ms: int
) -> None:
    judged = judge(made, asks, facts, said, now_ms)
    read_to_ms = 0 if said is None else said.appended_at_ms
    if isinstance(judged, NeverRang):
        assert not facts, "there was a call"
        assert made.result not in ("accepted", "done")
        assert made.result is None or made.reason not in ("duplicate", "error")
    if isinstance(judged, NeverRang) and judged.why == "never_seen":
        assert read_to_ms > ASKED_FROM, "a fact may be in what is unread"
        assert any(one.answer == "never_seen" and (one.sent_at_ms or 0) > ASKED_FROM for one in asks)
    if isinstance(judged, AskNow | Unknown):
        assert min(now_ms, read_to_ms) > ASKED_FROM
        assert made.sent_at_ms is not None or facts
    if isinstance(judged, Unknown):
        assert made.order.command == "sendMessage" or asks, "ask first"
    if facts and len({(one.call_id, one.incarnation) for one in facts}) == 1:
        assert isinstance(judged, Live | CallEnded | Waiting | AskNow | Unknown)


# What a later look may still change stands before what it may not.
def rank(judged: Judged) -> int:
    if isinstance(judged, Unknown):
        return 3 if judged.final else 2
    return {NotSentYet: 0, Waiting: 1, Live: 1, AskNow: 2}.get(type(judged), 4)


@settings(max_examples=500)
@given(**CASES, now_ms=TIMES, later_ms=st.integers(0, 8 * SILENT_MS))
def test_as_time_goes_on_a_judgement_only_becomes_firmer(
    made: OrderState, asks: list[OrderState], facts: list[DialFact], said: SourceWord | None, now_ms: int, later_ms: int
) -> None:
    before, after = (judge(made, asks, facts, said, at) for at in (now_ms, now_ms + later_ms))
    assert rank(before) <= rank(after)
    if rank(before) == 4:
        assert after == before


@settings(max_examples=500)
@given(**CASES, now_ms=TIMES)
def test_a_wait_ends_in_something_else(
    made: OrderState, asks: list[OrderState], facts: list[DialFact], said: SourceWord | None, now_ms: int
) -> None:
    judged = judge(made, asks, facts, said, now_ms)
    if isinstance(judged, Waiting) and judged.until_ms is not None:
        assert judged.until_ms > now_ms
        assert judge(made, asks, facts, said, judged.until_ms) != judged
