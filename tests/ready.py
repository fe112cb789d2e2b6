"""Databases that have the newest schema before a test opens them: copies of one that was upgraded once a session.

A test of how a schema is made, refused or brought up to date takes an empty database instead (`postgres_url`, a file
that is not there yet).
"""

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer

BOTH = ("sqlite", "postgresql")


def _upgrade(url: str) -> None:
    """The product is imported when its tables are wanted: each judge of a mutant would import all of it for nothing."""
    from campaigns.wiring import CHAIN as CAMPAIGNS
    from cti.adapters.migrations import CHAIN
    from cti.sql.schema import upgrade

    upgrade(url, [CHAIN, CAMPAIGNS])


@functools.cache
def _upgraded_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ringback-schema-") as folder:
        file = Path(folder) / "ringback.db"
        _upgrade(f"sqlite:///{file}")
        return file.read_bytes()


def ready_sqlite(file: Path) -> str:
    """A new SQLite file with every table; its URL."""
    file.touch(0o600)
    file.write_bytes(_upgraded_file())
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def postgres_upgraded(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database with every table, to copy and never to open."""
    url = postgres.create_database()
    _upgrade(url)
    yield url
    postgres.drop_database(url)


@pytest.fixture
def postgres_ready_url(postgres: PostgresServer, postgres_upgraded: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own, with every table and no row."""
    url = postgres.create_database(copied=postgres_upgraded)
    yield url
    postgres.drop_database(url)


def ready_url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database of this kind of BOTH, with every table and no row."""
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres_ready_url"))
    return ready_sqlite(folder / "ringback.db")
