"""The error tree of the shell, drawn once. A class's docstring doubles as its message.

RingbackError          (this one and those marked * stand in `cti.sql.errors`)
 +- LogAway            the event log cannot be reached or did not answer in time
 +- LogTruncated       the log no longer holds what follows our position
 +- LedgerAway *       the ledger cannot be reached; nothing was written
 +- OutcomeUnknown *   the connection broke while a commit was under way
 +- Fenced             another process owns a partition or another resource now
 +- DialNotAllowed     no operator has said yet that no older release runs on this ledger
 +- NoDialStream       no live command stream of a switch takes dial orders
 +- WrongPartitions    the number of partitions differs from the one the ledger was made with
 +- WrongTopic         a Kafka topic is not as Ringback needs it
 +- SchemaTooNew *     the ledger was made by a newer release
 +- SettingsMistake *  a setting that cannot be used
 +- StoreInUse *       another process serves the same SQLite file
 +- PartEnded          a background task of this process has ended
"""

from collections.abc import Iterable

from cti.sql.errors import LedgerAway, OutcomeUnknown, RingbackError, SchemaTooNew, SettingsMistake, StoreInUse

__all__ = (
    "DialNotAllowed",
    "Fenced",
    "LedgerAway",
    "LogAway",
    "LogTruncated",
    "NoDialStream",
    "OutcomeUnknown",
    "PartEnded",
    "RingbackError",
    "SchemaTooNew",
    "SettingsMistake",
    "StoreInUse",
    "WrongPartitions",
    "WrongTopic",
)


class LogAway(RingbackError):
    """The event log cannot be reached or did not answer in time."""


class LogTruncated(RingbackError):
    """The event log no longer holds what follows the position reached; raise its retention or rebuild the ledger."""


class Fenced(RingbackError):
    """Another process owns a partition, or another resource, of this one's now; nothing was written."""

    def __init__(self, detail: str = "", partitions: Iterable[int] = (), resources: Iterable[str] = ()) -> None:
        """What was lost: partitions of the engines' group, or resources of another lease group."""
        self.partitions, self.resources = frozenset(partitions), frozenset(resources)
        lost = [f"partition {partition}" for partition in sorted(self.partitions)] + sorted(self.resources)
        super().__init__(detail or ", ".join(lost))


class DialNotAllowed(RingbackError):
    """Dialling is not allowed on this ledger: stop what runs of older releases, then `ringback dial allow`."""


class NoDialStream(RingbackError):
    """No live command stream of the switch takes dial orders; nothing was written."""


class WrongPartitions(RingbackError):
    """The number of partitions is fixed for the life of a ledger and differs from the one asked for."""


class WrongTopic(RingbackError):
    """A Kafka topic is not as Ringback needs it."""


class PartEnded(RingbackError):
    """A part of this process has ended and the process cannot go on without it."""
