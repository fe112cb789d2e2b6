"""Calls that go as few do: several phones at once, legs that fail or are named late, events that arrive late."""

from typing import Any

import pytest

from cti.core.commands import command_for
from cti.core.dues import due_now, dues
from cti.core.facts import Fact
from cti.core.record import measure, tried_ms
from cti.core.rules import Due, Intervention
from tests.unit.core.stories import (
    CALLER,
    FIRST,
    SECOND,
    THIRD,
    answered_call,
    answers,
    book,
    broken,
    call_of,
    cleared,
    diverted,
    hangs_up,
    holds,
    ms,
    mutes,
    offered,
    queued,
    record,
    rings,
    rules,
    said,
    takes_back,
)

TALKING = [offered(), queued(), rings(2.0), answers(5.0)]


def due_of(facts: list[Fact], rule: str, at_s: float, done: tuple[Intervention, ...] = ()) -> list[Due]:
    return [due for due in due_now(call_of(*facts), rules(), done, ms(at_s))[0] if due.rule.id == rule]


def done_by(due: Due, state: str = "done") -> Intervention:
    made = command_for(due, "jx", "call", book().profile)
    assert made is not None
    return made.intervention._replace(state=state)


# -- several phones at once --------------------------------------------------------------------------------------------


def ticks(facts: list[Fact], at_s: float) -> list[tuple[str | None, float]]:
    found = [due for due in dues(call_of(*facts), rules(), (), ms(at_s)) if due.rule.id == "RING-1" and due.n]
    return [(due.target.device, (due.due_ms - ms(0)) / 1000) for due in found]


def test_a_ring_all_whose_first_phone_stops_is_judged_by_the_next() -> None:
    both = [offered(), queued(), rings(2.0), rings(2.5, SECOND)]
    assert ticks(both, 3.0) == [("8001", 14.0)]
    assert ticks([*both, diverted(5.0, cause="callRejected")], 6.0) == [("8002", 14.5)]


def test_a_hunt_whose_phones_overlap_is_judged_once() -> None:
    hunt = [offered(), queued(), rings(2.0), rings(9.0, SECOND), diverted(12.0), rings(20.0, THIRD)]
    assert ticks(hunt, 20.5) == [("8002", 21.0)]
    assert ticks([*hunt, diverted(24.0, SECOND)], 30.0) == [("8002", 21.0)]


def test_who_answers_after_a_second_wait_ends_the_others_ringing() -> None:
    again = [
        hangs_up(10.0, "8001", "a-1"),
        queued(10.5),
        rings(12.0, SECOND),
        rings(12.0, THIRD),
        answers(15.0, SECOND),
    ]
    found = record([*TALKING, *again, hangs_up(60.0), cleared(60.0)])
    assert [(offer["result"], offer["ring_s"]) for offer in found["offers"][1:]] == [("answered", 3), ("redirected", 3)]
    assert "RING-1" not in [breach["rule"] for breach in found["breaches"]]


def test_a_phone_that_a_waiting_caller_releases_was_abandoned_the_second_time_too() -> None:
    again = [hangs_up(10.0, "8001", "a-1"), queued(10.5), rings(12.0, SECOND), hangs_up(15.0, CALLER, "a-2")]
    found = record([*TALKING, *again, hangs_up(15.1), cleared(15.2)])
    assert found["offers"][1]["result"] == "abandoned"


# -- legs that fail, or are named late ---------------------------------------------------------------------------------


def test_a_caller_whose_leg_fails_lets_no_phone_ring_on() -> None:
    facts = [offered(), queued(), rings(5.0), said(8.0, "failed", {"connection": "c"})]
    assert due_of(facts, "RING-1", 17.5) == []
    found = record([*facts, cleared(60.0)])
    assert [(offer["result"], offer["ring_s"]) for offer in found["offers"]] == [("abandoned", 3)]
    assert found["breaches"] == []


