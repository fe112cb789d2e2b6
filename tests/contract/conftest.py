"""Every store under one suite: memory, SQLite, PostgreSQL; and every event log, which is Kafka too."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cti.adapters.clock import SystemClock, VirtualClock
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.store import Store, open_store
from cti.ports import EventLog
from tests.contract.rows import PARTITIONS, START_MS, TENANT
from tests.kafka import closed_connections
from tests.ready import BOTH, ready_url


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store with every table and no row."""
    return "memory:" if kind == "memory" else ready_url(kind, request, tmp_path)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START_MS)


@pytest.fixture(params=("memory", *BOTH))
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    """An empty store, started."""
    async with open_store(url_of(request.param, request, tmp_path), clock, PARTITIONS) as started:
        yield started


@pytest.fixture(params=BOTH)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made that outlives its process: there is no table yet."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ringback.db"


@pytest.fixture(params=BOTH)
def ready_durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store that outlives its process, with every table and no row."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def dialled(ready_durable_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    """An empty store that dials, started."""
    async with open_store(ready_durable_url, clock, PARTITIONS) as started:
        yield started


@pytest.fixture(params=("memory", *BOTH, "kafka"))
async def event_log(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[EventLog]:
    """An empty log, started. Kafka's dates are real ones; no test that takes this fixture moves the clock."""
    if request.param != "kafka":
        async with open_store(url_of(request.param, request, tmp_path), clock, PARTITIONS) as started:
            yield started.log
        return
    broker, prefix = request.getfixturevalue("kafka"), request.getfixturevalue("kafka_prefix")
    log = KafkaEventLog(
        KafkaOptions(broker.bootstrap, prefix, TENANT, PARTITIONS, replication=1, min_insync=1), SystemClock()
    )
    with closed_connections():
        try:
            await log.start()
            yield log
        finally:
            await log.stop()
