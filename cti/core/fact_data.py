"""What a fact says, typed: the one place in the core that reads `data`.

The events' models (`schemas.call_events`) have validated it; a fact of an unknown or later form may lack any member.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cti.core.facts import Fact
from schemas.fields import NUMBER_CHARS_MAX


class OpeningData(NamedTuple):
    """offered, serviceInitiated, originated. A snapshot's call has its queue here too."""

    connection: str | None
    direction: str | None
    calling: str | None
    called: str | None
    trunk: str | None
    queue: str | None
    correlation: str | None
    commandid: str | None


class PartyData(NamedTuple):
    """delivered, established: a leg, and who it is."""

    connection: str
    device: str | None
    agent: str | None
    queue: str | None


class ClearingData(NamedTuple):
    """networkReached, diverted, failed, connectionCleared: a leg moves, and who moved it."""

    connection: str | None
    device: str | None
    releasing_device: str | None
    release_reason: str | None


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
    """A number, cut to the length that a call keeps: `schemas.fields.Number` accepts longer ones."""
    return written if written is None or len(written) <= NUMBER_CHARS_MAX else written[:NUMBER_CHARS_MAX]


def party_data(fact: Fact) -> PartyData:
    data = fact.data
    return PartyData(
        data["connection"], data.get("device") or data.get("answering"), data.get("agent"), data.get("queue")
    )


def clearing_data(fact: Fact) -> ClearingData:
    read = fact.data.get
    return ClearingData(read("connection"), read("device"), read("releasingDevice"), read("releaseReason"))


def hold_data(fact: Fact) -> HoldData:
    data = fact.data
    return HoldData(data.get("heldConnection") or data["connection"], data.get("holdingDevice"))


def transfer_data(fact: Fact) -> TransferData:
    read = fact.data.get
    return TransferData(
        read("primaryOldCall"),
        read("secondaryOldCall"),
        read("resultingCall"),
        read("connections") or {},
        bool(read("blind")),
        read("to"),
        read("reason"),
    )


def cause_data(fact: Fact) -> tuple[str | None, int | None]:
    """Why: CSTA's word, and Q.850's number."""
    return fact.data.get("cause"), fact.data.get("q850")


def connection_of(fact: Fact) -> str | None:
    """The leg that a fact speaks of, if it names one."""
    return fact.data.get("connection")


def agent_of(fact: Fact) -> str | None:
    """The agent whom a fact names, if any."""
    return fact.data.get("agent")


def commandid_of(fact: Fact) -> str | None:
    """The command that caused the event."""
    return fact.data.get("$commandid")


def device_of(fact: Fact) -> str | None:
    return fact.data.get("device")


def queue_of(fact: Fact) -> str | None:
    return fact.data.get("queue")


def noted(fact: Fact, member: str) -> Any:
    """A member of what is only noted (digits, tone, score ...), or None."""
    return fact.data.get(member)
