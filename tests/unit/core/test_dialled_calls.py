"""A call that a dial order made: whose leg is whose, which cause stands, what the called party pressed and heard."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.core.call import advance, fold
from cti.core.call_dialled import KEYS_MAX, MESSAGES_MAX
from cti.core.call_reuse import begins_again
from cti.core.call_state import Call
from cti.core.facts import Fact, fact, in_order
from schemas.reasons import Ignored
from schemas.records import CallRecord
from tests.unit.core import stories
from tests.unit.core.stories import FIRST, SECOND, SUBJECT, answers, call_of, cleared, ms, record, said

CALLED = "+8613812345678"
ORDER = "0f3a9c"
LEG: Mapping[str, str] = {"connection": "c"}


def originated(at_s: float = 0.0, connection: str | None = None, order: str | None = ORDER) -> Fact:
    told = {
        "direction": "outbound",
        "calling": "95598",
        "called": CALLED,
        "connection": connection,
        "$commandid": order,
    }
    return said(at_s, "originated", {name: value for name, value in told.items() if value is not None})


def rang(at_s: float = 2.0, **data: Any) -> Fact:
    return said(at_s, "delivered", {**LEG, **data})


def answered(at_s: float = 8.0, **data: Any) -> Fact:
    return said(at_s, "established", {**LEG, **data})


def pressed(at_s: float, digits: str, connection: str = "c") -> Fact:
    return said(at_s, "digitsGenerated", {"connection": connection, "digits": digits})


def ended(at_s: float, message: str, completed: bool | None = None) -> Fact:
    told = {**LEG, "message": message}
    return said(at_s, "announcementEnded", told if completed is None else {**told, "completed": completed})


def gone(at_s: float, q850: int | None = 16, by: str | None = CALLED, leg: str = "c", **data: Any) -> Fact:
    told = {"connection": leg, "q850": q850, "releasingDevice": by, **data}
    kept = {name: value for name, value in told.items() if value is not None}
    return said(at_s, "connectionCleared", kept, name=leg)


def failed(at_s: float, q850: int | None, **data: Any) -> Fact:
    told = {**LEG, "q850": q850, **data}
    return said(at_s, "failed", {name: value for name, value in told.items() if value is not None})


def end(at_s: float, q850: int | None = 16) -> Fact:
    return said(at_s, "callCleared", {} if q850 is None else {"cause": "normalClearing", "q850": q850})


REACHED = [
    originated(), said(1.0, "networkReached", LEG), rang(), answered(), ended(12.0, "opening"), pressed(13.0, "1"),
    ended(26.0, "body"), gone(28.0), end(28.0),
]  # fmt: skip
BUSY = [originated(), failed(2.0, 17, cause="busy"), gone(2.5, by="network"), end(2.5)]
QUEUED = [
    *REACHED[:4], pressed(10.0, "0"), said(10.5, "queued", {**LEG, "queue": "q"}),
    said(12.0, "delivered", {**FIRST, "queue": "q"}, name="a"),
]  # fmt: skip
SERVED = [*QUEUED, answers(15.0), gone(40.0), gone(40.5, 16, "8001", "a-1"), end(40.5)]


def facts_of(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """These members of a record; times as seconds of the minute."""
    merged = {**record, **record["dialled"]}
    return {name: at(merged[name]) if name.endswith("_at") else merged[name] for name in names}


def at(time: str | None) -> float | None:
    return None if time is None else float(time[17:-1])


def test_a_reached_party_leaves_all_that_a_disposition_needs() -> None:
    told = record(REACHED)
    assert facts_of(told, "commandid", "direction", "called", "outcome", "rang_at", "answered_at", "q850") == {
        "commandid": ORDER, "direction": "outbound", "called": CALLED, "outcome": "answered", "rang_at": 2,
        "answered_at": 8, "q850": 16,
    }  # fmt: skip
    assert [(at(one["at"]), one["message"], one["completed"]) for one in told["dialled"]["messages"]] == [
        (12, "opening", True), (26, "body", True),
    ]  # fmt: skip
    assert [(at(one["at"]), one["digits"]) for one in told["dialled"]["keys"]] == [(13, "1")]
    assert told["digits"] == "1"
    assert (told["announcements"], told["released_by"], told["talk_s"]) == (["opening", "body"], "customer", 20)
    assert told["dialled"]["agent_answered_at"] is None
    assert list(told) == sorted(told), "canonical as it is written"
    CallRecord.model_validate(told)


def test_a_message_that_was_cut_off_is_kept_as_such() -> None:
    told = record([*REACHED[:4], ended(9.0, "opening", completed=False), gone(9.0), end(9.0)])
    assert [(one["message"], one["completed"]) for one in told["dialled"]["messages"]] == [("opening", False)]
    assert told["announcements"] == []


def test_the_first_cause_of_the_called_party_stands() -> None:
    told = record(BUSY)
    assert facts_of(told, "cause", "q850", "outcome", "rang_at", "answered_at") == {
        "cause": "busy", "q850": 17, "outcome": "failed", "rang_at": None, "answered_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("history", "cause", "q850"),
    [
        ([gone(2.0, 17, "network", cause="busy"), end(2.0)], "busy", 17),
        ([said(1.0, "networkReached", {**LEG, "q850": 17}), gone(2.0), end(2.0)], None, 17),
        ([failed(2.0, 1, connection=None), end(2.0)], None, 1),
        ([said(2.0, "networkTone", {**LEG, "tone": "poweredOff", "q850": 20}), gone(2.0), end(2.0)], None, 20),
        ([said(2.0, "networkTone", {"tone": "poweredOff", "q850": 20}), end(2.0)], None, 20),
        ([rang(), gone(30.0, 19, "network"), end(30.0)], None, 19),
        ([failed(2.0, None, cause="busy"), end(2.0)], "busy", None),
        ([failed(2.0, None, cause="busy"), gone(2.0, 17), end(2.0)], None, 17),
        ([end(2.0, 34)], "normalClearing", 34),
        ([end(2.0, None)], None, None),
    ],
    ids=[
        *("cleared", "progress", "no-leg", "tone", "tone-no-leg", "no-answer", "a-word-only"),
        *("a-word-then-a-number", "only-the-end", "nothing"),
    ],
)  # fmt: skip
def test_where_the_cause_comes_from(history: list[Fact], cause: str | None, q850: int | None) -> None:
    told = record([originated(), *history])
    assert (told["cause"], told["q850"]) == (cause, q850)


@pytest.mark.parametrize("named", [None, "c", "dialler"])
def test_the_called_partys_leg_is_found_whatever_originated_names(named: str | None) -> None:
    told = record([originated(connection=named), *REACHED[1:]])
    assert facts_of(told, "rang_at", "answered_at", "q850", "released_by", "talk_s") == {
        "rang_at": 2, "answered_at": 8, "q850": 16, "released_by": "customer", "talk_s": 20,
    }  # fmt: skip
    assert record([originated(connection=named), *BUSY[1:]])["q850"] == 17


def test_a_call_that_another_leg_took_is_that_of_the_other_leg() -> None:
    forwarded = {"connection": "f"}
    told = record([originated(), said(1.0, "networkReached", LEG), said(2.0, "delivered", forwarded), end(9.0)])
    assert facts_of(told, "rang_at") == {"rang_at": 2}
    legs = call_of(originated(), said(1.0, "networkReached", LEG), said(2.0, "delivered", forwarded)).legs
    assert [leg.id for leg in legs] == ["f"]
    after = [said(3.0, "diverted", {**LEG, "cause": "callForwardImmediate"}), said(5.0, "established", forwarded)]
    told = record([originated(), rang(), *after, end(9.0)])
    assert facts_of(told, "answered_at", "rang_at") == {"answered_at": 5, "rang_at": 2}


def test_the_first_tone_stands_and_an_unknown_result_replaces_none() -> None:
    tones = [said(2.0 + n, "networkTone", {**LEG, "tone": tone}) for n, tone in enumerate(("suspended", "busy"))]
    assert record([originated(), *tones, end(9.0)])["tone"] == "suspended"
    results = [said(2.0 + n, "answeringMachineResult", {**LEG, "result": word}) for n, word in enumerate(
        ("unknown", "human", "machine", "unknown")
    )]  # fmt: skip
    assert record([originated(), *results, end(9.0)])["machine"] == "machine"


def test_an_agent_answers_after_key_0() -> None:
    told = record(SERVED)
    assert facts_of(told, "answered_at", "agent_answered_at", "rang_at", "digits", "q850", "waited_again_s") == {
        "answered_at": 8, "agent_answered_at": 15, "rang_at": 2, "digits": "0", "q850": 16, "waited_again_s": 4.5,
    }  # fmt: skip
    (offer,) = told["offers"]
    assert (offer["agent"], offer["result"], offer["ring_s"], offer["talk_s"]) == ("1001", "answered", 3, 25)
    assert (told["released_by"], told["ended_waiting"]) == ("customer", False)
    assert call_of(*SERVED).first_agent == "1001"


def test_an_agent_without_a_number_is_told_from_the_called_party_by_the_leg() -> None:
    plain = {"connection": "a-1", "device": "8001"}
    told = record([
        *QUEUED[:-1], said(12.0, "delivered", plain, name="a"), said(15.0, "established", plain, name="a"), end(40.0)
    ])  # fmt: skip
    assert (at(told["dialled"]["agent_answered_at"]), told["offers"][0]["result"]) == (15, "answered")


def test_one_connection_may_stand_for_the_called_party_and_the_agent() -> None:
    told = record([*QUEUED[:-1], rang(12.0, agent="1001", queue="q"), answered(15.0, agent="1001"), end(40.0)])
    assert facts_of(told, "answered_at", "agent_answered_at", "rang_at", "waited_again_s") == {
        "answered_at": 8, "agent_answered_at": 15, "rang_at": 2, "waited_again_s": 4.5,
    }  # fmt: skip


def test_what_rings_elsewhere_stops_with_the_answer_and_nobody_answers_who_has_left() -> None:
    both = [*QUEUED, said(12.5, "delivered", {**SECOND, "queue": "q"}, name="b"), answers(15.0)]
    assert [one["result"] for one in record([*both, end(40.0)])["offers"]] == ["answered", "redirected"]
    late = record([*QUEUED, gone(14.0), answers(15.0), end(40.0)])
    assert late["dialled"]["agent_answered_at"] is None
    assert late["ended_waiting"] is True


def test_an_agents_leg_gives_no_cause_no_keys_and_no_ringing() -> None:
    agents = [failed(13.0, 17, **SECOND), gone(14.0, 21, "8001", "a-1"), pressed(13.5, "9", "a-1")]
    assert facts_of(record([*QUEUED, *agents, end(40.0, None)]), "q850", "digits", "rang_at") == {
        "q850": None, "digits": "0", "rang_at": 2,
    }  # fmt: skip
    silent = [one for one in QUEUED if one.kind != "delivered" or "agent" in one.data]
    assert facts_of(record([*silent, end(40.0)]), "rang_at", "answer_s") == {"rang_at": None, "answer_s": None}


def test_an_agent_may_be_there_before_the_called_party() -> None:
    told = record([originated(), said(1.0, "established", FIRST), rang(), gone(30.0, 19), end(30.0)])
    assert facts_of(told, "answered_at", "rang_at", "q850", "outcome") == {
        "answered_at": None, "rang_at": 2, "q850": 19, "outcome": "failed",
    }  # fmt: skip


@pytest.mark.parametrize("first", [rang, answered])
def test_an_event_that_carries_the_order_stands_in_for_an_opening_that_was_lost(first: Any) -> None:
    told = record([first(2.0, **{"$commandid": ORDER}), answered(8.0), gone(20.0, by="network"), end(20.0)])
    assert (told["commandid"], told["direction"], told["q850"]) == (ORDER, "outbound", 16)
    assert told["answered_at"] is not None
    assert told["dialled"]["rang_at"] is (None if first is answered else told["dialled"]["rang_at"])


def test_an_inbound_call_has_nothing_of_it_though_a_command_caused_an_event() -> None:
    deflected = said(14.0, "delivered", {**SECOND, "$commandid": "d1"})
    calls = (
        [*stories.answered_call(pressed(20.0, "0"), ended(21.0, "welcome")), end(120.0)],
        [deflected, said(15.0, "established", SECOND), cleared(40.0)],
        [said(0.0, "offered", {**LEG, "direction": "inbound", "$commandid": "d1"}), cleared(40.0)],
        [originated(order=None), *REACHED[1:]],
    )
    for history in calls:
        assert "dialled" not in record(history)


def test_an_end_stamped_before_the_beginning_leaves_no_cause_once_more_is_known() -> None:
    early = [gone(-5.0, 16), end(-5.0)]
    assert record([*early, originated()])["clock_stepped"] is True
    told = record([*early, originated(), rang(), failed(3.0, 17), end(4.0)])
    assert (told["q850"], told["clock_stepped"]) == (17, False)


def test_the_same_order_never_makes_two_calls() -> None:
    call = call_of(originated(), rang(), answered())
    again = said(9.0, "originated", {"calling": "1234567", "connection": "c", "$commandid": ORDER}, name="again")
    other = said(9.0, "originated", {"calling": "1234567", "connection": "c", "$commandid": "x"}, name="other")
    assert not begins_again(call, again)
    assert begins_again(call, other) is (call.opening.connection == "c")


def test_keys_and_messages_are_bounded() -> None:
    many = [pressed(10 + n / 1000, "1") for n in range(KEYS_MAX + 5)]
    said_often = [ended(20 + n / 1000, "opening") for n in range(MESSAGES_MAX + 5)]
    told = record([originated(), answered(), *many, *said_often, end(40.0)])
    assert (len(told["dialled"]["keys"]), len(told["dialled"]["messages"])) == (KEYS_MAX, MESSAGES_MAX)


def test_what_adds_nothing_is_said_to_add_nothing() -> None:
    call = call_of(*QUEUED)
    assert advance(call, pressed(13.0, "9", "a-1"))[1] is Ignored.NO_CHANGE
    assert advance(call, pressed(13.0, "9"))[1] is None


KINDS = ("networkReached", "delivered", "established", "failed", "connectionCleared", "queued", "digitsGenerated")
NOTED = ("networkTone", "answeringMachineResult", "announcementEnded", "diverted", "callCleared", "stale", "originated")
LEGS = ({"connection": "c"}, {"connection": "d"}, {}, FIRST, SECOND, {"connection": "x", "device": "9000"})
OWN: Mapping[str, st.SearchStrategy[Mapping[str, Any]]] = {
    "queued": st.just({"queue": "q"}),
    "digitsGenerated": st.builds(lambda digits: {"digits": digits}, st.sampled_from(["1", "0", "22"])),
    "networkTone": st.builds(lambda tone: {"tone": tone}, st.sampled_from(["suspended", "busy"])),
    "answeringMachineResult": st.builds(
        lambda word: {"result": word}, st.sampled_from(["human", "machine", "unknown"])
    ),
    "announcementEnded": st.builds(
        lambda name, whole: {"message": name, "completed": whole}, st.sampled_from(["opening", "body"]), st.booleans()
    ),
    "originated": st.just({"direction": "outbound", "called": CALLED, "$commandid": ORDER}),
}
NEED_A_LEG = frozenset({"delivered", "established", "diverted", "connectionCleared"})


@st.composite
def any_fact(draw: st.DrawFn) -> Fact:
    """Anything a switch may say of a call it dialled, sensible or not."""
    kind = draw(st.sampled_from(KINDS + NOTED))
    leg = draw(st.sampled_from([leg for leg in LEGS if leg or kind not in NEED_A_LEG]))
    data = {**leg, **draw(OWN.get(kind, st.just({})))}
    if draw(st.booleans()):
        data["q850"] = draw(st.sampled_from([1, 16, 17, 19]))
    if draw(st.integers(0, 4)) == 0:
        data["$commandid"] = ORDER
    at_s = draw(st.integers(0, 40)) + draw(st.sampled_from([0, 0, 0.001]))
    return fact(ms(at_s), draw(st.sampled_from([None, 1, 2])), f"e{draw(st.integers(0, 10**9))}", kind, 0, data)


histories = st.builds(
    list.__add__,
    st.sampled_from([[], [originated(-9.0)], [originated(-9.0, "c")], QUEUED]),
    st.lists(any_fact(), min_size=1, max_size=20, unique_by=lambda one: one.id),
)


@settings(max_examples=150)
@given(histories, st.randoms(use_true_random=False))
def test_a_late_or_reordered_event_gives_the_same_record(history: list[Fact], chance: Random) -> None:
    facts = [*history, said(60.0, "callCleared")]
    shuffled = list(facts)
    chance.shuffle(shuffled)
    assert fold(SUBJECT, shuffled) == fold(SUBJECT, facts)
    if fold(SUBJECT, facts).call.ended_ms is None:
        return
    told = record(facts)
    assert record(shuffled) == told
    CallRecord.model_validate(told)
    assert ("dialled" in told) is (told["direction"] == "outbound" and told["commandid"] is not None)


@settings(max_examples=100)
@given(histories)
def test_advancing_one_by_one_is_folding(history: list[Fact]) -> None:
    call = Call(SUBJECT)
    for one in in_order(history):
        if begins_again(call, one):
            return
        call, _ = advance(call, one)
    assert call == fold(SUBJECT, history).call


def test_the_time_that_an_agent_names_with_his_word_is_kept_and_no_other() -> None:
    """His last word decides, with its time or without one; a promise of a callback is a call of its own."""
    due = "2026-03-04T07:20:00.000Z"
    asks = said(20.0, "agentAction", {"action": "disposition", "disposition": "callbackAsked", "due_at": due})
    promises = said(22.0, "agentAction", {"action": "callbackPromised", "due_at": "2026-03-05T07:20:00.000Z"})
    told = record([*QUEUED, answers(15.0), asks, promises, end(40.0)])
    assert (told["agent_disposition"], told["dialled"]["agent_due_at"]) == ("callbackAsked", due)
    assert CallRecord.model_validate_json(json.dumps(told))
    word = said(25.0, "agentAction", {"action": "disposition", "disposition": "reached"})
    assert "agent_due_at" not in record([*QUEUED, answers(15.0), asks, word, end(40.0)])["dialled"]
