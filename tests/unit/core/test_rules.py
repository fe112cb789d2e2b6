"""When each rule is due: a pure function of the call's intervals and of what was done about them."""

import pytest

from cti.core import dues as due_times
from cti.core.commands import command_for, overtaken
from cti.core.facts import Fact
from cti.core.rules import Abilities, Due, Intervention, RuleSet
from schemas.reasons import RuleMode
from tests.unit.core import stories
from tests.unit.core.stories import (
    ALL,
    ALL_COMMANDS,
    CALLER,
    SECOND,
    THIRD,
    answered_call,
    answers,
    call_of,
    cleared,
    diverted,
    hangs_up,
    holds,
    ms,
    mutes,
    offered,
    queued,
    rings,
    takes_back,
)

NO_TIMEOUT = Abilities(ALL_COMMANDS - {"setRingTimeout"}, if_other_ready=True)


def dues(
    facts: list[Fact], now_s: float, done: tuple[Intervention, ...] = (), abilities: Abilities = NO_TIMEOUT
) -> list[Due]:
    return due_times.dues(call_of(*facts), stories.rules(abilities), done, ms(now_s))


def told(found: list[Due], rule: str) -> list[tuple[int, float, bool]]:
    """(n, seconds, passed) of a rule's dues."""
    return [(due.n, (due.due_ms - stories.START_MS) / 1000, due.passed) for due in found if due.rule.id == rule]


def settle(due: Due, state: str = "done") -> Intervention:
    made = command_for(due, "jx", "call", stories.book().profile) if state != "overtaken" else None
    one = overtaken(due, "jx", "call") if made is None else made.intervention
    return one._replace(state=state)


# -- while a state lasts -----------------------------------------------------------------------------------------------


def test_ring_1_is_due_at_12_s_of_the_offer() -> None:
    assert told(dues([offered(), queued(), rings(2.0)], 3.0), "RING-1") == [(1, 14.0, False)]


def test_an_offer_that_ended_at_the_limit_is_not_due_and_one_a_millisecond_later_is() -> None:
    assert told(dues([offered(), rings(2.0), answers(14.0)], 20.0), "RING-1") == []
    assert told(dues([offered(), rings(2.0), answers(14.001)], 20.0), "RING-1") == [(1, 14.0, True)]


def test_each_offer_has_a_clock_of_its_own() -> None:
    found = dues([offered(), rings(2.0), diverted(10.0), rings(11.0, SECOND)], 12.0)
    assert told(found, "RING-1") == [(1, 23.0, False)]
    assert [due.target.agent for due in found if due.rule.id == "RING-1"] == ["1002"]


def test_a_ring_all_has_one_clock_and_only_prompts() -> None:
    found = dues([offered(), rings(2.0), rings(2.0, SECOND), rings(2.5, THIRD)], 3.0)
    assert told(found, "RING-1") == [(1, 14.0, False)]
    made = command_for(next(due for due in found if due.rule.id == "RING-1"), "jx", "call", stories.book().profile)
    assert made is not None
    assert (made.intervention.command, made.fields["agent"]) == ("promptAgent", "leader")


def test_a_switch_that_keeps_the_limit_is_told_so_at_the_offer_and_left_alone() -> None:
    facts = [offered(), rings(2.0)]
    at_offer = [due for due in dues(facts, 2.0, abilities=ALL) if due.rule.id == "RING-1"]
    assert told(at_offer, "RING-1") == [(0, 2.0, False), (1, 14.0, False)]
    limit = settle(at_offer[0], "accepted")
    assert limit.command == "setRingTimeout"
    assert told(dues(facts, 3.0, (limit,), ALL), "RING-1") == []
    refused = limit._replace(state="refused", reason="notSupported")
    assert told(dues(facts, 3.0, (refused,), ALL), "RING-1") == [(1, 14.0, False)]


def test_hold_notices_come_one_after_the_other_until_the_retrieve() -> None:
    held = [*answered_call()[:4], holds(20.0)]
    done: list[Intervention] = []
    for n, second in enumerate((35.0, 50.0, 65.0), start=1):
        due = next(d for d in dues(held, second - 0.001, tuple(done)) if d.rule.id == "HOLD-2")
        assert (due.n, due.due_ms, due.passed) == (n, ms(second), False)
        done.append(settle(due))
    assert told(dues([*held, takes_back(80.0)], 80.0, tuple(done)), "HOLD-2") == []
    assert told(dues([*held, takes_back(80.001)], 80.001, tuple(done)), "HOLD-2") == [(4, 80.0, True)]


def test_the_customers_hold_and_a_conference_owe_no_notice() -> None:
    talking = answered_call()[:4]
    assert told(dues([*talking, holds(20.0, by=CALLER, leg="a-1")], 60.0), "HOLD-2") == []
    both = [*talking, rings(10.0, SECOND), answers(11.0, SECOND), mutes(20.0)]
    assert told(dues(both, 60.0), "HOLD-2") == []


def test_queue_announcements_at_30_75_and_the_callback_in_the_place_of_120() -> None:
    waiting, seen = [offered(), queued(0.0)], list[tuple[float, str]]()
    done: list[Intervention] = []
    for second in (0.0, 30.1, 75.1, 120.1, 165.1):
        for due in dues(waiting, second, tuple(done)):
            if due.due_ms <= ms(second):
                made = command_for(due, "jx", "call", stories.book().profile)
                assert made is not None
                seen.append((second - 0.1, made.fields["message"]))
                done.append(made.intervention)
    assert seen == [(30.0, "queue_wait"), (75.0, "queue_wait"), (120.0, "callback_offer"), (165.0, "queue_wait")]


