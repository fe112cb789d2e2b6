"""Whatever a ledger knows of a dial order, there is a judgement about it, and it settles only what is certain."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.after import Ended, NeverDialled
from campaigns.core.reasons import Disposition
from campaigns.dialler.judging import Before, judge_all
from campaigns.dialler.outcomes import judged
from cti.dial.rows import DialFact, OrderState
from tests.campaigns.dialler.known import ARREARS, SENT_MS, SOURCE, ask, fact, order, record, word
from tests.campaigns.dialler.rows import campaign_row

D = Disposition
ONE_DAY = 86_400_000

_times = st.none() | st.floats(0, 7_200)
_words = st.none() | st.sampled_from(["", "busy", "reached", "unknown", "machine", "suspended", "lost", "delivered"])
_JUNK: list[Any] = [None, 7, "x", [], {"dialled": 1}, {"dialled": {"keys": [1], "messages": 2}}]
_PRESSED = ["", "1", "0", "14", "2", "*#x", "1459"]
_junk = st.sampled_from(_JUNK)


@st.composite
def any_record(draw: st.DrawFn) -> Any:
    keys = draw(st.lists(st.tuples(st.floats(0, 60), st.sampled_from(_PRESSED)), max_size=3))
    names = st.sampled_from(["opening", "body", "on_machine"])
    messages = draw(st.lists(st.tuples(st.floats(0, 60), names, st.booleans()), max_size=3))
    members = {
        "agent_disposition": draw(_words),
        "machine": draw(_words),
        "tone": draw(_words),
        "q850": draw(st.none() | st.integers(0, 127)),
        "outcome": draw(st.sampled_from(["answered", "failed", "lost", "stale", "abandoned"])),
    }
    return record(keys, messages, agent_s=draw(_times), **members)


@st.composite
def any_fact(draw: st.DrawFn, call: str) -> DialFact:
    body = draw(st.none() | any_record() | _junk)
    times = {name: draw(_times) for name in ("rang_s", "answered_s", "ended_s")}
    return fact(None, call=call, opened_s=draw(st.floats(0, 9)), **times)._replace(
        record=body if body is None else json.dumps(body)
    )


@st.composite
def any_order(draw: st.DrawFn, command: str, at_ms: int) -> OrderState:
    made = order(command) if command in ("makeCall", "sendMessage") else ask(at_ms)
    state = draw(st.sampled_from(["open", "sent", "sent", "withdrawn", "done"]))
    return made._replace(
        state=state,
        sent_at_ms=None if state in ("open", "withdrawn") else at_ms,
        result=draw(st.sampled_from([None, "accepted", "done", "refused"])),
        reason=draw(st.sampled_from([None, "busy", "duplicate", "error", "expired", "notSupported", "other"])),
        answer=draw(st.sampled_from([None, "never_seen", "live", "ended"])),
        cause=draw(_words),
        q850=draw(st.none() | st.integers(0, 127)),
        tone=draw(_words),
        ended_at_ms=draw(st.none() | st.integers(SENT_MS - ONE_DAY, SENT_MS + ONE_DAY)),
        result_at_ms=draw(st.none() | st.integers(SENT_MS, SENT_MS + 7_200_000)),
    )


@given(st.data())
def test_whatever_is_known_there_is_a_judgement_and_it_is_final_only_with_an_outcome(data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(["makeCall", "sendMessage"]))
    state = data.draw(any_order(command, SENT_MS))
    asks = data.draw(st.lists(st.integers(0, 7_200_000).flatmap(lambda ms: any_order("ask", SENT_MS + ms)), max_size=3))
    calls = data.draw(st.lists(st.sampled_from(["call-1", "call-2"]), unique=True, max_size=2))
    facts = [data.draw(any_fact("" if command == "sendMessage" else name)) for name in calls]
    facts = facts[:1] if command == "sendMessage" else facts
    now_ms = data.draw(st.integers(SENT_MS, SENT_MS + ONE_DAY))
    read = data.draw(st.none() | st.integers(SENT_MS, SENT_MS + ONE_DAY))
    found = judged(state, asks, facts, None if read is None else word(read), now_ms, ARREARS)
    assert found.settle == bool(
        isinstance(found.outcome, NeverDialled)
        or (isinstance(found.outcome, Ended) and (found.outcome.disposition is not D.UNKNOWN or command != "makeCall"))
    )
    assert set(found.acknowledge) == (set(facts) if found.settle else set())
    assert not (found.settle and found.ask)
    assert found.look_at_ms is None or found.look_at_ms > now_ms
    if isinstance(found.outcome, Ended):
        assert SENT_MS <= found.outcome.at_ms <= now_ms
    if isinstance(found.outcome, NeverDialled):
        assert not any(one.rang_at_ms or one.answered_at_ms for one in facts)
    assert found.pause in (None, "cannot_dial")
    assert not found.two_calls or len({one.call_id for one in facts}) > 1


@given(st.data())
def test_judgements_that_are_kept_are_those_that_would_be_made_anew(data: st.DataObject) -> None:
    """Turn by turn: time passes, or not; a little changes, or nothing; the log is read further, or its word is gone."""
    campaigns, before, taken = {"c0": campaign_row()}, dict[str, Before](), dict[str, object]()
    now_ms, state = SENT_MS, data.draw(any_order(data.draw(st.sampled_from(["makeCall", "sendMessage"])), SENT_MS))
    facts: list[DialFact] = []
    asks: list[OrderState] = []
    for _ in range(data.draw(st.integers(2, 6))):
        now_ms += data.draw(st.sampled_from([0, 1, 500, 5_000, 15_001, 900_000, 1_800_000, 1_800_001, 4_000_000, -300]))
        match data.draw(st.sampled_from(["nothing", "nothing", "order", "fact", "question"])):
            case "order":
                state = data.draw(any_order(state.order.command, SENT_MS))
            case "fact":
                facts = [data.draw(any_fact("" if state.order.command == "sendMessage" else "call-1"))]
            case "question":
                asks = [data.draw(any_order("ask", now_ms))]
        read = data.draw(st.none() | st.just(now_ms) | st.just(now_ms - 10_000))
        words = {} if read is None else {SOURCE: word(read)}
        anew = judge_all([state, *asks], {}, facts, campaigns, words, now_ms, taken)
        assert judge_all([state, *asks], {}, facts, campaigns, words, now_ms, taken, before) == anew
        taken.update({news.order.order.id: news.key for news in anew.news})
