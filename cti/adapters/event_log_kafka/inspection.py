"""The topics looked at from outside: nothing is made, appended or committed, and a cluster that is away is no long
wait.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError

from cti.adapters.event_log_kafka.settings import KafkaOptions, make_admin, make_consumer
from cti.adapters.event_log_kafka.topics import Topics, configurations, wanted_topics
from cti.errors import LogAway

LOOK_MAX_S = 20.0
STOP_MAX_S = 2.0
SAID_MAX = 3  # lines of the client's
MARK_MAX_S = 3.0  # for the last mark of the clock's topic


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic. Replicas: of the partition that has fewest."""

    partitions: int
    replicas: int
    in_sync: int
    leaderless: int  # partitions that nobody leads: they can neither be read nor written
    configuration: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """What was found; offsets by log partition. What a topic that is missing would hold is left out."""

    brokers: int
    topics: Mapping[str, TopicFacts]
    firsts: Mapping[int, int]  # the offset of the first record that is still there
    ends: Mapping[int, int]  # the offset behind the last one
    newer: Mapping[float, Mapping[int, int]]  # by moment (ms): the first offset that was appended no earlier
    mark_ms: int | None  # append time, by a broker's clock, of the last mark that some process left


async def inspect_topics(options: KafkaOptions, moments: Sequence[float]) -> KafkaFacts:
    """Look. `moments`: times in ms for which offsets are wanted. Raises `LogAway`, `SettingsMistake`."""
    with _heard() as said:
        try:
            async with asyncio.timeout(LOOK_MAX_S):
                return await _look(options, moments)
        except TimeoutError:
            raise LogAway(_told(f"Kafka did not answer within {LOOK_MAX_S:g} s", said)) from None
        except (KafkaError, IncompatibleBrokerVersion, OSError) as error:
            raise LogAway(_told(f"Kafka cannot be asked: {error!r}", said)) from error


async def _look(options: KafkaOptions, moments: Sequence[float]) -> KafkaFacts:
    async with _admin(options) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        topics = await _topics(admin, list(wanted_topics(options)))
    async with _consumer(options) as consumer:
        return await _offsets(consumer, options, brokers, topics, moments)


class _Hearing(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """What the client writes to its log instead of standard error: there alone it says why it cannot connect."""
    said: list[str] = []
    logger, handler = logging.getLogger("aiokafka"), _Hearing(said)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _told(what: str, said: Sequence[str]) -> str:
    return "; ".join([what, *list(dict.fromkeys(said))[-SAID_MAX:]])


@contextlib.asynccontextmanager
async def _admin(options: KafkaOptions) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = make_admin(options)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def _consumer(options: KafkaOptions) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = make_consumer(options)
    try:
        await consumer.start()
        yield consumer
    finally:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(consumer.stop(), STOP_MAX_S)


async def _topics(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, TopicFacts]:
    there = [name for name in await admin.list_topics() if name in set(names)]
    if not there:
        return {}
    described = {one["topic"]: one["partitions"] for one in await admin.describe_topics(there)}
    found = await configurations(admin, there, LogAway)
    return {name: _topic(described[name], found.get(name, {})) for name in there}


def _topic(partitions: Sequence[Mapping[str, Any]], configuration: Mapping[str, str]) -> TopicFacts:
    return TopicFacts(
        len(partitions),
        min((len(one["replicas"]) for one in partitions), default=0),
        min((len(one["isr"]) for one in partitions), default=0),
        sum(one["leader"] < 0 for one in partitions),
        configuration,
    )


async def _offsets(
    consumer: AIOKafkaConsumer,
    options: KafkaOptions,
    brokers: int,
    topics: Mapping[str, TopicFacts],
    moments: Sequence[float],
) -> KafkaFacts:
    names = Topics(options.prefix, options.partitions)
    numbers = {names.place(number): number for number in range(names.count)}
    places = [place for place in numbers if _readable(topics, place)]
    firsts = await consumer.beginning_offsets(places) if places else {}
    ends = await consumer.end_offsets(places) if places else {}
    newer: dict[float, dict[int, int]] = {}
    for moment in moments if places else ():
        found = await consumer.offsets_for_times(dict.fromkeys(places, max(int(moment), 0)))
        newer[moment] = {numbers[place]: ends[place] if one is None else one.offset for place, one in found.items()}
    return KafkaFacts(
        brokers,
        topics,
        {numbers[place]: offset for place, offset in firsts.items()},
        {numbers[place]: offset for place, offset in ends.items()},
        newer,
        await _mark(consumer, names.clock) if _readable(topics, names.clock) else None,
    )


def _readable(topics: Mapping[str, TopicFacts], place: TopicPartition) -> bool:
    topic = topics.get(place.topic)
    return topic is not None and place.partition < topic.partitions and not topic.leaderless


async def _mark(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """When the last mark was appended; None where there is none."""
    end = (await consumer.end_offsets([place]))[place]
    if end <= (await consumer.beginning_offsets([place]))[place]:
        return None
    consumer.assign([place])
    consumer.seek(place, end - 1)
    found = await consumer.getmany(place, timeout_ms=round(MARK_MAX_S * 1000), max_records=1)
    records = found.get(place, ())
    return records[0].timestamp if records else None
