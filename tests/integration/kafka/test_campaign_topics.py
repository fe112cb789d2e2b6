"""Topics of campaigns on a real Kafka and PostgreSQL: payments in, letters out, each once."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import RecordsToDelete
from sqlalchemy import Connection, create_engine, func, insert, select, text

from campaigns.context import Context
from campaigns.ledger import topic_positions
from campaigns.ledger.tables import audit, campaigns, outbound, outbox, settlements
from campaigns.topics.names import NOTICES, SETTLEMENTS
from campaigns.topics.settlements import SettlementsTopic
from campaigns.written_notices.owing import Owed, owe_all
from cti.adapters.ledger.tables import dead_letters
from cti.wiring import Service
from tests.campaigns.notices.rows import campaign_row, contact_row
from tests.campaigns.topics.test_settlements_topic import payment
from tests.integration.kafka.site import PARTITIONS, TENANT, plain_admin, plain_producer
from tests.integration.kafka.test_service import product
from tests.kafka import KafkaBroker, own_broker
from tests.unit.test_published_kafka import breaks

WAIT_S = 60.0
ASK_EVERY_S = 0.05
MANY = 600
CAMPAIGN = "c0123456789abcde"
HELD_UP = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def context_of(service: Service) -> Context:
    (found,) = [one.opened.shared for one in service.hosted if isinstance(one.opened.shared, Context)]
    return found


async def read(service: Service, query: Any) -> list[Any]:
    def all_of(connection: Connection) -> list[Any]:
        return list(connection.execute(query))

    return await context_of(service).reader.run(all_of)


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, and leave the processors to who works."""
    async with asyncio.timeout(WAIT_S):
        while not await wanted():
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_EVERY_S):
                    await asyncio.Event().wait()


async def told(service: Service) -> list[str]:
    return [row[0] for row in await read(service, select(settlements.c.reference).order_by(settlements.c.reference))]


async def send(producer: AIOKafkaProducer, prefix: str, body: bytes | None, tenant: str | None = None) -> None:
    headers = [] if tenant is None else [("ringback-tenant", tenant.encode())]
    await producer.send_and_wait(prefix + SETTLEMENTS.name, body, key=b"any", headers=headers)


