"""The event log as Kafka topics: of calls, of agents, of switches, with P partitions each.

A log partition is one topic partition (`topics` has the numbering); a position is the Kafka offset plus one. The
brokers set append times (LogAppendTime) and delete by their own retention. Modules: `topics` names, numbers and checks;
`writer` appends; `reader` reads; `records` decodes CloudEvents, `unpacking` what the client itself cannot; `publisher`
writes the outbox topics, and `offsets` shows our positions to Kafka's tools.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count

from cti.adapters.event_log_kafka.offsets import GroupOffsets
from cti.adapters.event_log_kafka.part_topics import KafkaPartTopics
from cti.adapters.event_log_kafka.publisher import KafkaPublisher
from cti.adapters.event_log_kafka.reader import KafkaReader
from cti.adapters.event_log_kafka.records import record_of
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import EVENTS, Topics, make_topics
from cti.adapters.event_log_kafka.writer import WRITE_MAX_S, KafkaWriter, Record
from cti.adapters.log_clock import ServerClock
from cti.ports import Appending, Clock, Entry, LogEnd
from schemas.envelope import Event, Family

NOWHERE: Mapping[int, int] = {}
PARSED_MAX = 16_384  # parsed events kept for the engine of this process: some 20 MB


class KafkaEventLog:
    """`EventLog` of `cti.ports`. `clock`: this machine's, synchronised with the brokers'."""

    def __init__(self, options: KafkaOptions, clock: Clock, *, write_max_s: float = WRITE_MAX_S) -> None:
        self._options = options
        self._topics = Topics(options.prefix, options.partitions)
        self._writer = KafkaWriter(options, write_max_s)
        self._reader = KafkaReader(options, self._topics)
        self._offsets = GroupOffsets(options, self._topics)
        self._clock = ServerClock(clock, self._ask_time)
        self._parsed: dict[tuple[int, int], Event] = {}
        self._tickets = count()
        self._started_ms: dict[int, float] = {}  # appends in flight, by ticket: when each began
        self.publisher = KafkaPublisher(self._writer, self._topics)
        self.of_parts = KafkaPartTopics(options, self._writer, self.publisher)

    async def start(self, read_to: Mapping[int, int] = NOWHERE) -> None:
        """Create and check the topics, and start. `read_to`: the ledger's positions; topics with one are not recreated.

        Raises `LogTruncated`, `WrongPartitions`, `WrongTopic`, `SettingsMistake`, `LogAway`.
        """
        known = [partition for partition, position in read_to.items() if position and partition < self._topics.count]
        await make_topics(self._options, {self._topics.tp(partition).topic for partition in known})
        await self._writer.start()
        await self._reader.start()
        await self._clock.start()

    async def stop(self) -> None:
        await self._clock.stop()
        await self._offsets.stop()
        await self._reader.stop()
        await self._writer.stop()

    @property
    def partitions(self) -> int:
        return self._topics.count

    kinds = len(EVENTS)

    def partition_of(self, key: str, family: Family = "call") -> int:
        return self._topics.partition_of(key, family)

    def passes_on(self, partition: int) -> bool:
        return self._topics.passes_on(partition)

    def now_ms(self) -> float:
        return self._clock.now_ms()

    def wake(self, event: asyncio.Event) -> None:
        self._reader.wake(event)

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        if not items:
            return []
        records, firsts = self._records_of(items)
        ticket = next(self._tickets)
        self._started_ms[ticket] = self.now_ms()
        try:
            offsets = await self._writer.write({self._topics.tp(there): some for there, some in records.items()})
        finally:
            del self._started_ms[ticket]
        kept = {there: offsets[self._topics.tp(there)] for there in records}
        positions_of = [(partition, kept[partition][index] + 1) for partition, index in firsts]
        self._keep_parsed(items, positions_of)
        return positions_of

    def _records_of(self, items: Sequence[Appending]) -> tuple[dict[int, list[Record]], list[tuple[int, int]]]:
        """The records by log partition; and for each item (partition, index) of its first record."""
        records: dict[int, list[Record]] = {}
        firsts: list[tuple[int, int]] = []
        for item in items:
            family = "call" if item.event is None else item.event.family
            partition = 0 if item.everywhere else self._topics.partition_of(item.key, family)
            there = records.get(partition)
            if there is None:
                there = records[partition] = []
            firsts.append((partition, len(there)))
            record = record_of(item, self._options.tenant)
            there.append(record)
            if item.everywhere:
                for another in self._topics.everywhere[1:]:
                    records.setdefault(another, []).append(record)
        return records, firsts

    def _keep_parsed(self, items: Sequence[Appending], positions_of: Sequence[tuple[int, int]]) -> None:
        """Keep parsed events for the engine of this process; the oldest go first where it does not fetch them."""
        parsed = self._parsed
        for item, position in zip(items, positions_of, strict=True):
            if item.event is not None and self._reader.reads(position[0]):
                parsed[position] = item.event
        while len(parsed) > PARSED_MAX:
            del parsed[next(iter(parsed))]

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        entries = await self._reader.read(after, limit)
        parsed = self._parsed
        if not parsed:
            return entries
        return [
            entry
            if (event := parsed.pop((entry.partition, entry.position), None)) is None
            else entry._replace(event=event)
            for entry in entries
        ]

    async def end(self) -> LogEnd:
        """Covers every append acknowledged by then, of any process; not those still being replicated."""
        at_ms = min(self.now_ms(), next(iter(self._started_ms.values()), self.now_ms()))
        return LogEnd(await self._reader.ends(), at_ms)

    async def purge(self, before_ms: int, latest_ms: int | None = None) -> int:
        """Kafka's own retention deletes."""
        del before_ms, latest_ms
        return 0

    async def tell_positions(self, positions: Mapping[int, int]) -> bool:
        """Commit positions under the group id, for Kafka's tools; whether Kafka accepted them."""
        return await self._offsets.commit(positions)

    async def _ask_time(self) -> float:
        return await self._writer.probe(self._topics.clock)
