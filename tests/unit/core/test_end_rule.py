"""END-1: who released first is on every record; the agent first is a breach, but for the reasons that allow it."""

import pytest

from tests.unit.core.stories import (
    CALLER,
    SECOND,
    answers,
    broken,
    cleared,
    hangs_up,
    mutes,
    offered,
    queued,
    record,
    rings,
    said,
)

TALKING = [offered(), queued(), rings(2.0), answers(5.0)]


def test_the_agent_first_without_a_reason_is_a_breach() -> None:
    told = record([*TALKING, hangs_up(60.0, "8001", "a-1"), hangs_up(60.2), cleared(60.2)])
    assert [(breach["rule"], breach["agent"]) for breach in told["breaches"]] == [("END-1", "1001")]
    assert told["released_by"] == "agent"


@pytest.mark.parametrize("reason", ["silent", "inaudible", "language", "abuse", "lingering", "survey", "transfer"])
def test_a_reason_that_allows_it(reason: str) -> None:
    told = record([*TALKING, hangs_up(60.0, "8001", "a-1", reason), cleared(60.0)])
    assert told["breaches"] == []
    assert told["release_reason"] == reason


def test_any_other_reason_does_not() -> None:
    assert broken([*TALKING, hangs_up(60.0, "8001", "a-1", "lunch"), cleared(60.0)]) == ["END-1"]


@pytest.mark.parametrize(
    ("by", "released_by"), [(CALLER, "customer"), ("network", "network"), (None, "unknown"), ("9999", "unknown")]
)
def test_who_else_may_have_released(by: str | None, released_by: str) -> None:
    told = record([*TALKING, hangs_up(60.0, by), cleared(60.0)])
    assert told["released_by"] == released_by
    assert told["breaches"] == []


def test_an_agent_is_known_by_his_number_too() -> None:
    assert broken([*TALKING, hangs_up(60.0, "1001", "a-1"), cleared(60.0)]) == ["END-1"]


def test_a_second_agent_who_leaves_a_conference_released_nobody() -> None:
    told = record(
        [
            *TALKING,
            rings(20.0, SECOND),
            answers(22.0, SECOND),
            hangs_up(50.0, "8002", "a-2"),
            hangs_up(60.0),
            cleared(60.0),
        ]
    )
    assert told["released_by"] == "customer"
    assert told["breaches"] == []


def test_a_muted_agent_who_leaves_last_is_still_the_one() -> None:
    assert "END-1" in broken([*TALKING, mutes(50.0), hangs_up(60.0, "8001", "a-1"), cleared(60.0)])


def test_a_caller_who_was_never_answered_released_himself() -> None:
    told = record([offered(), queued(), hangs_up(20.0), cleared(20.0)])
    assert (told["released_by"], told["outcome"], told["breaches"]) == ("customer", "abandoned", [])


def test_a_call_that_only_cleared_says_unknown() -> None:
    told = record([*TALKING, cleared(60.0)])
    assert (told["released_by"], told["talk_s"]) == ("unknown", 55)


def test_the_cause_of_the_clearing_is_kept() -> None:
    facts = [*TALKING, said(60.0, "connectionCleared", {"connection": "c", "cause": "networkCongestion", "q850": 42})]
    told = record([*facts, said(60.0, "callCleared", {})])
    assert (told["cause"], told["q850"]) == ("networkCongestion", 42)
