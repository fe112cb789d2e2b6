"""Topics of parts in Kafka: what others write there for a part, and what a part publishes.

A part names its topics (`Part.topics`); a process with a cluster lends them (`Host.topics`). Nothing is made in Kafka,
and no reader is opened, before a task of the part asks for it: what is wrong with them costs the call side nothing.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from cti.ports import Entry
from schemas.reasons import DeadLetter

DEAD_LETTERS_FROM = 1_000  # the partitions of dead letters of parts' topics; the log's own have smaller numbers
DEAD_LETTERS_OF_A_TOPIC = 256  # as many partitions as a topic may have
DEAD_LETTERS = "dead-letters"  # the topic of the call side that tells of those of parts, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic of a part. `name`: below the prefix. `dead_letters_from`: the first of DEAD_LETTERS_OF_A_TOPIC partition
    numbers for dead letters of a topic that the part reads; None: the part writes it.
    """

    name: str
    about: str
    key: str  # what the key of a record is, in words
    message: str  # the name of its records
    schema: str  # of their values, below schemas/published/v1
    dead_letters_from: int | None = None

    @property
    def is_read(self) -> bool:
        return self.dead_letters_from is not None

    def has_dead_letter(self, partition: int) -> bool:
        """Whether dead letters of this partition are the topic's."""
        first = self.dead_letters_from
        return first is not None and first <= partition < first + DEAD_LETTERS_OF_A_TOPIC


class SetAside(NamedTuple):
    """A record that could not be used, byte for byte: a dead letter. `at_ms`: when Kafka took it."""

    partition: int  # `Topic.dead_letters_from` and on
    position: int
    tenant: str
    reason: DeadLetter
    detail: str
    at_ms: int
    body: bytes


class Publication(NamedTuple):
    """A record of a part, `topic` below the prefix. `id`: a reader knows by it what it has seen."""

    topic: str
    tenant: str
    key: str
    id: str
    body: bytes


class Offsets(NamedTuple):
    """The position before the first record of each partition, and the position of its last one."""

    firsts: Mapping[int, int]
    ends: Mapping[int, int]


class TopicReader(Protocol):
    """Reads one topic. A position is an offset plus one, so that 0 is before everything. All raise `LogAway`."""

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """As `EventLog.read`: what is at hand after these positions. Raises `LogTruncated`."""

    async def offsets(self) -> Offsets: ...

    def wake(self, event: asyncio.Event) -> None:
        """Set `event` whenever there is more to read."""

    async def stop(self) -> None: ...


class DeadLetterBox(Protocol):
    """Dead letters of parts' topics, beside those of the log. Statements in the caller's transaction."""

    def put(self, connection: Connection, dead_letters: Sequence[SetAside]) -> None: ...

    def read(self, connection: Connection, partition: int, position: int) -> SetAside | None: ...

    def forget(self, connection: Connection, tenant: str, texts: Collection[str]) -> int:
        """Blank those of the tenant in which one of the texts stands, as JSON writes it; longer ones as they are, too.
        How many.
        """


class PartTopics(Protocol):
    """The parts' topics in one process."""

    partitions: int  # of each topic

    async def open(self, topic: str) -> TopicReader:
        """Make the topic where it is missing, and read it. Raises `LogAway`, `WrongTopic`, `WrongPartitions`."""

    async def make(self, topics: Collection[str]) -> None:
        """Make these where they are missing, and check them. Raises as `open`."""

    async def publish(self, records: Sequence[Publication]) -> None:
        """Return when all have arrived, in order within a key. Raises `LogAway`; then some may have."""

    async def put_back(self, topic: str, dead_letters: Sequence[SetAside]) -> None:
        """Write records to the topic again that were set aside. Raises `LogAway`."""
