"""The product on Kafka and PostgreSQL, to whom uses topics alone: events in, and commands, records, breaches out."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from cti.adapters.event_log_kafka.records import CUT_BYTES
from cti.core.times import rfc3339
from cti.rows import DeadLetterFilter
from cti.settings import Settings
from cti.wiring import Service, serving
from tests.integration.kafka.site import PARTITIONS, SOURCE, TENANT, key_of, plain_producer
from tests.kafka import KafkaBroker
from tests.unit.test_published_kafka import breaks

WAIT_S = 30.0
COPIES = ("commands", "calls.records", "calls.breaches", "dead-letters")
LIFE = (
    ("offered", {"connection": "c", "calling": "+8679186261234", "direction": "inbound"}),
    ("delivered", {"connection": "a", "device": "8001", "agent": "1001", "queue": "q"}),
    ("established", {"connection": "a", "device": "8001", "agent": "1001"}),
    ("held", {"connection": "c", "heldConnection": "c", "holdingDevice": "8001"}),
    ("retrieved", {"connection": "c", "heldConnection": "c", "holdingDevice": "8001"}),
    ("connectionCleared", {"connection": "a", "releasingDevice": "8001"}),
    ("callCleared", {}),
)


@asynccontextmanager
async def product(kafka: KafkaBroker, prefix: str, db: str) -> AsyncIterator[Service]:
    settings = Settings.read(
        db=db, listen="127.0.0.1:0", kafka_bootstrap=kafka.bootstrap, kafka_prefix=prefix, kafka_tenant=TENANT,
        kafka_partitions=PARTITIONS, kafka_replication=1, kafka_min_insync=1,
    )  # fmt: skip
    async with serving(settings) as service:
        yield service


@asynccontextmanager
async def reader(kafka: KafkaBroker, prefix: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Of all that is copied, from the beginning."""
    consumer = AIOKafkaConsumer(*(prefix + kind for kind in COPIES), bootstrap_servers=kafka.bootstrap,
                                auto_offset_reset="earliest", group_id=None)  # fmt: skip
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def event(kind: str, subject: str, data: dict[str, Any], family: str = "call") -> bytes:
    told = {
        "specversion": "1.0", "id": f"{subject} {kind}", "source": SOURCE, "type": f"ringback.{family}.{kind}.v1",
        "subject": subject, "time": rfc3339(int(time.time() * 1000)), "data": data,
    }  # fmt: skip
    return json.dumps(told).encode()