def test_an_agents_phone_that_fails_is_not_taken_for_a_callers_unnamed_leg() -> None:
    opened = [said(0.0, "offered", {"calling": CALLER, "direction": "inbound"}), said(1.0, "queued", {"queue": "b"})]
    fails = said(2.0, "failed", {"connection": "a-1", "device": "8001"})
    found = record([*opened, fails, rings(4.0, SECOND), answers(6.0, SECOND), cleared(60.0)])
    assert (found["outcome"], found["wait_s"], found["talk_s"]) == ("answered", 5, 54)


def test_an_agent_who_clears_a_callers_unnamed_leg_has_released_him() -> None:
    opened = [said(0.0, "offered", {"calling": CALLER, "direction": "inbound"}), said(1.0, "queued", {"queue": "b"})]
    facts = [*opened, rings(2.0), answers(5.0), mutes(50.0), hangs_up(60.0, "8001"), cleared(100.0)]
    found = record(facts)
    assert (found["talk_s"], found["hold_s"], found["released_by"]) == (55, 10, "agent")
    assert "END-1" in broken(facts)


def test_a_leg_without_a_name_is_not_commanded() -> None:
    waits = [said(0.0, "offered", {"calling": CALLER, "direction": "inbound"}), said(1.0, "queued", {"queue": "b"})]
    (due,) = due_of(waits, "QUEUE-1", 31.5)
    assert command_for(due, "jx", "call", book().profile) is None
    (named,) = due_of([offered(), queued(1.0)], "QUEUE-1", 31.5)
    made = command_for(named, "jx", "call", book().profile)
    assert made is not None
    assert made.fields["connection"] == "c"


# -- holds whose beginning is known late -------------------------------------------------------------------------------


def test_what_was_said_at_a_mute_is_not_said_again_for_the_hold_of_the_same_moment() -> None:
    muted = [*TALKING, mutes(20.0)]
    said_once = tuple(done_by(due) for due in due_of(muted, "HOLD-1", 20.1))
    assert [known.n for known in said_once] == [0]
    assert due_of([*muted, holds(20.0)], "HOLD-1", 20.3, said_once) == []


def test_notices_count_for_the_hold_that_began_a_little_earlier() -> None:
    muted, done = [*TALKING, mutes(20.0)], list[Intervention]()
    for second in (35.0, 50.0):
        (due,) = due_of(muted, "HOLD-2", second + 0.1, tuple(done))
        done.append(done_by(due))
    earlier = [*muted, holds(19.9)]
    (late,) = due_of(earlier, "HOLD-2", 65.0, tuple(done))
    assert (late.n, late.due_ms) == (3, ms(64.9))
    ended = [*earlier, takes_back(60.0), mutes(60.0, kind="unmuted"), hangs_up(90.0), cleared(90.0)]
    (hold,) = record(ended, done)["holds"]
    assert (hold["notices_owed"], hold["notices_played"]) == (2, 2)
    assert "HOLD-2" not in broken(ended, done)


def test_a_wait_that_began_earlier_keeps_what_was_announced() -> None:
    waits = [offered(), queued(1.0)]
    (due,) = due_of(waits, "QUEUE-1", 31.2)
    announced = (done_by(due),)
    moved = [offered(), queued(0.5), queued(1.0)]
    assert due_of(moved, "QUEUE-1", 31.4, announced) == []


# -- consultations and transfers ---------------------------------------------------------------------------------------


def test_whom_an_agent_consults_stays_apart_when_the_caller_is_taken_back() -> None:
    enquiry = [rings(22.0, SECOND), holds(20.0), answers(25.0, SECOND), takes_back(40.0), holds(50.0), takes_back(90.0)]
    found = record(answered_call(*enquiry))
    assert [hold["seconds"] for hold in found["holds"]] == [20, 40]
    assert [offer["talk_s"] for offer in found["offers"]] == [115, 0]
    joined = record(answered_call(*enquiry[:3], hangs_up(45.0, "8001", "a-1"), takes_back(50.0)))
    assert joined["offers"][1]["talk_s"] > 0


