"""`PartTopics` in memory: what is written is read from it, and what is published is kept."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cti.errors import LogAway, LogTruncated
from cti.ports import Entry
from cti.topics import Offsets, Publication, SetAside
from schemas.reasons import DeadLetter
from tests.scheduler import START_MS, TENANT


@dataclass
class MemoryTopics:
    """One topic that is read. `away`: nobody answers; `lost`: the acknowledgement of what is published is;
    `away_after`: so many records are published, then nobody answers.
    """

    partitions: int = 2
    away: bool = False
    lost: bool = False
    away_after: int | None = None
    confused: int = 0  # so many reads say that what follows is gone, though it is there
    opened: int = 0
    records: dict[int, list[Entry]] = field(default_factory=dict)
    firsts: dict[int, int] = field(default_factory=dict)  # offsets below these were deleted
    published: list[Publication] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    def write(
        self, body: bytes, tenant: str = TENANT, partition: int = 0, unfit: tuple[DeadLetter, str] | None = None
    ) -> None:
        there = self.records.setdefault(partition, [])
        there.append(Entry(partition, len(there) + 1, START_MS, tenant, body, None, unfit))

    def begin_anew(self) -> None:
        """The topic is deleted and made again."""
        self.records.clear()
        self.firsts.clear()

    def answer(self) -> None:
        if self.away:
            raise LogAway("nobody answers")

    async def make(self, topics: Collection[str]) -> None:
        self.answer()
        self.made |= set(topics)

    async def open(self, topic: str) -> "MemoryReader":
        await self.make([topic])
        self.opened += 1
        return MemoryReader(self)

    async def publish(self, records: Sequence[Publication]) -> None:
        self.answer()
        self.published += records
        self.away = self.away_after is not None and len(self.published) >= self.away_after
        if self.lost:
            raise LogAway("no acknowledgement")

    async def put_back(self, topic: str, dead_letters: Sequence[SetAside]) -> None:
        for letter in dead_letters:
            self.write(letter.body, letter.tenant)


class MemoryReader:
    """`TopicReader`."""

    def __init__(self, topics: MemoryTopics) -> None:
        self._topics = topics

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        self._topics.answer()
        if self._topics.confused:
            self._topics.confused -= 1
            raise LogTruncated("gone")
        found: list[Entry] = []
        for partition, position in after.items():
            there = self._topics.records.get(partition, [])
            if not self._topics.firsts.get(partition, 0) <= position <= len(there):
                raise LogTruncated(f"{partition}: {position} is gone")
            found += there[position:]
        return found[:limit]

    async def offsets(self) -> Offsets:
        self._topics.answer()
        every = range(self._topics.partitions)
        ends = {partition: len(self._topics.records.get(partition, ())) for partition in every}
        return Offsets({partition: self._topics.firsts.get(partition, 0) for partition in every}, ends)

    def wake(self, event: asyncio.Event) -> None:
        """Nobody is woken: the scene steps."""

    async def stop(self) -> None:
        """Nothing is open."""
