"""What a rule orders: the command's fields, the chain of alternatives, and ids that follow from causes."""

from typing import Any

from cti.core import dues
from cti.core.commands import Command, command_for, overtaken
from cti.core.facts import Fact
from cti.core.rules import Due
from schemas.profile import Profile
from tests.unit.core import stories
from tests.unit.core.stories import (
    ALL,
    answered_call,
    call_of,
    diverted,
    holds,
    ms,
    mutes,
    offered,
    queued,
    rings,
    takes_back,
)


def profile() -> Profile:
    return stories.book().profile


def due_of(rule: str, *facts: Fact, at_s: float = 60.0, shape: str = "while", n: int = 1) -> Due:
    found = dues.dues(call_of(*facts), stories.rules(ALL), (), ms(at_s))
    return next(due for due in found if due.rule.id == rule and due.rule.shape == shape and due.n == n)


def ordered(due: Due, **more: Any) -> Command:
    made = command_for(due, "jx", "call-id", profile(), **more)
    assert made is not None
    return made


RINGING = (offered(), queued(), rings(2.0))
HELD = (*answered_call()[:4], holds(20.0))


def test_the_switch_is_told_the_limit_at_the_offer() -> None:
    made = ordered(due_of("RING-1", *RINGING, n=0))
    assert (made.intervention.command, made.fields["seconds"], made.fields["if_state"]) == (
        "setRingTimeout",
        12.0,
        "alerting",
    )
    assert made.fields["if_other_ready"] is True


def test_at_the_limit_the_call_goes_back_to_the_head_of_the_queue() -> None:
    fields = ordered(due_of("RING-1", *RINGING)).fields
    assert fields == {
        "connection": "a-1", "if_state": "alerting", "agent": "1001", "to": "queueHead", "except": "8001",
        "if_other_ready": True,
    }  # fmt: skip


def test_the_chain_goes_on_to_the_leader_and_then_ends() -> None:
    due = due_of("RING-1", *RINGING)
    first = ordered(due)
    second = ordered(due, after_step=first.intervention.step)
    assert (second.intervention.command, second.fields["agent"]) == ("promptAgent", "leader")
    assert second.fields["text"]["zh"].startswith("来电振铃")
    assert command_for(due, "jx", "call-id", profile(), after_step=second.intervention.step) is None
    assert first.intervention.id != second.intervention.id


def test_who_let_it_ring_is_set_not_ready() -> None:
    made = ordered(due_of("RING-1", *RINGING, diverted(15.0), shape="on", n=-1))
    assert dict(made.fields) == {"agent": "1001", "state": "notReady", "reason": "RING-1", "if_other_ready": True}


def test_a_notice_is_played_to_the_held_leg_and_stops_when_he_is_taken_back() -> None:
    fields = ordered(due_of("HOLD-2", *HELD)).fields
    assert (fields["connection"], fields["if_state"], fields["message"], fields["interrupt_on"]) == (
        "c", "hold", "hold_notice", ["retrieved"],
    )  # fmt: skip


def test_a_muted_call_is_not_on_hold_at_the_switch() -> None:
    fields = ordered(due_of("HOLD-2", *answered_call()[:4], mutes(20.0))).fields
    assert fields["if_state"] is None


def test_an_id_follows_from_the_cause_and_from_nothing_else() -> None:
    due = due_of("HOLD-2", *HELD)
    assert ordered(due).intervention.id == ordered(due).intervention.id
    later = due_of("HOLD-2", *HELD, at_s=64.0)
    assert ordered(due._replace(n=2)).intervention.id != ordered(due).intervention.id
    assert ordered(later).intervention.id == ordered(due).intervention.id
    made = command_for(due, "another tenant", "call-id", profile())
    assert made is not None
    assert made.intervention.id != ordered(due).intervention.id


def test_a_second_hold_has_ids_of_its_own() -> None:
    again = (*HELD, takes_back(40.0), holds(50.0))
    found = [due for due in dues.dues(call_of(*again), stories.rules(ALL), (), ms(70.0)) if due.rule.id == "HOLD-2"]
    names = [ordered(due).intervention.id for due in found]
    assert len(names) == 2
    assert len(set(names)) == 2


def test_entries_of_one_rule_do_not_share_ids() -> None:
    facts = (offered(), queued(0.0))
    found = dues.dues(call_of(*facts), stories.rules(ALL), (), ms(1.0))
    names = [ordered(due).intervention.id for due in found if due.rule.id == "QUEUE-1"]
    assert len(names) == len(set(names)) == 2


def test_what_came_too_late_is_named_like_what_would_have_been_ordered() -> None:
    due = due_of("HOLD-2", *HELD)
    late = overtaken(due, "jx", "call-id")
    assert late.state == "overtaken"
    assert late.id == ordered(due).intervention.id


def test_the_use_of_an_order_ends() -> None:
    one = ordered(due_of("HOLD-2", *HELD)).intervention
    assert one.expires_ms - one.due_ms == 6_000
