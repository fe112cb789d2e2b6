"""How a call ends without being cleared in order: given up, or by an end stamped before its beginning."""

import pytest

from tests.unit.core.stories import (
    answered_call,
    answers,
    call_of,
    cleared,
    hangs_up,
    holds,
    offered,
    queued,
    record,
    rings,
    said,
    takes_back,
)

WAITING = [offered(), queued(0.0)]
TALKING = [*WAITING, rings(2.0), answers(4.0)]


def test_an_end_stamped_before_the_beginning_ends_the_call_at_its_latest_fact() -> None:
    early = [hangs_up(-30.0), cleared(-30.0)]
    found = record([*WAITING, rings(2.0), answers(6.0), *early])
    assert (found["outcome"], found["wait_s"], found["answer_s"], found["talk_s"]) == ("answered", 6, 4, 0)
    assert (found["clock_stepped"], found["ended_at"][17:19], found["released_by"]) == (True, "06", "customer")


def test_a_clearing_in_order_wins_over_an_early_one() -> None:
    found = record([cleared(-30.0), *answered_call()])
    assert (found["clock_stepped"], found["talk_s"]) == (False, 115)


def test_a_leg_that_ended_early_or_an_end_of_days_before_ends_no_call() -> None:
    assert call_of(hangs_up(-30.0), *TALKING).ended_ms is None
    assert call_of(cleared(-90_000.0), *TALKING).ended_ms is None


@pytest.mark.parametrize("mark", ["stale", "lost"])
def test_a_call_that_was_given_up_is_revised_by_what_comes_later(mark: str) -> None:
    known = [*WAITING, rings(2.0), said(600.0, mark)]
    assert record(known)["ended_at"][14:19] == "00:02"
    spooled = [answers(20.0), holds(30.0), takes_back(100.0), hangs_up(300.0, "8001", "a-1"), cleared(300.0)]
    assert record([*known, *spooled]) == record([*WAITING, rings(2.0), *spooled])
    halfway = record([*known, *spooled[:2]])
    assert (halfway["outcome"], halfway["talk_s"], halfway["hold_s"]) == (mark, 10, 0)


@pytest.mark.parametrize("mark", ["stale", "lost"])
def test_a_fact_of_after_the_snapshot_says_that_the_call_goes_on(mark: str) -> None:
    going_on = call_of(*TALKING, said(600.0, mark), holds(700.0))
    assert going_on.ended_ms is None
    found = record([*TALKING, said(600.0, mark), cleared(700.0)])
    assert (found["outcome"], found["talk_s"]) == ("answered", 696)


def test_what_is_noted_after_a_call_was_given_up_stays_noted() -> None:
    facts = [*TALKING, said(600.0, "stale"), said(610.0, "surveyScored", {"score": 5}), said(620.0, "held", {
        "connection": "c"}), cleared(630.0)]  # fmt: skip
    found = record(facts)
    assert (found["survey"], found["outcome"]) == (5, "answered")
