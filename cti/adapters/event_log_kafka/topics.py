"""The topics: their names, how log partitions are numbered over them, and how they are made and checked.

Log partition 3p is `calls.events` p, 3p + 1 is `agents.events` p, and 3p + 2 is `switches.events` p: engines own
adjacent numbers, so each gets its share of the calls, which are nearly all of the work. A topic's number of partitions
is fixed for life: a key's partition depends on it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, UnknownTopicOrPartitionError, for_code

from cti.adapters.event_log_kafka.settings import REQUEST_BYTES_MAX, KafkaOptions, make_admin
from cti.adapters.partitioning import partition_of
from cti.errors import LogAway, LogTruncated, RingbackError, WrongPartitions, WrongTopic
from schemas.envelope import Family

CALLS, AGENTS, SWITCHES = "calls.events", "agents.events", "switches.events"
COMMANDS, RECORDS, BREACHES, DEAD_LETTERS = "commands", "calls.records", "calls.breaches", "dead-letters"
EVENTS = (CALLS, AGENTS, SWITCHES)
OUTBOX = (COMMANDS, RECORDS, BREACHES, DEAD_LETTERS)
CLOCK = "clock"  # one partition that nobody consumes: its append times give the log's clock
UNLIMITED = "-1"
CLOCK_RETENTION_MS = 3_600_000
MAKE_MAX_S = 30.0
LOOK_AGAIN_S = 0.1  # a new topic is not known to every broker at once
TOPIC_EXISTS, UNKNOWN_TOPIC, NO_LEADER = 36, 3, 5
_OFFSET_IN_GROUP: Mapping[Family, int] = {"call": 0, "agent": 1, "switch": 2, "": 0}


class Topics:
    """Names and numbers. `partitions`: of a topic; `count`: of the event log, three times as many; `everywhere`: the
    log partitions of calls and agents.
    """

    def __init__(self, prefix: str, partitions: int) -> None:
        self.prefix, self.partitions, self.count = prefix, partitions, len(EVENTS) * partitions
        self.clock = TopicPartition(prefix + CLOCK, 0)
        self._numbered = [TopicPartition(prefix + kind, n) for n in range(partitions) for kind in EVENTS]
        self.everywhere = [n for n in range(self.count) if not self.passes_on(n)]
        self._numbers = {tp: number for number, tp in enumerate(self._numbered)}

    def tp(self, partition: int) -> TopicPartition:
        """The topic partition of a log partition."""
        return self._numbered[partition]

    def number(self, tp: TopicPartition) -> int:
        """The log partition of a topic partition."""
        return self._numbers[tp]

    def partition_of(self, key: str, family: Family) -> int:
        return partition_of(key, self.partitions) * len(EVENTS) + _OFFSET_IN_GROUP[family]

    def outbox_partition(self, kind: str, key: str) -> TopicPartition:
        """The topic partition of a row that is published; `kind`: one of OUTBOX, or a part's topic."""
        return TopicPartition(self.prefix + kind, partition_of(key, self.partitions))

    def passes_on(self, partition: int) -> bool:
        return partition % len(EVENTS) == _OFFSET_IN_GROUP["switch"]


Wanted = Mapping[str, tuple[int, dict[str, str]]]
"""Partitions and configuration by name."""


def wanted_topics(options: KafkaOptions) -> Wanted:
    """Those of the log and of what is published from its ledger."""
    wanted = {options.prefix + kind: kept_topic(options) for kind in (*EVENTS, *OUTBOX)}
    wanted[options.prefix + CLOCK] = (1, _shared(options) | {"retention.ms": str(CLOCK_RETENTION_MS)})
    return wanted


def kept_topic(options: KafkaOptions) -> tuple[int, dict[str, str]]:
    """Partitions and configuration of a topic whose records somebody waits for."""
    return options.partitions, _shared(options) | {"retention.ms": str(options.retention_ms)}


def _shared(options: KafkaOptions) -> dict[str, str]:
    return {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "min.insync.replicas": str(options.min_insync),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(REQUEST_BYTES_MAX),
    }


async def make_topics(
    options: KafkaOptions, read: Collection[str] = (), wanted: Wanted | None = None, exact: Collection[str] = ()
) -> None:
    """Create missing topics and check them all. Bounded. `wanted`: others than the log's own; `exact`: those of them
    whose every partition is read.

    `read`: topics that a ledger has read from; recreated, they would start at the first offset again, and records up to
    the ledger's position would never be read.

    Raises `LogTruncated` where one of these has gone, `WrongPartitions`, `WrongTopic` (topic, configuration, found and
    wanted are named), `LogAway`.
    """
    try:
        async with asyncio.timeout(MAKE_MAX_S):
            admin = make_admin(options)
            try:
                await admin.start()
                await _make(admin, options, read, wanted or wanted_topics(options), exact)
            finally:
                await admin.close()
    except TimeoutError:
        raise LogAway(f"Kafka's topics were not ready within {MAKE_MAX_S:g} s") from None
    except (KafkaError, IncompatibleBrokerVersion) as error:
        raise LogAway(f"Kafka's topics cannot be asked for: {error!r}") from error