@asynccontextmanager
async def reading(broker: KafkaBroker, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    options = {"auto_offset_reset": "earliest", "group_id": None}
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=broker.bootstrap, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def next_records(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord]:
    async with asyncio.timeout(WAIT_S):
        return [await consumer.getone() for _ in range(count)]


async def begun(service: Service) -> None:
    """The topics are there, and this process reads."""

    async def stands() -> bool:
        found = await context_of(service).reader.run(topic_positions.of_topic, SETTLEMENTS.name)
        return len(found) == PARTITIONS

    await until(stands)


async def owed(service: Service, count: int) -> None:
    """So many notices of a campaign."""
    row = campaign_row(id=CAMPAIGN, tenant=TENANT)
    people = [contact_row(no, id=f"{CAMPAIGN}-{no}", campaign=CAMPAIGN, tenant=TENANT) for no in range(1, count + 1)]

    def act(connection: Connection, given: Any) -> Any:
        connection.execute(insert(campaigns), [row._asdict()])
        owe_all(connection, [Owed(row, one, []) for one in people], 1)
        return given

    await context_of(service).writer.run(act, None)


async def take(service: Service) -> dict[str, Any]:
    """A batch, as HTTP shows it."""
    key = await service.new_key(TENANT, ["notices:export"], ["*"])
    async with aiohttp.ClientSession(service.url, headers={"Authorization": f"Bearer {key}"}) as session:
        async with session.post("/v1/notice-batches", json={"campaign": CAMPAIGN}) as answer:
            assert answer.status == 201, await answer.text()
            path = answer.headers["Location"]
        async with session.get(path) as answer:
            shown: dict[str, Any] = await answer.json()
            return shown


async def test_payments_of_two_tenants_and_what_cannot_be_used(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    giant = b"0" * 3_000_000
    async with product(kafka, kafka_prefix, postgres_url) as service:
        for tenant in (TENANT, "other"):
            await service.new_key(tenant, ["campaigns:write"], ["*"])
        await begun(service)
        async with plain_producer(kafka.bootstrap, compression_type="gzip", max_request_size=9_000_000) as producer:
            for body, tenant in (
                (payment(), None), (payment(account="B1"), "other"), (b"not JSON", None), (giant, None),
                (None, None), (payment(reference="R8"), "stranger"), (payment(reference="R8"), "NO TENANT"),
                (payment(colour=1), "other"), (payment(reference="R9"), TENANT),
            ):  # fmt: skip
                await send(producer, kafka_prefix, body, tenant)
            named = [("content-type", b"text/csv")]
            await producer.send_and_wait(kafka_prefix + SETTLEMENTS.name, payment(), headers=named)

        async def settled() -> bool:
            return len(await read(service, select(dead_letters.c.reason))) == 7 and len(await told(service)) == 3

        await until(settled)
        rows = await read(service, select(settlements.c.tenant, settlements.c.reference, settlements.c.account))
        assert set(map(tuple, rows)) == {(TENANT, "R1", "A1"), ("other", "R1", "B1"), (TENANT, "R9", "A1")}
        letters = await read(service, select(dead_letters))
        assert sorted((row.reason, row.tenant) for row in letters) == [
            ("invalid", TENANT), ("invalid", "other"), ("too_large", TENANT), ("unknown_tenant", "stranger"),
            ("unreadable", TENANT), ("unreadable", TENANT), ("unreadable", TENANT),
        ]  # fmt: skip
        assert {row.partition for row in letters} <= {1_000, 1_001}
        async with reading(kafka, kafka_prefix + "dead-letters") as consumer:
            records = await next_records(consumer, 7)
        named = {dict(record.headers)["ringback-id"].decode(): record.value for record in records}
        assert named == {f"{row.partition}:{row.position}": bytes(row.body) for row in letters}


async def test_a_batch_is_exactly_its_letters(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    async with product(kafka, kafka_prefix, postgres_url) as service:
        await owed(service, MANY)
        shown = await take(service)
        async with reading(kafka, kafka_prefix + NOTICES.name) as consumer:
            records = await next_records(consumer, MANY)
            assert await consumer.getmany(timeout_ms=100) == {}
    for one in shown["notices"]:
        one.pop("set_aside", None)
    found = [json.loads(record.value) for record in records]
    assert [(one.pop("page"), one.pop("pages")) for one in found] == [(n, MANY) for n in range(1, MANY + 1)]
    assert found == shown["notices"]
    assert {record.key for record in records} == {f"{TENANT}:{shown['id']}".encode()}
    assert len({record.partition for record in records}) == 1
    assert breaks("notice", records[0].value) == []
    assert [dict(record.headers)["ringback-id"].decode() for record in records] == [one["id"] for one in found]


async def test_a_broker_that_is_away_holds_up_nothing_else(kafka_prefix: str, postgres_url: str) -> None:
    with own_broker() as broker:
        async with product(broker, kafka_prefix, postgres_url) as service:
            await begun(service)
            await service.new_key(TENANT, ["campaigns:write"], ["*"])
            await owed(service, 3)
            await asyncio.to_thread(broker.kill)
            assert (await take(service))["count"] == 3
            waiting = await read(service, select(outbox.c.sent, outbox.c.records))
            assert list(map(tuple, waiting)) == [(0, 3)]
            await asyncio.to_thread(broker.start)
            async with reading(broker, kafka_prefix + NOTICES.name) as consumer:
                found = await next_records(consumer, 3)
            assert [json.loads(record.value)["page"] for record in found] == [1, 2, 3]
            async with plain_producer(broker.bootstrap) as producer:
                await send(producer, kafka_prefix, payment())

            async def settled() -> bool:
                return await told(service) == ["R1"]

            await until(settled)


async def test_records_that_kafka_deleted_are_known(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    async with product(kafka, kafka_prefix, postgres_url) as service:
        await service.new_key(TENANT, ["campaigns:write"], ["*"])
        await begun(service)
    where = TopicPartition(kafka_prefix + SETTLEMENTS.name, 0)
    async with plain_producer(kafka.bootstrap) as producer:
        for n in range(4):
            await producer.send_and_wait(where.topic, payment(reference=f"R{n}"), partition=0)
    async with plain_admin(kafka.bootstrap) as admin:
        await admin.delete_records({where: RecordsToDelete(before_offset=3)})
    async with product(kafka, kafka_prefix, postgres_url) as service:

        async def settled() -> bool:
            return await told(service) == ["R3"]

        await until(settled)
        (lost,) = await read(service, select(dead_letters))
        assert (lost.reason, lost.position, "offsets 0 to 2" in lost.detail) == ("lost", 1, True)


async def test_what_was_set_aside_is_put_back_once_it_can_be_used(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """A payment of a tenant who has no key yet; one that is no payment is set aside again."""
    async with product(kafka, kafka_prefix, postgres_url) as service:
        await begun(service)
        async with plain_producer(kafka.bootstrap, max_request_size=9_000_000) as producer:
            for body in (payment(), b"{}", b"0" * 2_031_650):
                await send(producer, kafka_prefix, body, "new")

        async def aside() -> bool:
            return len(await read(service, select(dead_letters.c.reason))) == 3

        await until(aside)
        await service.new_key("new", ["campaigns:write"], ["*"])
        words = ("dead-letters", "replay", "--reason", "unknown_tenant", "--json")
        process = await ringback(kafka, kafka_prefix, postgres_url, tmp_path, *words)
        out, _ = await process.communicate()
        said = [json.loads(line) for line in out.splitlines()]
        assert [one["state"] for one in said] == ["replayed"] * 2, (tmp_path / "log").read_text()

        async def settled() -> bool:
            return await told(service) == ["R1"] and len(await read(service, select(dead_letters.c.reason))) == 4

        await until(settled)
        query = select(dead_letters.c.reason).where(dead_letters.c.replayed_at_ms.is_(None))
        assert sorted(row[0] for row in await read(service, query)) == ["invalid", "too_large"]


async def test_two_processes_share_the_partitions(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    async with (
        product(kafka, kafka_prefix, postgres_url) as first,
        product(kafka, kafka_prefix, postgres_url) as second,
    ):
        await first.new_key(TENANT, ["campaigns:write"], ["*"])
        tasks = [
            task
            for service in (first, second)
            for one in service.hosted
            for task in one.opened.tasks
            if isinstance(task, SettlementsTopic)
        ]

        async def shared() -> bool:
            await told(first)
            return sorted(sorted(task._ours) for task in tasks) == [[0], [1]]

        await until(shared)
        async with plain_producer(kafka.bootstrap) as producer:
            for n in range(20):
                body = payment(reference=f"R{n:02}")
                await producer.send_and_wait(kafka_prefix + SETTLEMENTS.name, body, partition=n % PARTITIONS)

        async def settled() -> bool:
            return len(await told(first)) == 20

        await until(settled)
        lines = await read(first, select(func.count()).select_from(audit).where(audit.c.what == "settled"))
        assert lines[0][0] == 20


async def test_kill_9_before_the_commit(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """A transaction of payments is held up and its process killed: each is settled once, judged from outside."""
    engine = create_engine(postgres_url)
    names = [f"R{n:05}" for n in range(MANY)]

    def count() -> int:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(settlements)) or 0

    def waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text(HELD_UP)))

    async def sent(some: Sequence[str]) -> None:
        async with plain_producer(kafka.bootstrap) as producer:
            for name in some:
                await send(producer, kafka_prefix, payment(reference=name))

    try:
        async with product(kafka, kafka_prefix, postgres_url) as service:
            await service.new_key(TENANT, ["campaigns:write"], ["*"])
            await begun(service)
        await sent(names[:50])
        process = await ringback(kafka, kafka_prefix, postgres_url, tmp_path, "serve")
        await until(lambda: answered(lambda: count() == 50))
        with engine.begin() as connection:
            connection.execute(select(outbound).where(outbound.c.tenant == TENANT).with_for_update())
            await sent(names[50:])
            await until(lambda: answered(waits))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        assert await asyncio.to_thread(count) == 50
        async with product(kafka, kafka_prefix, postgres_url) as service:
            await until(lambda: answered(lambda: count() == MANY))
            assert await told(service) == names
            lines = await read(service, select(func.count()).select_from(audit).where(audit.c.what == "settled"))
            assert lines[0][0] == MANY
            assert await read(service, select(dead_letters)) == []
    finally:
        engine.dispose()


async def answered(asked: Callable[[], bool]) -> bool:
    """A question to the database, beside the loop."""
    return await asyncio.to_thread(asked)


async def ringback(broker: KafkaBroker, prefix: str, db: str, folder: Path, *words: str) -> asyncio.subprocess.Process:
    """A command of the product as a process; its log is in the folder."""
    settings = {
        "DB": db, "LISTEN": "127.0.0.1:0", "KAFKA_BOOTSTRAP": broker.bootstrap, "KAFKA_PREFIX": prefix,
        "KAFKA_TENANT": TENANT, "KAFKA_PARTITIONS": str(PARTITIONS), "KAFKA_REPLICATION": "1", "KAFKA_MIN_INSYNC": "1",
    }  # fmt: skip
    environment = os.environ | {f"RINGBACK_{name}": value for name, value in settings.items()}
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cti", *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
