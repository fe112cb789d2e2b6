"""The topics are made as the settings say, and what was made otherwise is refused with its name."""

import socket
from dataclasses import replace

import pytest
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cti.adapters.event_log_kafka.topics import make_topics
from cti.errors import LogAway, WrongPartitions, WrongTopic
from cti.rows import OutboxRow
from tests.integration.kafka.site import PARTITIONS, appending, key_of, offered, plain_admin, running, small
from tests.kafka import KafkaBroker


async def test_they_are_made_once_and_as_the_settings_say(kafka: KafkaBroker, kafka_prefix: str) -> None:
    options = small(kafka.bootstrap, kafka_prefix, retention_ms=86_400_000)
    await make_topics(options)
    await make_topics(options)
    async with plain_admin(kafka.bootstrap) as admin:
        made = {name.removeprefix(kafka_prefix) for name in await admin.list_topics() if name.startswith(kafka_prefix)}
        assert made == {
            *("calls.events", "agents.events", "switches.events", "commands"),
            *("calls.records", "calls.breaches", "dead-letters", "clock"),
        }
        name = kafka_prefix + "calls.events"
        (topic,) = await admin.describe_topics([name])
        assert len(topic["partitions"]) == PARTITIONS
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert found["message.timestamp.type"] == "LogAppendTime"
    assert (found["cleanup.policy"], found["retention.ms"]) == ("delete", "86400000")
    assert (found["min.insync.replicas"], found["unclean.leader.election.enable"]) == ("1", "false")
    assert int(found["max.message.bytes"]) > 1_000_000


async def test_another_number_of_partitions_is_refused(kafka: KafkaBroker, kafka_prefix: str) -> None:
    options = small(kafka.bootstrap, kafka_prefix)
    await make_topics(options)
    with pytest.raises(WrongPartitions, match=rf"{kafka_prefix}calls.events: 2 partitions, wanted 3"):
        await make_topics(replace(options, partitions=3))


async def test_partitions_that_were_added_are_refused_where_keys_are_looked_for_by_them(
    kafka: KafkaBroker, kafka_prefix: str
) -> None:
    options = small(kafka.bootstrap, kafka_prefix)
    added = {kafka_prefix + name: NewPartitions(PARTITIONS + 1) for name in ("calls.records", "clock")}
    async with plain_admin(kafka.bootstrap) as admin:
        async with running(options):
            await admin.create_partitions(added)
        async with running(options) as log:
            (place,) = await log.append([appending(offered("a"))])
            await log.publisher.publish([OutboxRow(0, 1, "calls.records", "grid", key_of("a"), "id", b"{}")])
            await admin.create_partitions({kafka_prefix + "calls.events": NewPartitions(PARTITIONS + 1)})
            assert (await log.append([appending(offered("a"))]))[0] == (place[0], place[1] + 1)
    with pytest.raises(WrongPartitions, match=r"calls.events: 3 partitions, wanted 2"):
        await make_topics(options)


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({"message.timestamp.type": "CreateTime"}, "message.timestamp.type is CreateTime, wanted LogAppendTime"),
        ({"cleanup.policy": "compact"}, "cleanup.policy is compact, wanted delete"),
        ({"retention.ms": "1000"}, "retention.ms is 1000, wanted 604800000"),
        ({"max.message.bytes": "65536"}, "max.message.bytes is 65536, wanted 2097152"),
    ],
)
async def test_a_topic_made_otherwise_is_refused(
    kafka: KafkaBroker, kafka_prefix: str, configuration: dict[str, str], told: str
) -> None:
    safe = {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "max.message.bytes": "3000000",
    }
    name = kafka_prefix + "agents.events"
    async with plain_admin(kafka.bootstrap) as admin:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=safe | configuration)])
    with pytest.raises(WrongTopic, match=f"{name}: {told}"):
        await make_topics(small(kafka.bootstrap, kafka_prefix))


async def test_what_is_kept_longer_and_safer_is_taken(kafka: KafkaBroker, kafka_prefix: str) -> None:
    await make_topics(small(kafka.bootstrap, kafka_prefix, retention_ms=7_200_000))
    async with running(small(kafka.bootstrap, kafka_prefix, retention_ms=3_600_000)) as log:
        assert log.partitions == 3 * PARTITIONS


async def test_more_replicas_than_brokers_are_refused_by_name(kafka: KafkaBroker, kafka_prefix: str) -> None:
    with pytest.raises(WrongTopic, match="calls.events could not be created: .*eplication"):
        await make_topics(small(kafka.bootstrap, kafka_prefix, replication=9))
    await make_topics(small(kafka.bootstrap, kafka_prefix))
    with pytest.raises(WrongTopic, match=r"replication.factor is 1, wanted 3"):
        await make_topics(small(kafka.bootstrap, kafka_prefix, replication=3))


async def test_a_cluster_that_is_not_there_is_away() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(LogAway):
            await make_topics(small(f"127.0.0.1:{taken.getsockname()[1]}", "x."))
