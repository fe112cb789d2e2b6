"""Agent events: what is in `data` of `ringback.agent.<kind>.v1` (subject = the agent's number). Names are CSTA's
(ECMA-269).

`device` tells two sign-ins of one number apart (SHIFT-1), so each event may carry it.
"""

from typing import Annotated

from pydantic import Field

from schemas.fields import CallId, Code, Device, Message, Private


class AgentEvent(Message):
    """What every agent event may say."""

    device: Device | None = None
    cause: Code | None = None
    private: Private = None


class AgentLoggedOn(AgentEvent):
    """The agent signed in at a device, for these queues."""

    queues: Annotated[list[Code], Field(max_length=256)] | None = None


class AgentLoggedOff(AgentEvent):
    """The agent signed out."""

    reason: Code | None = None


class AgentReady(AgentEvent):
    """The agent can take a call."""


class AgentNotReady(AgentEvent):
    """The agent is away, for a reason."""

    reason: Code | None = None


class AgentBusy(AgentEvent):
    """The agent is in a call."""

    call: CallId | None = None


class AgentWorkingAfterCall(AgentEvent):
    """The agent writes up a call (ACW-1)."""

    call: CallId | None = None


DATA_MODELS: dict[str, type[AgentEvent]] = {
    "agentLoggedOn": AgentLoggedOn,
    "agentReady": AgentReady,
    "agentBusy": AgentBusy,
    "agentWorkingAfterCall": AgentWorkingAfterCall,
    "agentNotReady": AgentNotReady,
    "agentLoggedOff": AgentLoggedOff,
}

KIND_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(DATA_MODELS)}
"""Order of facts with one time and sequence: signing in comes first, signing out last."""
