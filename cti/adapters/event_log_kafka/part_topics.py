"""`PartTopics` of `cti.topics`: topics that parts read and write, beside those of the log.

A topic that is read is JSON written by others, one message a record. Its key is free: what a record means does not
depend on the partition. The tenant is that of our header, else the topics' own, as for events.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import ConsumerRecord, TopicPartition

from cti.adapters.event_log_kafka.publisher import KafkaPublisher
from cti.adapters.event_log_kafka.reader import KafkaReader
from cti.adapters.event_log_kafka.records import (
    CUT_BYTES,
    JSON,
    TENANT_HEADER,
    Unreadable,
    media_type_of,
    tenant_of,
)
from cti.adapters.event_log_kafka.settings import BODY_BYTES_MAX, KafkaOptions
from cti.adapters.event_log_kafka.topics import kept_topic, make_topics
from cti.adapters.event_log_kafka.writer import KafkaWriter, Record
from cti.adapters.partitioning import partition_of
from cti.ports import Entry
from cti.rows import OutboxRow
from cti.topics import Offsets, Publication, SetAside
from schemas.reasons import DeadLetter


class OneTopic:
    """The partitions of one topic by their own numbers (`reader.Numbered`)."""

    def __init__(self, topic: str, partitions: int) -> None:
        self._topic, self.partitions, self.count = topic, partitions, partitions

    def tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    def number(self, tp: TopicPartition) -> int:
        number: int = tp.partition
        return number


class PlainReading:
    """Decodes records that are no events (`reader.Decoding`); what their partition is does not matter."""

    def __init__(self, partition: int, number: int, count: int, tenant: str) -> None:
        del number, count
        self._partition, self._tenant = partition, tenant
        self._appended_ms = 0  # of the last entry

    def begin(self) -> None:
        self._appended_ms = 0

    def mark(self, position: int) -> Entry:
        return Entry(self._partition, position, self._appended_ms, self._tenant, b"")

    def entries(self, records: Sequence[ConsumerRecord]) -> list[Entry]:
        return [self._plain(record) for record in records]

    def _plain(self, record: ConsumerRecord) -> Entry:
        body, tenant, unfit = record.value or b"", self._tenant, None
        self._appended_ms = record.timestamp
        try:
            tenant = tenant_of(record.headers, b"") or tenant
            if (named := media_type_of(record.headers)) not in ("", JSON):
                raise Unreadable(f"content-type {named[:80]} is not taken here: {JSON}")
            if not body:
                raise Unreadable("the record has no value")
        except Unreadable as error:
            unfit = (DeadLetter.UNREADABLE, str(error))
        if len(body) > BODY_BYTES_MAX:  # a compressed record can have any size
            unfit = (DeadLetter.TOO_LARGE, f"{len(body)} bytes, of which the first {CUT_BYTES} are kept")
            body = body[:CUT_BYTES]
        return Entry(self._partition, record.offset + 1, record.timestamp, tenant, body, None, unfit)


class KafkaTopicReader:
    """`TopicReader`: a consumer of its own, without a group; positions are the caller's."""

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        self._reader = KafkaReader(options, OneTopic(topic, options.partitions), PlainReading)

    async def start(self) -> None:
        await self._reader.start()

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        return await self._reader.read(after, limit)

    async def offsets(self) -> Offsets:
        return Offsets(await self._reader.firsts(), await self._reader.ends())

    def wake(self, event: asyncio.Event) -> None:
        self._reader.wake(event)

    async def stop(self) -> None:
        await self._reader.stop()


class KafkaPartTopics:
    """`PartTopics` on the log's own writer and publisher."""

    def __init__(self, options: KafkaOptions, writer: KafkaWriter, publisher: KafkaPublisher) -> None:
        self._options, self._writer, self._publisher = options, writer, publisher
        self.partitions = options.partitions

    async def open(self, topic: str) -> KafkaTopicReader:
        name = self._options.prefix + topic
        await make_topics(self._options, (), {name: kept_topic(self._options)}, exact=[name])
        reader = KafkaTopicReader(self._options, name)
        await reader.start()
        return reader

    async def make(self, topics: Collection[str]) -> None:
        await make_topics(
            self._options, (), {self._options.prefix + name: kept_topic(self._options) for name in topics}
        )

    async def publish(self, records: Sequence[Publication]) -> None:
        await self._publisher.publish(
            [OutboxRow(0, 0, record.topic, record.tenant, record.key, record.id, record.body) for record in records]
        )

    async def put_back(self, topic: str, dead_letters: Sequence[SetAside]) -> None:
        there: dict[TopicPartition, list[Record]] = {}
        for letter in dead_letters:
            tp = TopicPartition(self._options.prefix + topic, partition_of(letter.tenant, self.partitions))
            tenant = letter.tenant.encode()
            there.setdefault(tp, []).append(Record(tenant, letter.body, [(TENANT_HEADER, tenant)]))
        await self._writer.write(there)
