"""What the tests of the Kafka log share: small topics, a log between start and stop, a plain client beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.errors import LogAway
from cti.ports import Appending
from schemas.envelope import body_of, read_event

PARTITIONS = 2
TAKEN_MAX_S = 90.0  # for a broker to be back, or another one to lead
TENANT, SOURCE = "grid", "/switches/one"
SMALL = KafkaOptions("", tenant=TENANT, partitions=PARTITIONS, replication=1, min_insync=1)


def small(bootstrap: str, prefix: str, **changed: Any) -> KafkaOptions:
    """Options of two partitions a topic, for a cluster of one broker."""
    return replace(SMALL, bootstrap=bootstrap, prefix=prefix, **changed)


@asynccontextmanager
async def running(options: KafkaOptions, write_max_s: float = 5.0) -> AsyncIterator[KafkaEventLog]:
    """The log, started; stopped whatever becomes of it."""
    log = KafkaEventLog(options, SystemClock(), write_max_s=write_max_s)
    try:
        await log.start()
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def plain_producer(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A client as an integrator has it."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def plain_admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def key_of(subject: str) -> str:
    return f"{TENANT}:{SOURCE}:{subject}"


def offered(subject: str, **extensions: Any) -> dict[str, Any]:
    """A call's first event, as an integrator writes it."""
    return {
        "specversion": "1.0",
        "id": f"offered {subject}",
        "source": SOURCE,
        "type": "ringback.call.offered.v1",
        "subject": subject,
        "time": "2026-03-02T01:00:12.000Z",
        **extensions,
        "data": {"calling": "1", "called": "2", "direction": "inbound"},
    }


def appending(item: dict[str, Any], **changed: Any) -> Appending:
    """The item as the door appends it."""
    event = read_event(item)
    return Appending(TENANT, key_of(item["subject"]), body_of(item), event)._replace(**changed)


async def taken(log: KafkaEventLog, item: Appending) -> None:
    """Append until it is acknowledged, each trial within its own bound."""
    async with asyncio.timeout(TAKEN_MAX_S):
        while True:
            try:
                await log.append([item])
                return
            except LogAway:
                continue
