"""The state of the PBX: agents, calls and legs, queues, and the schedule.

All times are integer milliseconds since the epoch on the switch's own clock. The PBX holds and reports; what happens
next is decided in `acd` (queues and telephones), `conversation`, `transfers` and `commands`.
"""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from cti.switches.simulated.habits import HABITS, Habits
from cti.switches.simulated.order_memory import OrderMemory
from cti.switches.simulated.outbound_script import Step
from cti.switches.simulated.trunks import NO_OUTBOUND, Outbound

CALLER_LEG = "c"
ANY_TURN = -1
TYPE_PREFIX = "ringback."
VERSION_SUFFIX = ".v1"
ENDS_ANNOUNCEMENTS = {"established", "retrieved", "unmuted", "transferred", "connectionCleared"}
SEEN_MAX = 20_000  # ids of commands and of ended calls that are kept, oldest out first; commands live for seconds

Fact = dict[str, Any]


class Doing(StrEnum):
    LOGGED_OFF = "loggedOff"
    NOT_READY = "notReady"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "busy"
    AFTER_CALL = "workingAfterCall"


class Standing(StrEnum):
    """A leg's state, in CSTA's words."""

    INITIATED = "initiated"
    QUEUED = "queued"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"


@dataclass(slots=True)
class Agent:
    id: str
    device: str
    queues: list[str]
    doing: Doing = Doing.LOGGED_OFF
    since_ms: int = 0  # the agent who has been ready longest is next
    turn: int = 0
    away_next: str = ""  # the reason, if the agent goes not ready once free
    away_for_ms: int = 0


@dataclass(slots=True)
class Leg:
    connection: str
    device: str
    standing: Standing
    agent: str = ""
    since_ms: int = 0


@dataclass(slots=True)
class Call:
    id: str
    number: int
    direction: str
    calling: str
    called: str
    opened_ms: int
    queue: str = ""
    legs: dict[str, Leg] = field(default_factory=dict)
    turn: int = 0  # rises with each change; what was due before it is no longer due
    step: int = 0
    offers: int = 0
    in_queue: bool = False  # its queued interval is open
    not_to: str = ""  # the device just tried
    give_up_ms: int = 0
    ring_timeout_ms: int = 0
    muted: bool = False
    playing: str = ""  # the command whose announcement is heard
    playing_message: str = ""
    playing_until_ms: int = 0
    interrupt_on: list[str] = field(default_factory=list)
    parent: str = ""  # of a consultation: the call it is about
    consultation: str = ""
    order: str = ""  # the dial order that made it
    plan: list[Step] = field(default_factory=list)  # of a call made by order: what is still to come, at its time

    @property
    def customer(self) -> str:
        return self.called if self.order else self.calling

    def ringing(self) -> Leg | None:
        """The agent's leg that rings; a called party's is not one."""
        return next((leg for leg in self.legs.values() if leg.agent and leg.standing is Standing.ALERTING), None)

    def serving(self) -> Leg | None:
        """The agent's leg that is in conversation (of a consultation: the one who asked)."""
        return next((leg for leg in self.legs.values() if leg.agent and leg.standing is Standing.CONNECTED), None)


class Answer(NamedTuple):
    """A result of an order that was accepted before."""

    command_id: str
    state: str
    reason: str | None


class Due(NamedTuple):
    at_ms: int
    number: int  # of two at one time, the one that was made first
    action: str
    subject: str
    turn: int


