"""Read-only inspection of the topics: creates, appends and commits nothing; a cluster that is away costs LOOK_MAX_S."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
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
LINES_MAX = 3  # of the client's log
PROBE_MAX_S = 3.0  # for the last probe in the clock topic


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic. `replicas`: of the partition with the fewest."""

    partitions: int
    replicas: int
    in_sync: int
    leaderless: int  # partitions without a leader: neither readable nor writable
    configuration: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """What was found; offsets by log partition. A missing topic's partitions are left out."""

    brokers: int
    topics: Mapping[str, TopicFacts]
    firsts: Mapping[int, int]  # log start offsets
    ends: Mapping[int, int]  # log end offsets
    newer: Mapping[float, Mapping[int, int]]  # by moment (ms): the first offset that was appended no earlier
    mark_ms: int | None  # append time, by a broker's clock, of the last probe


async def inspect_topics(options: KafkaOptions, moments: Sequence[float], more: Collection[str] = ()) -> KafkaFacts:
    """Look. `moments`: times in ms for which offsets are wanted; `more`: names of other topics than the log's.

    Raises `LogAway`, `SettingsMistake`.
    """
    with _captured_log() as lines:
        try:
            async with asyncio.timeout(LOOK_MAX_S):
                return await _look(options, moments, more)
        except TimeoutError:
            raise LogAway(_with_log(f"Kafka did not answer within {LOOK_MAX_S:g} s", lines)) from None
        except (KafkaError, IncompatibleBrokerVersion, OSError) as error:
            raise LogAway(_with_log(f"Kafka cannot be asked: {error!r}", lines)) from error


async def _look(options: KafkaOptions, moments: Sequence[float], more: Collection[str]) -> KafkaFacts:
    async with _admin(options) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        topics = await _topics(admin, [*wanted_topics(options), *more])
    async with _consumer(options) as consumer:
        return await _offsets(consumer, options, brokers, topics, moments)


class _LogCapture(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


@contextlib.contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Capture the client's log, the only tp where it says why it cannot connect."""
    lines: list[str] = []
    logger, handler = logging.getLogger("aiokafka"), _LogCapture(lines)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _with_log(what: str, lines: Sequence[str]) -> str:
    return "; ".join([what, *list(dict.fromkeys(lines))[-LINES_MAX:]])


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
    described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(there)}
    found = await configurations(admin, there, LogAway)
    return {name: _topic(described[name], found.get(name, {})) for name in there}


def _topic(partitions: Sequence[Mapping[str, Any]], configuration: Mapping[str, str]) -> TopicFacts:
    return TopicFacts(
        len(partitions),
        min((len(partition["replicas"]) for partition in partitions), default=0),
        min((len(partition["isr"]) for partition in partitions), default=0),
        sum(partition["leader"] < 0 for partition in partitions),
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
    numbers = {names.tp(number): number for number in range(names.count)}
    tps = [tp for tp in numbers if _readable(topics, tp)]
    firsts = await consumer.beginning_offsets(tps) if tps else {}
    ends = await consumer.end_offsets(tps) if tps else {}
    newer: dict[float, dict[int, int]] = {}
    for moment in moments if tps else ():
        found = await consumer.offsets_for_times(dict.fromkeys(tps, max(int(moment), 0)))
        newer[moment] = {numbers[tp]: ends[tp] if mark is None else mark.offset for tp, mark in found.items()}
    return KafkaFacts(
        brokers,
        topics,
        {numbers[tp]: offset for tp, offset in firsts.items()},
        {numbers[tp]: offset for tp, offset in ends.items()},
        newer,
        await _mark(consumer, names.clock) if _readable(topics, names.clock) else None,
    )


def _readable(topics: Mapping[str, TopicFacts], tp: TopicPartition) -> bool:
    topic = topics.get(tp.topic)
    return topic is not None and tp.partition < topic.partitions and not topic.leaderless


async def _mark(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    """When the last probe was appended; None where there is none."""
    end = (await consumer.end_offsets([tp]))[tp]
    if end <= (await consumer.beginning_offsets([tp]))[tp]:
        return None
    consumer.assign([tp])
    consumer.seek(tp, end - 1)
    found = await consumer.getmany(tp, timeout_ms=round(PROBE_MAX_S * 1000), max_records=1)
    records = found.get(tp, ())
    return records[0].timestamp if records else None
