"""Every store under one suite: memory, SQLite, PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from tests.contract.rows import PARTITIONS, START_MS

DURABLE = ("sqlite", "postgresql")


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ringback.db" if kind == "sqlite" else "memory:"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START_MS)


@pytest.fixture(params=("memory", *DURABLE))
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    """An empty store, started."""
    async with open_store(url_of(request.param, request, tmp_path), clock, PARTITIONS) as started:
        yield started


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store can be made that outlives its process."""
    return url_of(request.param, request, tmp_path)
