"""Reading: several processes, what retention took, Kafka's own marks, positions told to its tools; and the copies."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.publisher import LEFT_OUT_HEADER, REASON_HEADER
from cti.adapters.event_log_kafka.records import Reading
from cti.adapters.event_log_kafka.settings import BODY_BYTES_MAX
from cti.errors import LogAway, LogTruncated
from cti.ports import Entry
from cti.rows import OutboxRow
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
        with pytest.raises(LogTruncated, match=rf"{place.topic} {place.partition}: offset 5 is gone"):
            await log.read({partition: 5}, 10)
        assert [entry.position for entry in await read_on(log, {partition: 6}, 10, 4)] == [7, 8, 9, 10]
        await log.append(items)
        await admin.delete_records({place: RecordsToDelete(20)})
        with pytest.raises(LogTruncated):
            await log.read({partition: 12}, 10)
        with pytest.raises(LogTruncated, match="it ends at 19"):
            await log.read({partition: 21}, 10)  # behind the end: this is not the log we read


async def test_a_reader_that_retention_overtakes_while_it_reads_is_told(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log, plain_admin(kafka.bootstrap) as admin:
        ((partition, _),) = await log.append([appending(offered("a"))])
        assert len(await read_on(log, {partition: 0}, 10)) == 1
        client, state = log._reader._client, log._reader._assigned[partition]
        assert client is not None
        place = TopicPartition(kafka_prefix + "calls.events", partition // 3)
        await log.append([appending(offered("a"))] * 5)
        await admin.delete_records({place: RecordsToDelete(6)})
        client.seek(place, 3)  # as if we had been slow: the client asks for what has gone
        state.next_offset = 3
        with pytest.raises(LogTruncated, match="the broker says so"):
            await read_on(log, {partition: state.after}, 10, 10)


async def test_kafkas_own_mark_at_the_end_is_a_place_that_is_read_and_says_nothing(
    kafka: KafkaBroker, kafka_prefix: str
) -> None:
    place = TopicPartition(kafka_prefix + "calls.events", 0)
    async with running(small(kafka.bootstrap, kafka_prefix)) as log, plain_admin(kafka.bootstrap) as admin:
        place = TopicPartition(kafka_prefix + "calls.events", log.partition_of(key_of("a")) // 3)
        partition = place.partition * 3
        async with plain_producer(kafka.bootstrap, transactional_id=kafka_prefix) as producer:
            async with producer.transaction():
                await producer.send_and_wait(place.topic, appending(offered("a")).body, key_of("a").encode())
            assert (await log.end()).positions[partition] == 2
            entries = await all_of(log)
            assert [(one.position, one.is_mark) for one in entries] == [(1, False), (2, True)]
            assert entries[1].appended_at_ms == entries[0].appended_at_ms
            await producer.begin_transaction()
            await producer.send_and_wait(place.topic, b"aborted", key_of("a").encode())
            await producer.abort_transaction()
        async with asyncio.timeout(WAIT_MAX_S):  # Kafka answers before it has written its mark
            while (await log.end()).positions[partition] < 4:
                pass
        ((_, position),) = await log.append([appending(offered("a"))])
        assert position == 5
        later = await read_on(log, {partition: 2}, 10, 2)
        assert [(one.position, one.is_mark) for one in later] == [(3, False), (5, False)]
        async with (
            plain_producer(kafka.bootstrap, transactional_id=kafka_prefix) as producer,
            producer.transaction(),
        ):
            await producer.send_and_wait(place.topic, b"{}", key_of("a").encode())
        assert [one.position for one in await read_on(log, {partition: 5}, 10, 2)] == [6, 7]  # woken for the mark, too
        await admin.delete_records({place: RecordsToDelete(7)})  # retention, when long nothing came
        assert await log.read({partition: 7}, 10) == []


async def test_what_the_client_had_when_it_broke_off_is_read_again(
    kafka: KafkaBroker, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked, broke = list[int](), list[int]()
    getall = fetcher.FetchResult.getall

    def broken(self: Any, max_records: int) -> Any:
        """Something is wrong with what came of one partition, when that of another has just been unpacked."""
        partition = self._topic_partition.partition
        if unpacked and unpacked[-1] != partition and not broke:
            broke.append(partition)
            raise CorruptRecordException
        records = getall(self, max_records)
        if len(records) > 1:
            unpacked.append(partition)
        return records

    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        items = [appending(offered(f"call {n}")) for n in range(12)]
        places = await log.append(items)
        monkeypatch.setattr(fetcher.FetchResult, "getall", broken)
        found: list[Entry] = []
        at = dict.fromkeys(range(log.partitions), 0)
        async with asyncio.timeout(WAIT_MAX_S):
            while len(found) < len(items):
                try:
                    some = await read_on(log, at, 100)
                except LogAway:
                    continue
                found += some
                at |= {one.partition: one.position for one in some}
    assert broke
    assert [(one.partition, one.position) for one in sorted(found)] == sorted(places)


async def test_a_reader_that_has_a_defect_says_so(
    kafka: KafkaBroker, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError

    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        ((partition, _),) = await log.append([appending(offered("a"))])
        assert len(await read_on(log, {partition: 0})) == 1
        monkeypatch.setattr(Reading, "entries", defect)
        await log.append([appending(offered("a"))])
        with pytest.raises(ZeroDivisionError):
            await read_on(log, {partition: 1})


async def test_topics_made_anew_under_a_ledger_are_told_from_what_retention_took(
    kafka: KafkaBroker, kafka_prefix: str
) -> None:
    options = small(kafka.bootstrap, kafka_prefix)
    async with running(options) as log, plain_admin(kafka.bootstrap) as admin:
        ((partition, _), *_) = await log.append([appending(offered("a"))] * 5)
        assert len(await read_on(log, {partition: 0}, 10, 5)) == 5
        await admin.delete_topics([kafka_prefix + "calls.events"])
    async with running(options) as log:
        with pytest.raises(LogTruncated, match="it ends at -1: recreated"):
            await log.read({partition: 5}, 10)


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
        copies = [OutboxRow(0, n, "calls.records", "grid", key, f"id-{n}", b'{"revision":%d}' % n) for n in range(5)]
        giant = OutboxRow(0, 6, "calls.records", "grid", key, "id-5", b"0" * (BODY_BYTES_MAX + 1))
        letter = OutboxRow(0, 5, "dead-letters", "grid", "grid:wrong_partition", "1:7", b"\xff\x00")
        await log.publisher.publish([*copies, letter, giant])
        reader = AIOKafkaConsumer(
            kafka_prefix + "calls.records", kafka_prefix + "dead-letters",
            bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest",
        )  # fmt: skip
        await reader.start()
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                got = [await reader.getone() for _ in range(7)]
        finally:
            await reader.stop()
        assert (await log.end()).positions == dict.fromkeys(range(log.partitions), 0)  # no engine reads copies
    records = [(dict(one.headers)["ringback-id"], one.value) for one in got if one.topic.endswith("records")]
    assert records == [*[(b"id-%d" % n, b'{"revision":%d}' % n) for n in range(5)], (b"id-5", b"")]
    left_out = [dict(one.headers).get(LEFT_OUT_HEADER) for one in got]
    assert [size for size in left_out if size] == [str(len(giant.body)).encode()]
    assert [one.value for one in got if one.topic.endswith("letters")] == [b"\xff\x00"]
    reasons = [dict(one.headers).get(REASON_HEADER) for one in got]
    assert [reason for reason in reasons if reason] == [b"wrong_partition"]
