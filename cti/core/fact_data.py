"""What a fact says, typed: the one place in the core that reads `data`.

The events' models (`schemas.call_events`) have validated it; a fact of an unknown or later form may lack any member.
Nearly every event makes one of the first three: their constructors are written out, which compiles to assignments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cti.core.facts import Fact
from schemas.fields import NUMBER_CHARS_MAX


@dataclass(slots=True, init=False)
class OpeningData:
    """offered, serviceInitiated, originated. A snapshot's call has its queue here too."""

    connection: str | None
    direction: str | None
    calling: str | None
    called: str | None
    trunk: str | None
    queue: str | None
    correlation: str | None
    commandid: str | None

    def __init__(
        self,
        connection: str | None,
        direction: str | None,
        calling: str | None,
        called: str | None,
        trunk: str | None,
        queue: str | None,
        correlation: str | None,
        commandid: str | None,
    ) -> None:
        self.connection = connection
        self.direction = direction
        self.calling = calling
        self.called = called
        self.trunk = trunk
        self.queue = queue
        self.correlation = correlation
        self.commandid = commandid


@dataclass(slots=True, init=False)
class PartyData:
    """delivered, established: a leg, and who it is."""

    connection: str
    device: str | None
    agent: str | None
    queue: str | None

    def __init__(
        self,
        connection: str,
        device: str | None,
        agent: str | None,
        queue: str | None,
    ) -> None:
        self.connection = connection
        self.device = device
        self.agent = agent
        self.queue = queue


@dataclass(slots=True, init=False)
class ClearingData:
    """networkReached, diverted, failed, connectionCleared: a leg moves, and who moved it."""

    connection: str | None
    device: str | None
    releasing_device: str | None
    release_reason: str | None

    def __init__(
        self,
        connection: str | None,
        device: str | None,
        releasing_device: str | None,
        release_reason: str | None,
    ) -> None:
        self.connection = connection
        self.device = device
        self.releasing_device = releasing_device
        self.release_reason = release_reason


class HoldData(NamedTuple):
    """held, retrieved. `connection` names the leg that is held, where `heldConnection` does not name another."""

    connection: str
    holding_device: str | None


class TransferData(NamedTuple):
    """transferred, conferenced."""

    primary: str | None
    secondary: str | None
    resulting: str | None
    connections: Mapping[str, str]  # old -> new
    blind: bool
    to: str | None
    reason: str | None


def opening_data(fact: Fact) -> OpeningData:
    read = fact.data.get
    return OpeningData(
        read("connection"),
        read("direction"),
        number(read("calling")),
        number(read("called")),
        read("trunk"),
        read("queue"),
        read("$correlation"),
        read("$commandid"),
    )


def number(written: str | None) -> str | None:
    """A number or a device's address, cut to the length that a call keeps: `schemas.fields.Number` accepts longer ones.

    All are cut alike, because one party is named by either.
    """
    return written if written is None or len(written) <= NUMBER_CHARS_MAX else written[:NUMBER_CHARS_MAX]


def party_data(fact: Fact) -> PartyData:
    data = fact.data
    return PartyData(
        data["connection"], number(data.get("device") or data.get("answering")), data.get("agent"), data.get("queue")
    )


def clearing_data(fact: Fact) -> ClearingData:
    read = fact.data.get
    device, releasing = number(read("device")), number(read("releasingDevice"))
    return ClearingData(read("connection"), device, releasing, read("releaseReason"))


def hold_data(fact: Fact) -> HoldData:
    data = fact.data
    return HoldData(data.get("heldConnection") or data["connection"], number(data.get("holdingDevice")))


def transfer_data(fact: Fact) -> TransferData:
    read = fact.data.get
    return TransferData(
        read("primaryOldCall"),
        read("secondaryOldCall"),
        read("resultingCall"),
        read("connections") or {},
        bool(read("blind")),
        number(read("to")),
        read("reason"),
    )


def cause_data(fact: Fact) -> tuple[str | None, int | None]:
    """Why: CSTA's word, and Q.850's number."""
    return fact.data.get("cause"), fact.data.get("q850")


def connection_of(fact: Fact) -> str | None:
    """The leg that a fact speaks of, if it names one."""
    return fact.data.get("connection")


def is_refusal(fact: Fact) -> bool:
    """Whether it is a switch's answer that did not do what was commanded: that shows no live call."""
    return fact.kind == "commandResult" and fact.data.get("state") == "refused"


def agent_of(fact: Fact) -> str | None:
    """The agent whom a fact names, if any."""
    return fact.data.get("agent")


def commandid_of(fact: Fact) -> str | None:
    """The command that caused the event."""
    return fact.data.get("$commandid")


def device_of(fact: Fact) -> str | None:
    return number(fact.data.get("device"))


def queue_of(fact: Fact) -> str | None:
    return fact.data.get("queue")


def noted(fact: Fact, member: str) -> Any:
    """A member of what is only noted (digits, tone, score ...), or None."""
    return fact.data.get(member)
