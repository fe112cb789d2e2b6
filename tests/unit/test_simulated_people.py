"""Callers and agents are drawn by seed: the same one always behaves alike."""

from statistics import fmean

import pytest

from cti.switches.simulated import people
from cti.switches.simulated.habits import BRISK, REALISTIC


def test_a_caller_is_the_same_whenever_asked() -> None:
    assert people.caller(7, 12, REALISTIC) == people.caller(7, 12, REALISTIC)
    assert people.caller(7, 12, REALISTIC) != people.caller(8, 12, REALISTIC)
    assert people.caller(7, 12, REALISTIC) != people.caller(7, 13, REALISTIC)


def test_arrivals_keep_the_rate() -> None:
    gaps = [people.gap_ms(3, number, 60) for number in range(4000)]
    assert fmean(gaps) == pytest.approx(1000, rel=0.05)
    assert min(gaps) < 50, "a Poisson process has short gaps"
    assert max(gaps) > 5000, "and long ones"


def test_each_conversation_talks_first_and_ends() -> None:
    endings = set()
    for number in range(2000):
        steps = people.caller(1, number, BRISK).steps
        assert steps[0].kind == "talk"
        endings.add(steps[-1].kind)
        assert all(step.kind not in {"customerLeaves", "agentLeaves", "drop"} for step in steps[:-1])
    assert endings == {"customerLeaves", "agentLeaves", "drop", "heldUntilGone"}


def test_every_kind_of_reaction_occurs_in_its_share() -> None:
    kinds = [people.reaction(5, f"call-{number}", 1, BRISK).kind for number in range(4000)]
    assert kinds.count("ignore") / 4000 == pytest.approx(BRISK.ignores, abs=0.02)
    assert kinds.count("reject") / 4000 == pytest.approx(BRISK.rejects, abs=0.02)


def test_some_agents_answer_after_the_limit() -> None:
    reactions = [people.reaction(5, f"call-{number}", 1, REALISTIC) for number in range(4000)]
    late = [one.after_ms for one in reactions if one.kind == "answer" and one.after_ms > 11_000]
    assert any(after_ms <= 12_000 for after_ms in late)
    assert any(after_ms > 12_000 for after_ms in late)


def test_reasons_for_an_agent_who_hangs_up_are_the_rule_books() -> None:
    from cti.switches.simulated.judge import RELEASE_REASONS

    assert set(people.RELEASE_REASONS) <= RELEASE_REASONS