async def declare(service: Service) -> None:
    key = await service.new_key(TENANT, ["events:write"], ["*"])
    headers = {"Authorization": f"Bearer {key}"}
    body = {"commands": ["promptAgent"], "if_other_ready": True}
    async with (
        aiohttp.ClientSession(service.url, headers=headers) as session,
        session.put("/v1/switches/one", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def tell(producer: AIOKafkaProducer, prefix: str) -> None:
    """A whole call, and beside it what nobody can read."""
    for kind, data in LIFE:
        await producer.send_and_wait(f"{prefix}calls.events", event(kind, "call", data), key=key_of("call").encode())
    await producer.send_and_wait(f"{prefix}calls.events", b"\xff no event", key=key_of("call").encode())


Found = dict[str, list[tuple[str, bytes]]]


def one_of_each(found: Found) -> bool:
    return all(found.values())


async def seen(consumer: AIOKafkaConsumer, prefix: str, enough: Callable[[Found], bool] = one_of_each) -> Found:
    """(id, value) by kind, until there is enough."""
    found: Found = {kind: [] for kind in COPIES}
    async with asyncio.timeout(WAIT_S):
        while not enough(found):
            record = await consumer.getone()
            name = dict(record.headers)["ringback-id"].decode()
            found[record.topic.removeprefix(prefix)].append((name, record.value))
    return found


async def test_topics_are_enough(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    async with product(kafka, kafka_prefix, postgres_url) as service, plain_producer(kafka.bootstrap) as producer:
        await declare(service)
        await tell(producer, kafka_prefix)
        async with reader(kafka, kafka_prefix) as consumer:
            found = await seen(consumer, kafka_prefix)
    (_, command), *_ = found["commands"]
    assert {name: json.loads(command)[name] for name in ("rule", "command", "subject", "agent")} == {
        "rule": "HOLD-1", "command": "promptAgent", "subject": "call", "agent": "1001",
    }  # fmt: skip
    (name, record), *_ = found["calls.records"]
    told = json.loads(record)
    assert (told["outcome"], told["released_by"], name) == ("answered", "agent", f"{told['call']}:1")
    (_, breach), *_ = found["calls.breaches"]
    assert {key: json.loads(breach)[key] for key in ("rule", "agent", "call", "revision")} == {
        "rule": "END-1", "agent": "1001", "call": told["call"], "revision": 1,
    }  # fmt: skip
    assert [value for _, value in found["dead-letters"]] == [b"\xff no event"]
    for message, body in (("promptAgent", command), ("ringback.call.record.v1", record), ("breach", breach)):
        assert breaks(message, body) == []


async def test_what_a_switch_says_of_itself_is_passed_on(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    """A snapshot in the topic of switches opens the call that it names, wherever that call belongs."""
    calls = [{"call": f"call {n}", "connections": [{"connection": "c", "state": "queued"}]} for n in range(5)]
    async with product(kafka, kafka_prefix, postgres_url) as service, plain_producer(kafka.bootstrap) as producer:
        snapshot = event(
            "switchSnapshot", "one", {"calls": calls, "agents": [{"agent": "7", "state": "ready"}]}, "switch"
        )
        await producer.send_and_wait(f"{kafka_prefix}switches.events", snapshot, key=key_of("one").encode())
        engine = service.engine
        async with asyncio.timeout(WAIT_S):
            while engine.calls < len(calls) or not engine.work.layers.base.agents:
                await service.pulse.moved.wait()
        subjects = {live.subject for live in engine.work.layers.base.calls.values()}
        assert subjects == {call["call"] for call in calls}
        assert [key[2] for key in engine.work.layers.base.agents] == ["7"]


async def test_what_had_not_arrived_is_sent_by_who_comes_next(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    """An engine that ends between its commit and the topic leaves its copies in the ledger."""
    async with product(kafka, kafka_prefix, postgres_url) as service, plain_producer(kafka.bootstrap) as producer:
        outbox = service.engine.outbox
        assert outbox is not None
        outbox.enqueue = lambda _rows: None
        await declare(service)
        await tell(producer, kafka_prefix)
        async with asyncio.timeout(WAIT_S):
            await service.drained()
        waiting = [row for partition in (0, 3) for row in await service.store.ledger.pending_outbox(partition)]
        assert {row.kind for row in waiting} == set(COPIES)
    async with product(kafka, kafka_prefix, postgres_url), reader(kafka, kafka_prefix) as consumer:
        found = await seen(consumer, kafka_prefix, lambda found: sum(map(len, found.values())) >= len(waiting))
    assert {kind: {name for name, _ in several} for kind, several in found.items()} == {
        kind: {row.id for row in waiting if row.kind == kind} for kind in COPIES
    }


async def test_a_transaction_s_end_moves_the_ledger_s_position(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    body, key = event(LIFE[0][0], "call", LIFE[0][1]), key_of("call").encode()
    async with product(kafka, kafka_prefix, postgres_url) as service:
        async with plain_producer(kafka.bootstrap, transactional_id=kafka_prefix) as producer, producer.transaction():
            await producer.send_and_wait(f"{kafka_prefix}calls.events", body, key=key)
        partition = service.store.log.partition_of(key_of("call"))
        async with asyncio.timeout(WAIT_S):
            while (await service.store.log.end()).positions[partition] < 2:
                continue  # the broker writes its mark after it has answered
            await service.drained()
        assert (await service.store.ledger.positions())[partition] == 2
        assert await service.store.ledger.dead_letters(DeadLetterFilter(), None, 10) == []


@pytest.mark.parametrize("compression", [None, "zstd"])
async def test_a_giant_is_set_aside_and_holds_up_no_copy(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str, compression: str | None
) -> None:
    """What fills a record leaves no room for what a copy says beside it; what came packed may be far larger."""
    giant = random.Random(1).randbytes(2_096_900) if compression is None else b"0" * 40_000_000
    options: dict[str, Any] = {"max_request_size": 99_000_000, "compression_type": compression}
    async with product(kafka, kafka_prefix, postgres_url) as service:
        await declare(service)
        async with plain_producer(kafka.bootstrap, **options) as producer:
            await producer.send_and_wait(f"{kafka_prefix}calls.events", giant, key=key_of("call").encode())
            await tell(producer, kafka_prefix)
        async with reader(kafka, kafka_prefix) as consumer:
            found = await seen(consumer, kafka_prefix, lambda found: len(found["dead-letters"]) == 2)
        first, *_ = await service.store.ledger.dead_letters(DeadLetterFilter(), None, 10)
    assert [value for _, value in found["dead-letters"]] == [giant[:CUT_BYTES], b"\xff no event"]
    assert (first.reason, first.size) == ("too_large", CUT_BYTES)
    assert str(len(giant)) in first.detail
