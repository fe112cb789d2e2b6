"""The agent machine: one table of (state, event) -> state (ECMA-269, agent states).

An agent's events are taken in order of (time, sequence, kind rank, id). One that is older than the last is ignored: an
agent's state, other than a call's, is only what it is now.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from schemas.agent_events import KIND_RANK
from schemas.reasons import Ignored

RECENT_IDS_MAX: Final = 16
AHEAD_MS: Final = 2_000


class AgentState(StrEnum):
    LOGGED_OFF = "loggedOff"
    LOGGED_ON = "loggedOn"
    NOT_READY = "notReady"
    READY = "ready"
    BUSY = "busy"
    WORKING_AFTER_CALL = "workingAfterCall"


class Agent(NamedTuple):
    """An agent's current state. `recent`: (id, body hash) of the last events, to detect a repeated one."""

    state: AgentState = AgentState.LOGGED_OFF
    since_ms: int = 0
    device: str | None = None
    reason: str | None = None
    last: tuple[int, int, int, str] | None = None
    recent: tuple[tuple[str, int], ...] = ()


class AgentFact(NamedTuple):
    """What happened at an agent's desk: ordered by its first four fields."""

    at_ms: int
    sequence: int
    rank: int
    id: str
    kind: str
    body_hash: int
    data: Mapping[str, Any]


def _table() -> Mapping[tuple[AgentState, str], AgentState]:
    on = (AgentState.LOGGED_ON, AgentState.NOT_READY, AgentState.READY, AgentState.BUSY, AgentState.WORKING_AFTER_CALL)
    moves = {(AgentState.LOGGED_OFF, "agentLoggedOn"): AgentState.LOGGED_ON}
    for state in on:
        # A second sign-in with one number: the later device counts (SHIFT-1 orders the earlier one to sign off).
        moves[state, "agentLoggedOn"] = AgentState.LOGGED_ON
        moves[state, "agentLoggedOff"] = AgentState.LOGGED_OFF
    for state in (AgentState.LOGGED_OFF, *on):
        # A switch that reports what an agent does implies a sign-in: a lost sign-in event must not hide the agent.
        moves[state, "agentReady"] = AgentState.READY
        moves[state, "agentNotReady"] = AgentState.NOT_READY
        moves[state, "agentBusy"] = AgentState.BUSY
        moves[state, "agentWorkingAfterCall"] = AgentState.WORKING_AFTER_CALL
    return moves


AGENT_TABLE: Final[Mapping[tuple[AgentState, str], AgentState]] = _table()


def agent_fact(
    at_ms: int, sequence: int | None, event_id: str, kind: str, body_hash: int, data: Mapping[str, Any]
) -> AgentFact:
    rank = KIND_RANK.get(kind, len(KIND_RANK))
    return AgentFact(at_ms, -1 if sequence is None else sequence, rank, event_id, kind, body_hash, data)


def counted_ms(at_ms: int, appended_at_ms: int) -> int:
    """The time that an agent event counts at: its own, but not more than AHEAD_MS after the log got it.

    The latest event decides an agent's state. An event stamped hours ahead would hide all later ones for as long.
    """
    return appended_at_ms if at_ms - appended_at_ms > AHEAD_MS else at_ms


def known_hash(agent: Agent, event_id: str) -> int | None:
    """The body hash of a recent event with this id."""
    return next((body_hash for name, body_hash in agent.recent if name == event_id), None)


def advance(agent: Agent, fact: AgentFact) -> tuple[Agent, Ignored | None]:
    """The agent after one more fact, and why it changed nothing if it did not."""
    recent = (*agent.recent, (fact.id, fact.body_hash))[-RECENT_IDS_MAX:]
    if agent.last is not None and fact[:4] < agent.last:
        return agent._replace(recent=recent), Ignored.WRONG_STATE
    state = AGENT_TABLE.get((agent.state, fact.kind))
    if state is None:
        return agent._replace(recent=recent, last=fact[:4]), Ignored.WRONG_STATE
    device = fact.data.get("device") or agent.device
    since = agent.since_ms if state is agent.state else fact.at_ms
    return Agent(state, since, device, fact.data.get("reason"), fact[:4], recent), None
