"""What the product keeps, read from outside: calls and records at a door, the rest from the ledger's tables.

The tables are read where no route tells: dead letters, the causes of commands, positions and owners. What the topics
hold is read with a consumer of our own.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import create_engine, select

from cti.adapters.ledger.tables import breaches, commands, dead_letters, engines, partitions, records
from schemas.reasons import DeadLetter
from tests.faults.cluster.holdings import Held
from tests.faults.diary import CallName
from tests.faults.judge import Reader

EVENTS = ("calls.events", "agents.events", "switches.events")
COPIED = ("commands", "calls.records")
PREFIX = "ringback."
READ_MAX_S = 60.0


class Ordered(NamedTuple):
    """A row of the commands."""

    id: str
    call: str
    rule: str
    occurrence: str
    state: str
    due_ms: int
    issued_ms: int
    body: str


class Letter(NamedTuple):
    """A dead letter; `mark`: that of a conflict made on purpose."""

    source: str
    event_id: str
    reason: str
    mark: str | None


class Copy(NamedTuple):
    """What stands in a topic for integrators."""

    topic: str
    id: str
    at_ms: int  # when it was appended, by the broker's clock
    body: Mapping[str, Any]


@dataclass(slots=True)
class Kept:
    """All that the product has of the trial."""

    timelines: dict[CallName, list[str]] = field(default_factory=dict)
    conflicts_taken: set[str] = field(default_factory=set)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)  # the latest by call, as the table has it
    breaches: Counter[str] = field(default_factory=Counter)  # rows by call
    partitions: list[Held] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)  # engines that the ledger knows
    ends: dict[int, int] = field(default_factory=dict)  # of each partition: the last position there is
    copies: list[Copy] = field(default_factory=list)


async def kept(reader: Reader, db: str, ends: dict[int, int]) -> Kept:
    """Everything but the topics, once it stands still; `ends`: of the log."""
    found = Kept(ends=ends)
    async for call in reader.calls():
        name = call["source"], call["subject"]
        found.timelines.setdefault(name, []).extend(one["id"] for one in call["timeline"])
        private = (one["data"].get("private", {}).get("conflict") for one in call["timeline"])
        found.conflicts_taken.update(mark for mark in private if mark is not None)
    async for record in reader.records():
        found.records.append(record)
    await asyncio.to_thread(_read_tables, found, db)
    return found


def _read_tables(found: Kept, db: str) -> None:
    engine = create_engine(db)
    order = commands.c
    columns = (
        order.id, order.call_id, order.rule, order.occurrence, order.state, order.due_at_ms, order.issued_at_ms,
        order.body,
    )  # fmt: skip
    held = partitions.c
    with engine.connect() as connection:
        found.orders = [Ordered._make(row) for row in connection.execute(select(*columns))]
        letters = connection.execute(select(dead_letters.c.reason, dead_letters.c.body)).all()
        found.letters = [_letter(reason, body) for reason, body in letters]
        found.revisions = {row[0]: row[1] for row in connection.execute(select(records.c.call_id, records.c.revision))}
        found.breaches = Counter(connection.execute(select(breaches.c.call_id)).scalars())
        rows = connection.execute(select(held.partition, held.epoch, held.position, held.owner))
        found.partitions = [Held._make(row) for row in rows]
        found.owners = set(connection.execute(select(engines.c.owner)).scalars())
    engine.dispose()


def _letter(reason: str, body: bytes) -> Letter:
    event = json.loads(body)
    data = event.get("data") or {}
    mark = data.get("private", {}).get("conflict") if reason == DeadLetter.ID_CONFLICT.value else None
    return Letter(event.get("source", ""), event.get("id", ""), reason, mark)


async def log_ends(bootstrap: str) -> dict[int, int]:
    """The last position of each log partition: partition by partition, the topics in turn."""
    async with asyncio.timeout(READ_MAX_S):
        places = sorted(await _places(bootstrap, EVENTS), key=lambda place: place.partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            ends = await consumer.end_offsets(places)
        finally:
            await consumer.stop()
    return {number: ends[place] for number, place in enumerate(places)}


async def copies(bootstrap: str, topics: Sequence[str] = COPIED) -> list[Copy]:
    """All that stands in these topics now."""
    async with asyncio.timeout(READ_MAX_S):
        places = await _places(bootstrap, topics)
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            return await _read_out(consumer, places)
        finally:
            await consumer.stop()


async def _places(bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics([PREFIX + topic for topic in topics])
    finally:
        await admin.close()
    counts = {one["topic"]: len(one["partitions"]) for one in described}
    return [TopicPartition(PREFIX + topic, n) for topic in topics for n in range(counts[PREFIX + topic])]


async def _read_out(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> list[Copy]:
    ends = await consumer.end_offsets(places)
    waiting = {place for place, end in ends.items() if end > 0}
    consumer.assign(list(waiting))
    found: list[Copy] = []
    while waiting:
        for place, messages in (await consumer.getmany(timeout_ms=1_000)).items():
            for one in messages:
                name = dict(one.headers)["ringback-id"].decode()
                found.append(Copy(place.topic.removeprefix(PREFIX), name, one.timestamp, json.loads(one.value)))
            if await consumer.position(place) >= ends[place]:
                waiting.discard(place)
    return found
