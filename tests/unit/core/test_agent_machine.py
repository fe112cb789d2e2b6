"""The agent machine: what an agent is now; an older word changes nothing."""

import pytest

from cti.core.agent import AGENT_TABLE, RECENT_IDS_MAX, Agent, AgentFact, AgentState, advance, agent_fact, known_hash
from schemas.agent_events import DATA_MODELS
from schemas.reasons import Ignored


def fact(at_ms: int, kind: str, name: str = "", seq: int | None = None, **data: str) -> AgentFact:
    return agent_fact(at_ms, seq, name or f"{kind}-{at_ms}", kind, at_ms, data)


def after(*facts: AgentFact) -> Agent:
    agent = Agent()
    for one in facts:
        agent, _ = advance(agent, one)
    return agent


def test_a_day_at_the_desk() -> None:
    agent = after(fact(1, "agentLoggedOn", device="8001"), fact(2, "agentReady"), fact(3, "agentBusy"))
    assert (agent.state, agent.since_ms, agent.device) == (AgentState.BUSY, 3, "8001")
    agent = after(fact(1, "agentLoggedOn"), fact(4, "agentWorkingAfterCall"), fact(5, "agentNotReady", reason="lunch"))
    assert (agent.state, agent.reason) == (AgentState.NOT_READY, "lunch")
    assert after(fact(1, "agentLoggedOn"), fact(2, "agentLoggedOff")).state is AgentState.LOGGED_OFF


def test_the_same_word_again_does_not_begin_the_state_anew() -> None:
    assert after(fact(1, "agentReady"), fact(9, "agentReady")).since_ms == 1


def test_an_older_word_changes_nothing() -> None:
    agent = after(fact(5, "agentReady"))
    later, ignored = advance(agent, fact(4, "agentNotReady"))
    assert (later.state, ignored) == (AgentState.READY, Ignored.WRONG_STATE)


def test_at_one_time_the_sequence_decides_then_the_kind() -> None:
    assert after(fact(5, "agentNotReady", seq=2), fact(5, "agentReady", seq=1)).state is AgentState.NOT_READY
    assert after(fact(5, "agentLoggedOff"), fact(5, "agentLoggedOn")).state is AgentState.LOGGED_OFF


def test_who_is_off_cannot_sign_off() -> None:
    assert advance(Agent(), fact(1, "agentLoggedOff"))[1] is Ignored.WRONG_STATE


@pytest.mark.parametrize("kind", ["agentReady", "agentNotReady", "agentBusy", "agentWorkingAfterCall"])
def test_a_lost_sign_in_hides_nobody(kind: str) -> None:
    assert after(fact(1, kind)).state is not AgentState.LOGGED_OFF


def test_a_repeated_id_is_known_with_its_hash_and_the_memory_is_bounded() -> None:
    agent = after(*(fact(n, "agentReady") for n in range(RECENT_IDS_MAX + 5)))
    assert len(agent.recent) == RECENT_IDS_MAX
    assert known_hash(agent, f"agentReady-{RECENT_IDS_MAX + 4}") == RECENT_IDS_MAX + 4
    assert known_hash(agent, "agentReady-0") is None


def test_every_state_and_kind_has_its_answer() -> None:
    assert {(state, kind) for state in AgentState for kind in DATA_MODELS} - set(AGENT_TABLE) == {
        (AgentState.LOGGED_OFF, "agentLoggedOff")
    }