@dataclass(slots=True)
class Pbx:
    """The whole state of the switch; `write` and `take` in `saved_state` turn it into JSON and back."""

    switch: str
    seed: int
    run: str  # makes event ids unique across restarts
    pace: str
    callers_per_min: float
    now_ms: int
    sequence: int
    next_caller: int = 1
    taking_calls: bool = True
    ring_timeout_ms: int = 20_000
    agents: dict[str, Agent] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)  # call ids, the head first
    agenda: list[Due] = field(default_factory=list)
    made: int = 0  # of the agenda's entries, ever
    seen: dict[str, None] = field(default_factory=dict)
    ended: dict[str, None] = field(default_factory=dict)
    out: list[Fact] = field(default_factory=list)
    memory: OrderMemory = field(default_factory=OrderMemory)
    answers: list[Answer] = field(default_factory=list)  # not yet handed out
    outbound: Outbound = NO_OUTBOUND

    @property
    def habits(self) -> Habits:
        return HABITS[self.pace]

    @property
    def source(self) -> str:
        return f"/switches/{self.switch}"

    def emit(
        self, kind: str, subject: str, at_ms: int, data: dict[str, Any], *, correlation: str = "", command_id: str = ""
    ) -> None:
        """Record an event as the CloudEvent that will be sent; `kind` with its family: "call.delivered"."""
        self.sequence += 1
        fact: Fact = {
            "specversion": "1.0",
            "id": f"{self.run}-{self.sequence}",
            "source": self.source,
            "type": f"{TYPE_PREFIX}{kind}{VERSION_SUFFIX}",
            "subject": subject,
            "time": rfc3339(at_ms),
            "datacontenttype": "application/json",
            "sequence": self.sequence,
            "data": data,
        }
        if correlation:
            fact["correlation"] = correlation
        if command_id:
            fact["commandid"] = command_id
        self.out.append(fact)

    def tell(self, call: Call, kind: str, at_ms: int, data: dict[str, Any], command_id: str = "") -> None:
        """A fact about a call; a consultation carries its call's correlation, a call made by order the order's id."""
        if call.order:
            self.memory.hear(call.order, kind, at_ms, data)
            command_id = command_id or call.order
        self.emit(f"call.{kind}", call.id, at_ms, data, correlation=call.parent or call.id, command_id=command_id)
        if call.playing and (kind in ENDS_ANNOUNCEMENTS or kind in call.interrupt_on):
            self.stop_playing(call, at_ms, completed=False)

    def stop_playing(self, call: Call, at_ms: int, *, completed: bool) -> None:
        """The announcement ends, by itself or broken off."""
        if call.playing:
            data = {"connection": CALLER_LEG, "message": call.playing_message, "completed": completed}
            command_id, call.playing, call.playing_until_ms = call.playing, "", 0
            self.tell(call, "announcementEnded", at_ms, data, command_id)

    def later(self, at_ms: int, action: str, subject: str, turn: int = ANY_TURN) -> None:
        self.made += 1
        heapq.heappush(self.agenda, Due(at_ms, self.made, action, subject, turn))

    def next_for(self, call: Call, at_ms: int, action: str) -> None:
        """Schedule the call's next step; replaces the one scheduled before."""
        call.turn += 1
        self.later(at_ms, action, call.id, call.turn)

    def take_due(self, until_ms: int) -> Due | None:
        if self.agenda and self.agenda[0].at_ms <= until_ms:
            return heapq.heappop(self.agenda)
        return None

    def saw(self, command_id: str) -> bool:
        """Whether the command was seen before; now it is."""
        if command_id in self.seen:
            return True
        _remember(self.seen, command_id)
        return False

    def forget(self, call: Call) -> None:
        """The call has ended; its id is known for a while."""
        del self.calls[call.id]
        if call.id in self.waiting:
            self.waiting.remove(call.id)
        _remember(self.ended, call.id)

    def ready_agent(self, queue: str, not_device: str = "", not_agent: str = "") -> Agent | None:
        """The agent idle longest, of those who serve the queue ("": any)."""
        ready = (
            agent
            for agent in self.agents.values()
            if agent.doing is Doing.READY
            and (not queue or queue in agent.queues)
            and agent.device != not_device
            and agent.id != not_agent
        )
        return min(ready, key=lambda agent: (agent.since_ms, agent.id), default=None)


def _remember(ids: dict[str, None], id_: str) -> None:
    ids[id_] = None
    if len(ids) > SEEN_MAX:
        del ids[next(iter(ids))]


def rfc3339(at_ms: float) -> str:
    """UTC with milliseconds."""
    whole = int(at_ms)
    moment = datetime.fromtimestamp(whole // 1000, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{whole % 1000:03d}Z"


def read_time_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without its zone: {text}")
    return round(moment.timestamp() * 1000)
