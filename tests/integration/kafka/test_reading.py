"""Reading: several processes, what retention took, Kafka's own marks, positions told to its tools; and the copies."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka import KafkaEventLog
from cti.errors import LogTruncated
from cti.ports import Entry
from cti.rows import CopyRow
from tests.contract.reading import WAIT_MAX_S, all_of, read_on
from tests.integration.kafka.site import appending, key_of, offered, plain_admin, plain_producer, running, small
from tests.kafka import KafkaBroker


async def test_processes_read_what_others_append(kafka: KafkaBroker, kafka_prefix: str) -> None:
    options = small(kafka.bootstrap, kafka_prefix)
    async with running(options) as one, running(options) as two:
        items = [appending(offered(f"call {n}")) for n in range(60)]
        await asyncio.gather(*[log.append([item]) for n, item in enumerate(items) for log in [(one, two)[n % 2]]])
        first, second = await all_of(one), await all_of(two)
        assert sorted(entry.body for entry in first) == sorted(item.body for item in items)
        assert {entry[:5] for entry in first} == {entry[:5] for entry in second}
        assert (await one.end()).positions == (await two.end()).positions


async def test_partitions_are_taken_up_and_given_away(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        items = [appending(offered(f"call {n}")) for n in range(40)]
        places = await log.append(items)
        mine = [place for place in places if place[0] == 0]
        entries = await read_on(log, {0: 0}, 100, len(mine))
        assert [(entry.partition, entry.position) for entry in entries] == mine
        both = await read_on(log, {0: mine[4][1], 3: 0}, 100, len(places) - 5)
        assert len(both) == len(places) - 5
        assert [entry.position for entry in both if entry.partition == 0] == [at for _, at in mine[5:]]
        assert await log.read({}, 10) == []
        assert len(await read_on(log, {3: 0}, 100, len(places) - len(mine))) == len(places) - len(mine)


async def test_what_retention_took_stops_the_reader_loudly(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log, plain_admin(kafka.bootstrap) as admin:
        items = [appending(offered("a"))] * 10
        ((partition, _), *_) = await log.append(items)
        assert len(await read_on(log, {partition: 5}, 3, 3)) == 3
        place = TopicPartition(kafka_prefix + "calls.events", partition // 3)
        await admin.delete_records({place: RecordsToDelete(6)})
        with pytest.raises(LogTruncated, match=rf"{place.topic} {place.partition}: offset 5 has gone"):
            await log.read({partition: 5}, 10)
        assert [entry.position for entry in await read_on(log, {partition: 6}, 10, 4)] == [7, 8, 9, 10]
        await log.append(items)
        await admin.delete_records({place: RecordsToDelete(20)})
        with pytest.raises(LogTruncated):
            await log.read({partition: 12}, 10)
        with pytest.raises(LogTruncated, match="it holds 20 to 19"):
            await log.read({partition: 21}, 10)  # behind the end: this is not the log we read


async def test_a_reader_that_retention_overtakes_while_it_reads_is_told(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log, plain_admin(kafka.bootstrap) as admin:
        ((partition, _),) = await log.append([appending(offered("a"))])
        assert len(await read_on(log, {partition: 0}, 10)) == 1
        client, strand = log._reader._client, log._reader._strands[partition]
        assert client is not None
        place = TopicPartition(kafka_prefix + "calls.events", partition // 3)
        await log.append([appending(offered("a"))] * 5)
        await admin.delete_records({place: RecordsToDelete(6)})
        client.seek(place, 3)  # as if we had been slow: the client asks for what has gone
        strand.next_offset = 3
        with pytest.raises(LogTruncated, match="the broker says so"):
            await read_on(log, {partition: strand.after}, 10, 10)


async def test_kafkas_own_mark_at_the_end_keeps_nobody_from_the_end(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        topic, key = kafka_prefix + "calls.events", key_of("a").encode()
        partition = log.partition_of(key_of("a"))
        async with plain_producer(kafka.bootstrap, transactional_id=kafka_prefix) as producer, producer.transaction():
            await producer.send_and_wait(topic, appending(offered("a")).body, key)
        assert (await log.end()).positions[partition] == 2  # nobody has read: the mark counts
        assert len(await all_of_reachable(log, partition)) == 1
        ((_, position),) = await log.append([appending(offered("a"))])
        assert position == 3
        assert [entry.position for entry in await read_on(log, {partition: 1}, 10)] == [3]


async def all_of_reachable(log: KafkaEventLog, partition: int) -> list[Entry]:
    """Everything of a partition, until what was read is its end."""
    found: list[Entry] = []
    at = 0
    async with asyncio.timeout(WAIT_MAX_S):
        while (await log.end()).positions[partition] != at or not found:
            for entry in await log.read({partition: at}, 10):
                found.append(entry)
                at = entry.position
    return found


async def test_the_logs_clock_is_the_brokers(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        before = log.now_ms()
        await log.append([appending(offered("a"))])
        after = log.now_ms()
        (entry,) = await all_of(log)
        assert before - 50 <= entry.appended_at_ms <= after + 50
        assert abs(log.now_ms() - SystemClock().now_ms()) < 1_000
        assert (await log.end()).at_ms <= log.now_ms()
        assert abs(time.time() * 1000 - entry.appended_at_ms) < 10_000


async def test_positions_are_shown_to_kafkas_tools(kafka: KafkaBroker, kafka_prefix: str) -> None:
    options = small(kafka.bootstrap, kafka_prefix, group=f"{kafka_prefix}group")
    async with running(options) as log, plain_admin(kafka.bootstrap) as admin:
        assert await log.tell_positions({0: 5, 4: 7})
        assert await log.tell_positions({0: 6})
        told = await admin.list_consumer_group_offsets(options.group)
    assert {(place.topic.removeprefix(kafka_prefix), place.partition): one.offset for place, one in told.items()} == {
        ("calls.events", 0): 6,
        ("agents.events", 1): 7,
    }


async def test_copies_reach_integrators_in_order_with_their_ids(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        key = key_of("a")
        copies = [CopyRow(0, n, "calls.records", "grid", key, f"id-{n}", b'{"revision":%d}' % n) for n in range(5)]
        await log.publisher.publish([*copies, CopyRow(0, 5, "dead-letters", "grid", key, "1:7", b"\xff\x00")])
        reader = AIOKafkaConsumer(
            kafka_prefix + "calls.records", kafka_prefix + "dead-letters",
            bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest",
        )  # fmt: skip
        await reader.start()
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                got = [await reader.getone() for _ in range(6)]
        finally:
            await reader.stop()
        assert (await log.end()).positions == dict.fromkeys(range(log.partitions), 0)  # no engine reads copies
    records = [(dict(one.headers)["ringback-id"], one.value) for one in got if one.topic.endswith("records")]
    assert records == [(b"id-%d" % n, b'{"revision":%d}' % n) for n in range(5)]
    assert [one.value for one in got if one.topic.endswith("letters")] == [b"\xff\x00"]
