"""A broker that dies or stands still: what it does not acknowledge is refused in time, and all goes on by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OutOfOrderSequenceNumber

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.errors import LogAway
from tests.contract.reading import all_of, read_on
from tests.integration.kafka.site import appending, offered, running, small, taken
from tests.kafka import KafkaBroker, own_broker

WRITE_MAX_S = 1.0
BACK_MAX_S = 30.0


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with own_broker() as broker:
        yield broker


@pytest.fixture
async def log(broker: KafkaBroker, kafka_prefix: str) -> AsyncIterator[KafkaEventLog]:
    async with running(small(broker.bootstrap, kafka_prefix), write_max_s=WRITE_MAX_S) as log:
        yield log


async def test_a_killed_broker_is_away_within_the_bound_and_comes_back_by_itself(
    broker: KafkaBroker, log: KafkaEventLog
) -> None:
    kept = [appending(offered(f"call {n}")) for n in range(30)]
    await log.append(kept)
    await asyncio.to_thread(broker.kill)
    for n in range(3):
        await _refused(lambda n=n: log.append([appending(offered(f"lost {n}"))]), WRITE_MAX_S + 0.5)
    await _refused(log.end, 3.5)
    await asyncio.to_thread(broker.start)
    later = appending(offered("later"))
    await taken(log, later)
    bodies = [entry.body for entry in await all_of(log)]
    assert {item.body for item in (*kept, later)} <= set(bodies)
    assert bodies.count(kept[0].body) == 1


async def test_a_broker_that_stands_still_is_away_and_goes_on(broker: KafkaBroker, log: KafkaEventLog) -> None:
    await log.append([appending(offered("before"))])
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        await _refused(lambda: log.append([appending(offered("meanwhile"))]), WRITE_MAX_S + 0.5)
        await _refused(log.end, 3.5)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    await taken(log, appending(offered("after")))
    subjects = [entry.body for entry in await all_of(log)]
    assert any(b'"before"' in body for body in subjects)
    assert any(b'"after"' in body for body in subjects)


async def test_a_log_stops_in_time_while_its_broker_is_away(broker: KafkaBroker, kafka_prefix: str) -> None:
    log = await _started(small(broker.bootstrap, kafka_prefix))
    await asyncio.to_thread(broker.kill)
    waits = asyncio.create_task(log.append([appending(offered("a"))]))
    await _refused(log.end, 3.5)
    began = time.monotonic()
    await log.stop()
    assert time.monotonic() - began < 10
    with pytest.raises(LogAway):
        await waits
    with pytest.raises(LogAway):
        await log.append([appending(offered("a"))])
    await asyncio.to_thread(broker.start)


async def test_what_waits_is_bounded(broker: KafkaBroker, log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    await log.append([appending(offered("a"))])
    monkeypatch.setattr("cti.adapters.event_log_kafka.writer.WAITING_BYTES_MAX", 1_000)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        first = asyncio.create_task(log.append([appending(offered("a"))] * 50))
        second = asyncio.create_task(log.append([appending(offered("a"))] * 50))
        with pytest.raises(LogAway, match="acknowledge"):
            await first
        with pytest.raises(LogAway, match="bytes wait|acknowledge"):
            await second
        assert log._writer.waiting_bytes == 0
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    monkeypatch.undo()
    await taken(log, appending(offered("b")))


async def test_a_client_that_failed_for_good_is_replaced(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        first = await log._writer.producer()
        first._message_accumulator.fail_all(OutOfOrderSequenceNumber())
        with pytest.raises(LogAway, match="OutOfOrderSequenceNumber"):
            await log.append([appending(offered("a"))])
        item = appending(offered("b"))
        assert [position for _, position in await log.append([item] * 3)] == [1, 2, 3]
        assert await log._writer.producer() is not first
        assert [entry.body for entry in await all_of(log)] == [item.body] * 3


async def test_a_reader_that_is_stuck_is_replaced(
    kafka: KafkaBroker, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        ((partition, _),) = await log.append([appending(offered("a"))])
        assert len(await read_on(log, {partition: 0})) == 1
        stuck = log._reader._client
        assert stuck is not None
        stuck.pause(TopicPartition(kafka_prefix + "calls.events", partition // 3))  # as if it had forgotten to fetch
        await log.append([appending(offered("a"))])
        assert await log.read({partition: 1}, 10) == []
        assert (await log.end()).positions[partition] == 2
        assert log._reader._client is stuck  # not so soon
        monkeypatch.setattr("cti.adapters.event_log_kafka.reader.STALL_S", -1.0)
        assert (await log.end()).positions[partition] == 2
        assert log._reader._client is not stuck
        assert [entry.position for entry in await read_on(log, {partition: 1})] == [2]


async def test_a_log_that_is_away_is_no_stall(broker: KafkaBroker, log: KafkaEventLog) -> None:
    """When it is back every client would be made anew, just then. But who leads is asked again."""
    ((partition, _),) = await log.append([appending(offered("a"))])
    assert len(await read_on(log, {partition: 0})) == 1
    assert await log.read({partition: 1}, 10) == []
    assert log._reader._empty_since_s is not None
    assert log._reader._client is not None
    known = log._reader._client._client
    assert known._md_update_fut is None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        await _refused(log.end, 3.5)
        assert known._md_update_fut is not None
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert log._reader._empty_since_s is None


async def _started(options: KafkaOptions) -> KafkaEventLog:
    log = KafkaEventLog(options, SystemClock(), write_max_s=WRITE_MAX_S)
    await log.start()
    return log


async def _refused(act: Callable[[], Awaitable[object]], within_s: float) -> None:
    """Raises LogAway, in time."""
    began = time.monotonic()
    with pytest.raises(LogAway):
        await act()
    assert time.monotonic() - began < within_s