async def _make(
    admin: AIOKafkaAdminClient, options: KafkaOptions, read: Collection[str], wanted: Wanted, exact: Collection[str]
) -> None:
    known = await _describe(admin, wanted)
    missing = [name for name in wanted if name not in known]
    for name in missing:
        if name in read and name not in await admin.list_topics():
            raise LogTruncated(f"the topic {name}, which this ledger has read from, is not there")
    if missing:
        await _create(admin, options, {name: wanted[name] for name in missing})
    while missing:
        known = await _describe(admin, wanted)
        missing = [name for name in wanted if name not in known]
        if missing:
            await asyncio.sleep(LOOK_AGAIN_S)
    for name, (partitions, _) in wanted.items():
        _check_partitions(name, known[name], partitions, options, exact)
    for name, found in (await _known_everywhere(admin, wanted)).items():
        _check_configuration(name, found, wanted[name][1])


async def _known_everywhere(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Each topic's configuration, once the broker that is asked has heard of it: one that was just made is known to the
    others a little later.
    """
    while True:
        try:
            return await configurations(admin, names)
        except UnknownTopicOrPartitionError:
            await asyncio.sleep(LOOK_AGAIN_S)


async def _create(admin: AIOKafkaAdminClient, options: KafkaOptions, wanted: Wanted) -> None:
    new = [
        NewTopic(name, partitions, options.replication, topic_configs=configuration)
        for name, (partitions, configuration) in wanted.items()
    ]
    answer = await admin.create_topics(new)
    for name, code, message, *_ in answer.topic_errors:
        if code not in (0, TOPIC_EXISTS):  # another process may be starting too
            raise WrongTopic(f"{name} could not be created: {message or for_code(code).__name__}")


async def _describe(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The partitions of each topic that exists and has leaders."""
    found = await admin.describe_topics(list(names))
    for topic in found:
        if topic["error_code"] not in (0, UNKNOWN_TOPIC, NO_LEADER):
            raise for_code(topic["error_code"])(topic["topic"])
    return {topic["topic"]: topic["partitions"] for topic in found if topic["error_code"] == 0 and topic["partitions"]}


def fits(name: str, found: int, wanted: int, exact: Collection[str] = ()) -> bool:
    """Whether a topic's number of partitions is acceptable. More than wanted (Kafka cannot remove partitions) is
    harmless where we look up no key by partition, and read none: in outbox topics and the clock.
    """
    return found == wanted or (found > wanted and not name.endswith(EVENTS) and name not in exact)


def enough(key: str, has: str, wanted: str) -> bool:
    """Whether a configuration value is acceptable. Longer retention, or more safety, than asked for is not wrong."""
    if not wanted.isdigit():
        return has.lower() == wanted.lower()
    return has.lstrip("-").isdigit() and (int(has) >= int(wanted) or (key == "retention.ms" and has == UNLIMITED))


def _check_partitions(
    name: str, found: Sequence[Mapping[str, Any]], partitions: int, options: KafkaOptions, exact: Collection[str]
) -> None:
    if not fits(name, len(found), partitions, exact):
        raise WrongPartitions(f"topic {name}: {len(found)} partitions, wanted {partitions}")
    fewest = min(len(topic["replicas"]) for topic in found)
    if fewest < options.replication:
        raise WrongTopic(f"{name}: replication.factor is {fewest}, wanted {options.replication}")


async def configurations(
    admin: AIOKafkaAdminClient, names: Iterable[str], unreadable: type[RingbackError] = WrongTopic
) -> dict[str, dict[str, str]]:
    """Each topic's configuration. Raises UnknownTopicOrPartitionError where the broker does not know a topic,
    `unreadable` where it does not return one.
    """
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, message, _, name, entries in answer.resources:
            if code == UNKNOWN_TOPIC:
                raise UnknownTopicOrPartitionError(name)
            if code != 0:
                raise unreadable(f"{name}: its configuration cannot be read: {message or for_code(code).__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _check_configuration(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for key, value in wanted.items():
        has = found.get(key, "nothing")
        if not enough(key, has, value):
            raise WrongTopic(f"{name}: {key} is {has}, wanted {value}")
