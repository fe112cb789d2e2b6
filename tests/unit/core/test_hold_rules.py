"""HOLD-2 and HOLD-3: what the customer's silence is, and how many words he is owed: ceil(h / 15) - 1."""

import pytest

from cti.core.rules import Intervention
from tests.unit.core.stories import (
    CALLER,
    FIRST,
    SECOND,
    answered_call,
    answers,
    broken,
    call_of,
    cleared,
    hangs_up,
    holds,
    ms,
    mutes,
    offered,
    queued,
    record,
    rings,
    said,
    takes_back,
)


@pytest.mark.parametrize(
    ("held_s", "owed"),
    [(0.0, 0), (0.001, 0), (15.0, 0), (15.001, 1), (30.0, 1), (30.001, 2), (40.0, 2), (45.0, 2), (61.0, 4)],
)
def test_notices_owed(held_s: float, owed: int) -> None:
    told = record(answered_call(holds(20.0), takes_back(20.0 + held_s)))
    assert sum(hold["notices_owed"] for hold in told["holds"]) == owed
    assert told["hold_s"] == held_s


def test_an_owed_notice_that_was_not_played_is_a_breach() -> None:
    found = record(answered_call(holds(20.0), takes_back(60.0)))["breaches"]
    assert [(one["rule"], one["limit"], one["actual"], one["hold"], one["agent"]) for one in found] == [
        ("HOLD-2", 2, 0, 0, "1001")
    ]


def notice(n: int, cause: str, state: str = "done") -> Intervention:
    due = ms(20.0 + 15 * n)
    return Intervention(f"n{n}", "HOLD-2", 0, n, 0, cause, "playMessage", due, due + 6_000, state)


def test_played_notices_keep_the_rule_and_only_those_done_count() -> None:
    facts = answered_call(holds(20.0), takes_back(60.0))
    cause = call_of(*facts).holds[0].cause
    assert broken(facts, [notice(1, cause), notice(2, cause)]) == []
    assert broken(facts, [notice(1, cause), notice(2, cause, "refused")]) == ["HOLD-2"]
    assert broken(facts, [notice(1, cause), notice(9, "another hold")]) == ["HOLD-2"]


def test_exactly_60_s_keep_hold_3_and_a_millisecond_more_breaks_it() -> None:
    assert "HOLD-3" not in broken(answered_call(holds(20.0), takes_back(80.0)))
    assert "HOLD-3" in broken(answered_call(holds(20.0), takes_back(80.001)))


def test_the_customers_own_hold_owes_nothing_and_is_not_ours() -> None:
    told = record(answered_call(holds(20.0, by=CALLER, leg="a-1"), takes_back(100.0, by=CALLER, leg="a-1")))
    assert [(hold["by"], hold["seconds"], hold["notices_owed"]) for hold in told["holds"]] == [("customer", 80, 0)]
    assert told["hold_s"] == 0
    assert told["breaches"] == []


def test_overlapping_hold_and_mute_are_one_interval() -> None:
    told = record(answered_call(holds(20.0), mutes(25.0), takes_back(40.0), mutes(50.0, kind="unmuted")))
    assert [(hold["seconds"], hold["notices_owed"], hold["muted"]) for hold in told["holds"]] == [(30, 1, False)]


def test_a_mute_alone_counts_as_hold_and_is_marked() -> None:
    told = record(answered_call(mutes(20.0), mutes(36.0, kind="unmuted")))
    assert [(hold["seconds"], hold["notices_owed"], hold["muted"]) for hold in told["holds"]] == [(16, 1, True)]


def test_hold_mute_hold_without_a_gap_goes_on() -> None:
    told = record(answered_call(mutes(20.0), holds(30.0), mutes(35.0, kind="unmuted"), takes_back(52.0)))
    assert [hold["seconds"] for hold in told["holds"]] == [32]


def test_holds_apart_are_two_intervals_with_causes_of_their_own() -> None:
    call = call_of(*answered_call(holds(20.0), takes_back(30.0), holds(40.0), takes_back(56.0)))
    assert len({hold.cause for hold in call.holds}) == 2
    assert [hold.end_ms - hold.at_ms for hold in call.holds if hold.end_ms] == [10_000, 16_000]


def test_a_conference_with_one_agent_who_still_speaks_owes_nothing() -> None:
    facts = answered_call(rings(20.0, SECOND), answers(22.0, SECOND), mutes(30.0), mutes(90.0, kind="unmuted"))
    assert record(facts)["holds"] == []


def test_the_last_agent_to_fall_silent_begins_the_hold() -> None:
    facts = answered_call(
        rings(20.0, SECOND), answers(22.0, SECOND), mutes(30.0), mutes(40.0, SECOND), mutes(56.0, kind="unmuted"),
        mutes(60.0, SECOND, kind="unmuted"),
    )  # fmt: skip
    assert [(hold["seconds"], hold["notices_owed"]) for hold in record(facts)["holds"]] == [(16, 1)]


def test_a_consultation_is_a_hold() -> None:
    """The agent puts the caller aside and rings a colleague in the same call: the caller hears nobody."""
    facts = answered_call(holds(20.0), said(21.0, "delivered", SECOND), takes_back(45.0))
    assert [hold["seconds"] for hold in record(facts)["holds"]] == [25]


def test_a_hold_ends_with_its_call_and_was_not_taken_back() -> None:
    call = call_of(*answered_call(holds(100.0)))
    assert [(hold.end_ms, hold.retrieved) for hold in call.holds] == [(ms(120.0), False)]


def test_a_second_hold_of_a_held_leg_changes_nothing() -> None:
    assert [hold["seconds"] for hold in record(answered_call(holds(20.0), holds(25.0), takes_back(40.0)))["holds"]] == [
        20
    ]


def test_a_retrieve_without_a_hold_changes_nothing() -> None:
    assert record(answered_call(takes_back(40.0)))["holds"] == []


def test_music_before_the_answer_is_no_hold() -> None:
    facts = [offered(), queued(), rings(2.0), holds(3.0), takes_back(30.0), answers(31.0)]
    assert [hold for hold in call_of(*facts).holds if hold.by_agent] == []


def test_who_muted_is_found_by_his_device_alone() -> None:
    told = record(
        answered_call(said(20.0, "muted", {"device": FIRST["device"]}), said(40.0, "unmuted", {"device": "8001"}))
    )
    assert [hold["seconds"] for hold in told["holds"]] == [20]


def test_a_caller_with_a_long_address_is_known_by_it_wherever_it_stands() -> None:
    address = "sip:" + "9" * 80 + "@gateway.example"
    opening = said(0.0, "offered", {"connection": "c", "calling": address, "direction": "inbound"})
    facts = [opening, rings(1.0), answers(2.0), holds(3.0, address, "a-1"), takes_back(63.0, address, "a-1")]
    told = record([*facts, hangs_up(90.0, address), cleared(90.0)])
    assert [(hold["by"], hold["notices_owed"]) for hold in told["holds"]] == [("customer", 0)]
    assert (told["released_by"], told["breaches"]) == ("customer", [])
