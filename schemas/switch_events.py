"""Switch events: what is in `data` of `ringback.switch.<kind>.v1` (subject = the switch's id). Both are ours."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.call_events import Direction
from schemas.fields import CallId, Code, Device, Message, Name, Private, Sequence, Time, WrittenNumber

ConnectionState = Literal["null", "initiated", "alerting", "connected", "hold", "queued", "fail"]
"""A leg's state (CSTA, ECMA-269)."""
AgentState = Literal["loggedOn", "ready", "notReady", "busy", "workingAfterCall"]


class SwitchEvent(Message):
    """What every switch event may say."""

    private: Private = None


class SwitchHeartbeat(SwitchEvent):
    """Sent every 5 s: the switch's clock and the last sequence it gave out."""

    clock: Time | None = None
    last_sequence: Sequence = Field(None, alias="lastSequence")


class SnapshotConnection(Message):
    """One leg of a live call."""

    connection: Name
    state: ConnectionState | None = None
    device: Device | None = None
    agent: Code | None = None


class SnapshotCall(Message):
    """One live call. `call` is the switch's call id; the rest is used when the call was not known before."""

    call: CallId
    connections: Annotated[list[SnapshotConnection], Field(max_length=64)] | None = None
    opened_at: Time | None = Field(None, alias="openedAt")
    direction: Direction | None = None
    calling: WrittenNumber | None = None
    called: WrittenNumber | None = None
    trunk: Name | None = None
    queue: Code | None = None


class SnapshotAgent(Message):
    """One agent who is signed in."""

    agent: Code
    state: AgentState | None = None
    device: Device | None = None
    queues: Annotated[list[Code], Field(max_length=256)] | None = None


class SwitchSnapshot(SwitchEvent):
    """Sent on connect: all live calls and agents. A live call that it lacks ends as `stale`, a new one is opened."""

    calls: Annotated[list[SnapshotCall], Field(max_length=10_000)]
    agents: Annotated[list[SnapshotAgent], Field(max_length=10_000)] | None = None


DATA_MODELS: dict[str, type[SwitchEvent]] = {"switchHeartbeat": SwitchHeartbeat, "switchSnapshot": SwitchSnapshot}

KIND_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(DATA_MODELS)}
