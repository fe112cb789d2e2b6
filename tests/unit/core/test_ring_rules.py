"""RING-1 and RING-2: 12.000 s are kept, a millisecond more is not; per offer and per caller."""

import pytest

from cti.core.facts import Fact
from tests.unit.core.stories import (
    FIRST,
    SECOND,
    THIRD,
    answers,
    broken,
    call_of,
    cleared,
    diverted,
    hangs_up,
    offered,
    queued,
    record,
    rings,
    said,
)


def answered_after(ring_s: float) -> list[str]:
    return broken([offered(), queued(), rings(2.0), answers(2.0 + ring_s), hangs_up(90.0), cleared(90.0)])


def test_an_answer_at_exactly_the_limit_is_kept() -> None:
    assert answered_after(12.0) == []


def test_a_millisecond_later_breaks_both_rules_once() -> None:
    assert answered_after(12.001) == ["RING-1", "RING-2"]


def test_the_breach_says_what_rang_how_long_and_with_whom() -> None:
    told = record([offered(), queued(), rings(2.0), answers(14.05), hangs_up(90.0), cleared(90.0)])
    assert told["breaches"][0] == {
        "rule": "RING-1", "at": "2026-03-02T01:00:14.000Z", "limit": 12, "actual": 12.05, "offer": 0, "hold": None,
        "agent": "1001",
    }  # fmt: skip
    assert told["breaches"][1]["actual"] == 12.05
    assert told["answer_s"] == 12.05


@pytest.mark.parametrize(
    ("cause", "result"),
    [("callNotAnswered", "notAnswered"), ("redirected", "redirected"), ("callRejected", "rejected")],
)
def test_an_offer_longer_than_the_limit_is_a_breach_however_it_ended(cause: str, result: str) -> None:
    told = record([offered(), queued(), rings(2.0), diverted(14.5, cause=cause), hangs_up(20.0), cleared(20.0)])
    assert [breach["rule"] for breach in told["breaches"]] == ["RING-1"]
    assert told["offers"][0]["result"] == result


def test_not_answered_is_a_breach_at_any_time() -> None:
    told = record([offered(), rings(2.0), diverted(5.0, cause="callNotAnswered"), hangs_up(20.0), cleared(20.0)])
    assert [(breach["rule"], breach["actual"]) for breach in told["breaches"]] == [("RING-1", 3)]


@pytest.mark.parametrize(
    "ending",
    [
        [hangs_up(8.0), cleared(8.0)],  # the caller gives up
        [diverted(8.0, cause="callRejected"), hangs_up(30.0), cleared(30.0)],
        [said(8.0, "failed", {**FIRST, "cause": "destNotObtainable"}), hangs_up(30.0), cleared(30.0)],
        [diverted(8.0, cause="redirected"), hangs_up(30.0), cleared(30.0)],
    ],
    ids=["gives up", "rejects", "unregistered", "redirected"],
)
def test_within_the_limit_nothing_but_not_answered_is_a_breach(ending: list[Fact]) -> None:
    assert broken([offered(), queued(), rings(2.0), *ending]) == []


def test_two_offers_of_8_s_break_no_limit_of_theirs_but_the_caller_waited_too_long() -> None:
    told = record(
        [offered(), queued(), rings(2.0), diverted(10.0), rings(10.5, SECOND), answers(18.5, SECOND), hangs_up(60.0),
         cleared(60.0)]
    )  # fmt: skip
    assert [(breach["rule"], breach["actual"], breach["agent"]) for breach in told["breaches"]] == [
        ("RING-2", 16.5, "1002")
    ]
    assert [offer["ring_s"] for offer in told["offers"]] == [8, 8]


def test_each_late_offer_is_a_breach_of_its_own() -> None:
    told = record(
        [offered(), queued(), rings(0.0 + 2), diverted(15.0), rings(16.0, SECOND), diverted(29.0, SECOND),
         hangs_up(40.0), cleared(40.0)]
    )  # fmt: skip
    assert [(breach["rule"], breach["offer"], breach["agent"]) for breach in told["breaches"]] == [
        ("RING-1", 0, "1001"), ("RING-1", 1, "1002"),
    ]  # fmt: skip


def test_a_queue_that_rings_all_is_judged_once_and_nobody_is_named() -> None:
    told = record(
        [offered(), queued(), rings(2.0), rings(2.0, SECOND), rings(2.1, THIRD), answers(15.0, SECOND),
         diverted(15.0), diverted(15.0, THIRD), hangs_up(60.0), cleared(60.0)]
    )  # fmt: skip
    assert [(breach["rule"], breach["agent"]) for breach in told["breaches"]] == [("RING-1", None), ("RING-2", "1002")]


def test_a_second_ring_all_of_the_call_is_judged_again() -> None:
    first = [rings(2.0), rings(2.0, SECOND), diverted(15.0), diverted(15.0, SECOND)]
    second = [rings(20.0), rings(20.0, SECOND), diverted(33.0), diverted(33.0, SECOND)]
    found = record([offered(), queued(), *first, *second, hangs_up(40.0), cleared(40.0)])["breaches"]
    assert [(breach["rule"], breach["offer"]) for breach in found] == [("RING-1", 0), ("RING-1", 2)]


def test_an_outbound_call_has_no_ring_limit() -> None:
    opened = said(
        0.0, "originated", {"connection": "d", "calling": "95598", "called": "+8613", "direction": "outbound"}
    )
    leg = {"connection": "p", "device": "+8613"}
    facts = [
        opened,
        said(1.0, "delivered", leg),
        said(40.0, "established", leg),
        hangs_up(60.0, "+8613", "p"),
        cleared(60.0),
    ]
    assert broken(facts) == []
    assert record(facts)["offers"] == []


def test_an_offer_ends_with_its_call() -> None:
    call = call_of(offered(), queued(), rings(2.0), cleared(9.0))
    assert [(offer.end_ms is not None, offer.result) for offer in call.offers] == [(True, "abandoned")]


def test_a_live_call_names_no_breach_of_a_ringing_that_goes_on() -> None:
    call = call_of(offered(), queued(), rings(2.0))
    assert call.offers[0].end_ms is None