def test_a_tick_while_an_offer_rings_is_skipped() -> None:
    facts = [offered(), queued(0.0), rings(25.0), diverted(35.0)]
    assert told(dues(facts, 40.0), "QUEUE-1") == [(2, 75.0, False), (1, 120.0, False)]


# -- on a transition ---------------------------------------------------------------------------------------------------


def test_hold_1_speaks_at_both_ends_and_hold_3_apologises_after_a_long_one() -> None:
    facts = [*answered_call()[:4], holds(20.0), takes_back(81.0)]
    found = dues(facts, 81.0)
    assert [at for _, at, _ in told(found, "HOLD-1")] == [20.0, 81.0]
    assert sorted(at for _, at, _ in told(found, "HOLD-3")) == [80.0, 81.0]
    short = dues([*answered_call()[:4], holds(20.0), takes_back(80.0)], 80.0)
    assert told(short, "HOLD-3") == []


def test_a_hold_that_ends_with_the_call_is_thanked_to_nobody() -> None:
    facts = [*answered_call()[:4], holds(20.0), hangs_up(30.0), cleared(30.0)]
    assert [at for _, at, _ in told(dues(facts, 30.0), "HOLD-1")] == [20.0]


def test_the_apology_is_for_who_answers_late_over_all_offers() -> None:
    late = [offered(), rings(2.0), diverted(10.0), rings(10.5, SECOND), answers(18.5, SECOND)]
    assert [due.target.agent for due in dues(late, 18.5) if due.rule.id == "RING-2"] == ["1002"]
    in_time = [offered(), rings(2.0), answers(14.0)]
    assert told(dues(in_time, 14.0), "RING-2") == []


def test_who_let_it_ring_is_set_away_once_and_only_if_unanswered() -> None:
    def away(*facts: Fact) -> list[str | None]:
        found = dues([offered(), queued(), *facts], 40.0)
        return [due.target.agent for due in found if due.rule.id == "RING-1" and due.rule.shape == "on"]

    assert away(rings(2.0), diverted(14.5)) == ["1001"]
    assert away(rings(2.0), diverted(3.0, cause="callNotAnswered")) == ["1001"]
    assert away(rings(2.0), answers(14.5)) == []
    assert away(rings(2.0), diverted(9.0)) == []
    assert away(rings(2.0), rings(2.0, SECOND), diverted(15.0), diverted(15.0, SECOND)) == [], "a ring-all names nobody"


def test_what_is_settled_is_not_due_again() -> None:
    facts = [*answered_call()[:4], holds(20.0)]
    first = dues(facts, 36.0)
    done = tuple(settle(due, "overtaken" if due.n == 1 else "done") for due in first if due.due_ms < ms(36.0))
    assert {due.rule.id: due.n for due in dues(facts, 36.0, done)} == {"HOLD-2": 2, "HOLD-3": 1}


def test_passed_ticks_of_a_very_long_hold_are_bounded() -> None:
    facts = [*answered_call()[:4], holds(20.0), takes_back(90_000.0)]
    found = [due for due in dues(facts, 90_000.0) if due.rule.id == "HOLD-2"]
    assert len(found) == due_times.MISSED_TICKS_MAX
    assert all(due.passed for due in found)


# -- for whom ----------------------------------------------------------------------------------------------------------


def test_outbound_and_internal_calls_have_no_inbound_rules() -> None:
    for direction in ("internal", "outbound"):
        rules = stories.book().interventions_for("nc-1", "billing", ALL, direction)
        assert (rules.alerting, rules.on_offer_ended, rules.queued) == ((), (), ())
        assert rules.held, "a hold is a hold, whoever called"


def find(found: RuleSet, rule: str, what: str) -> list[list[str]]:
    return [[step.command for step in one.steps] for one in getattr(found, what) if one.id == rule]


def test_what_a_switch_cannot_do_falls_to_the_next_step() -> None:
    assert find(stories.rules(ALL), "RING-1", "alerting") == [["setRingTimeout", "deflectCall", "promptAgent"]]
    assert find(stories.rules(NO_TIMEOUT), "RING-1", "alerting") == [["deflectCall", "promptAgent"]]
    assert find(stories.rules(Abilities(ALL_COMMANDS, False)), "RING-1", "alerting") == [["promptAgent"]]
    assert find(stories.rules(Abilities(frozenset({"promptAgent"}), True)), "HOLD-2", "held") == [["promptAgent"]]
    assert stories.rules(Abilities()) == RuleSet(), "who declared nothing is ordered nothing"


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        (RuleMode.ENFORCE, [["deflectCall", "promptAgent"]]),
        (RuleMode.PROMPT, [["promptAgent"]]),
        (RuleMode.OBSERVE, []),
    ],
)
def test_the_mode_bounds_what_a_rule_may_do(mode: RuleMode, steps: list[list[str]]) -> None:
    book = stories.book()
    changed = tuple(rule._replace(mode=mode) for rule in book.interventions)
    found = book._replace(interventions=changed).interventions_for("nc-1", "billing", NO_TIMEOUT)
    assert find(found, "RING-1", "alerting") == steps
