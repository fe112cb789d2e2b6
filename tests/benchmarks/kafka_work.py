"""What the cluster's figures need done by a process of its own: filling the topics, and the baseline of reading them.

    python -m tests.benchmarks.kafka_work fill|read      a job on standard input, what came of it on standard output

The *baseline* is what any consumer that keeps what it saw has to do: aiokafka reads, each event is parsed and judged by
the same models, and one transaction a round takes the same timeline rows by COPY and moves the same fence.
"""

import asyncio
import itertools
import json
import sys
import time
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic_core import from_json, to_json
from sqlalchemy import make_url

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import kafka_options
from cti.cli.logging_setup import set_up_logging
from cti.cli.runtime import run_serving, settle_memory
from cti.core.identity import hash64
from cti.ports import Appending
from cti.settings import Settings
from schemas.envelope import event_of, read_with_body
from tests.benchmarks.traffic import OPEN_TIME, SOURCE, TALKING, TENANT, event, interleaved, stamp

LIVE_CALLS = 800
SLICE = 2_000
ROUND = 500
TABLE = """CREATE TABLE IF NOT EXISTS baseline (partition int4, born int8, position int8, n int4, at_ms int8,
appended_at_ms int8, sequence int8, kind text, event_id text, body_hash int8, data text,
PRIMARY KEY (partition, born, position, n))"""
COLUMNS = ("int4", "int8", "int8", "int4", "int8", "int8", "int8", "text", "text", "int8", "text")


async def filled(job: dict[str, Any]) -> dict[str, Any]:
    """Append so many events of whole calls, or so many calls up to their answer, as the door does, as of now."""
    log = KafkaEventLog(kafka_options(Settings.read()) or _missing(), SystemClock())
    await log.start()
    if "calls" in job:
        numbers = range(job["first"], job["first"] + job["calls"])
        events = (event(f"call-{number}", number, kind, number) for number in numbers for kind in TALKING)
    else:
        events = itertools.islice(interleaved(0, 1, LIVE_CALLS), job["events"])
    while several := list(itertools.islice(events, SLICE)):
        now = stamp(time.time() * 1000)
        read = [read_with_body(from_json(one.replace(OPEN_TIME, now))) for one in several]
        await log.append([Appending(TENANT, f"{TENANT}:{SOURCE}:{one.subject}", body, one) for one, body in read])
    end = (await log.end()).positions
    await log.stop()
    return {"end": {str(partition): position for partition, position in end.items() if position}}


def _missing() -> Any:
    raise AssertionError("RINGBACK_KAFKA_BOOTSTRAP is not set")


async def read(job: dict[str, Any]) -> dict[str, Any]:
    """The baseline, over everything that was filled: seconds from the first record to the last commit."""
    settings = Settings.read()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
        fetch_max_wait_ms=100, fetch_max_bytes=8_000_000, max_partition_fetch_bytes=2_000_000,
    )  # fmt: skip
    await consumer.start()
    consumer.assign(
        [TopicPartition(f"{settings.kafka_prefix}calls.events", n) for n in range(settings.kafka_partitions)]
    )
    address = make_url(settings.db).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(address, autocommit=True)
    connection.execute(TABLE.encode())
    settle_memory()
    started, left = 0.0, job["events"]
    writing: asyncio.Future[None] | None = None
    while left:
        found = await consumer.getmany(timeout_ms=100, max_records=ROUND)
        records = [(place.partition, record) for place, several in found.items() for record in several]
        if not records:
            continue
        started = started or time.perf_counter()
        rows = [_row(partition, record) for partition, record in records]
        if writing is not None:
            await writing
        writing = asyncio.ensure_future(asyncio.to_thread(_write, connection, rows))
        left -= len(rows)
    if writing is not None:
        await writing
    took = time.perf_counter() - started
    await consumer.stop()
    connection.close()
    return {"seconds": took}


def _row(partition: int, record: Any) -> tuple[Any, ...]:
    one = event_of(record.value)
    born = hash64(one.subject.encode())
    return (
        partition, born, record.offset + 1, 0, one.at_ms, record.timestamp, one.sequence, one.kind, one.id,
        hash64(record.value), to_json(one.data).decode(),
    )  # fmt: skip


def _write(connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(b"COPY baseline FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(COLUMNS)
            for row in rows:
                copy.write_row(row)
        moved = {row[0]: row[2] for row in rows}
        for partition, position in moved.items():
            cursor.execute("UPDATE partitions SET position = %s WHERE partition = %s", (position, 3 * partition))


async def _told(what: str) -> int:
    job = json.loads(sys.stdin.read())
    print(json.dumps(await (filled(job) if what == "fill" else read(job))))
    return 0


if __name__ == "__main__":
    set_up_logging("warning")
    sys.exit(run_serving(_told(sys.argv[1])))