def test_an_agent_under_a_new_id_goes_on_talking() -> None:
    meets = said(40.0, "conferenced", {"resultingCall": "call-1", "connections": {"c": "c-9", "a-1": "a-9"}})
    found = record([*TALKING, holds(20.0), meets, hangs_up(90.0, CALLER, "c-9"), cleared(90.0)])
    assert (found["talk_s"], [offer["talk_s"] for offer in found["offers"]]) == (85, [85])


def test_a_phone_that_rings_on_through_a_transfer_has_its_clock() -> None:
    given = said(25.0, "transferred", {"resultingCall": "call-1", "connections": {"c": "c", "a-2": "a-2"}})
    rung = [*TALKING, holds(20.0), rings(22.0, SECOND), given]
    assert ticks(rung, 30.0) == [("8002", 34.0)]
    found = record([*rung, answers(70.0, SECOND), hangs_up(100.0), cleared(100.0)])
    assert [(offer["result"], offer["ring_s"], offer["talk_s"]) for offer in found["offers"]] == [
        ("answered", 3, 20), ("answered", 48, 30),
    ]  # fmt: skip
    assert "RING-1" in [breach["rule"] for breach in found["breaches"]]


@pytest.mark.parametrize("offered_s", [0.8, 1.2])
def test_a_resulting_call_may_be_offered_before_or_after_its_transfer(offered_s: float) -> None:
    opened = said(offered_s, "offered", {"connection": "c3", "calling": CALLER, "direction": "inbound"})
    made: dict[str, Any] = {"primaryOldCall": "x", "secondaryOldCall": "y", "resultingCall": "call-1"}
    joined = said(1.0, "transferred", {**made, "connections": {"c": "c3", "b": "b3"}, "to": "8002"})
    found = record([opened, joined, hangs_up(100.0, CALLER, "c3"), cleared(100.0)])
    assert (found["outcome"], found["talk_s"], found["released_by"]) == ("answered", 99, "customer")


def test_an_answer_without_a_ring_is_not_measured_by_a_later_ring() -> None:
    facts = [offered(), queued(), answers(5.0), holds(60.0), rings(62.0, SECOND), takes_back(70.0)]
    assert record([*facts, hangs_up(90.0), cleared(90.0)])["answer_s"] is None


def test_the_answer_of_a_call_that_was_never_queued_is_counted_from_its_offer() -> None:
    moved = said(30.0, "transferred", {"resultingCall": "call-1", "blind": True, "connections": {"c": "c"}})
    facts = [offered(), rings(1.0), answers(3.0), moved, rings(31.0, SECOND), answers(43.0, SECOND)]
    call = call_of(*facts, hangs_up(100.0), cleared(100.0))
    assert tried_ms(call, measure(call, book(), ())) == 3_000
    left = call_of(offered(), rings(1.0), hangs_up(20.0), cleared(20.0))
    assert tried_ms(left, measure(left, book(), ())) == 20_000
    waited = call_of(offered(), queued(4.0), rings(9.0), answers(10.0), hangs_up(20.0), cleared(20.0))
    assert tried_ms(waited, measure(waited, book(), ())) == 6_000


# -- calls out ---------------------------------------------------------------------------------------------------------


def test_an_agent_who_calls_out_himself_is_measured_as_one() -> None:
    begins = said(
        0.0, "originated", {"connection": "a-1", "calling": "8001", "called": CALLER, "direction": "outbound"}
    )
    reached = [said(3.0, "delivered", {"connection": "c"}), said(9.0, "established", {"connection": "c"})]
    quiet = [mutes(20.0), mutes(70.0, kind="unmuted")]
    facts = [begins, *reached, *quiet, hangs_up(100.0, "8001", "a-1"), hangs_up(100.1, "8001"), cleared(100.2)]
    found = record(facts)
    assert (found["released_by"], found["hold_s"], found["talk_s"]) == ("agent", 50, 91)
    assert [hold["notices_owed"] for hold in found["holds"]] == [3]
    assert {"END-1", "HOLD-2"} <= set(broken(facts))
    assert FIRST["device"] == "8001"
