"""The error tree of the shell, drawn once. A class's docstring doubles as its message.

RingbackError
 +- LogAway           the event log cannot be reached or did not answer in time
 +- LogTruncated      the log no longer holds what follows our position
 +- LedgerAway        the ledger cannot be reached; nothing was written
 +- OutcomeUnknown    the connection broke while a commit was under way
 +- Fenced            another process owns the partition now
 +- WrongPartitions   the number of partitions differs from the one the ledger was made with
 +- WrongTopic        a Kafka topic is not as Ringback needs it
 +- SchemaTooNew      the ledger was made by a newer release
 +- SettingsMistake   a setting that cannot be used
 +- StoreInUse        another process serves the same SQLite file
 +- PartEnded         a background task of this process has ended
"""

from collections.abc import Iterable


class RingbackError(Exception):
    """Something outside the call core went wrong."""

    def __init__(self, detail: str = "", word: str = "away") -> None:
        """`detail` is for the log; `word`, one of `cti.sql.trouble`, is all that /readyz shows."""
        text = (self.__doc__ or "").split("\n", 1)[0]
        super().__init__(f"{text} ({detail})" if detail else text)
        self.detail, self.word = detail, word


class LogAway(RingbackError):
    """The event log cannot be reached or did not answer in time."""


class LogTruncated(RingbackError):
    """The event log no longer holds what follows the position reached; raise its retention or rebuild the ledger."""


class LedgerAway(RingbackError):
    """The ledger cannot be reached; nothing was written."""


class OutcomeUnknown(RingbackError):
    """The connection to the ledger broke while a commit was under way; whether it stands must be read again."""


class Fenced(RingbackError):
    """Another process owns a partition of this engine now; nothing was written."""

    def __init__(self, detail: str = "", partitions: Iterable[int] = ()) -> None:
        self.partitions = frozenset(partitions)  # those that were lost
        super().__init__(detail or ", ".join(f"partition {partition}" for partition in sorted(self.partitions)))


class WrongPartitions(RingbackError):
    """The number of partitions is fixed for the life of a ledger and differs from the one asked for."""


class WrongTopic(RingbackError):
    """A Kafka topic is not as Ringback needs it."""


class SchemaTooNew(RingbackError):
    """The ledger was made by a newer release of Ringback."""


class SettingsMistake(RingbackError):
    """A setting cannot be used."""


class StoreInUse(RingbackError):
    """Another process serves this SQLite file."""


class PartEnded(RingbackError):
    """A part of this process has ended and the process cannot go on without it."""
