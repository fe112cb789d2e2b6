"""SQLAlchemy engines for both databases: durability, locking and timeouts are set here and nowhere else."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from cti.sql.bulk import driver_of
from cti.sql.errors import SettingsMistake

BUSY_MS = 5_000  # how long a writer waits for another process that holds the SQLite file
WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 16_384
CHECKPOINT_PAGES = 8_192  # 32 MiB of WAL: the usual 4 MiB costs a checkpoint several times a second under load
CONNECT_S = 5
WRITE_MS = 2_000  # a stopped owner must not hold its locks
READ_MS = 30_000
LOCK_MS = 1_000  # rows are held for a transaction's time, some milliseconds; a part of the timeline that comes or goes
STATEMENTS_KEPT = 512


def database_url(text: str) -> URL:
    """The URL with the drivers we use. Raises `SettingsMistake` for any other database."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # their words would show a password that has such a character
        detail = "not a database URL; in names and passwords write : as %3A and @ as %40, a port as a number"
        raise SettingsMistake(detail) from None
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise SettingsMistake("a database is memory:, sqlite:///FILE or postgresql://...")


def sqlite_file(text: str) -> Path | None:
    """The file of an SQLite URL; None for another database, or one that is in memory."""
    if not text.startswith("sqlite"):
        return None
    return Path(database_url(text).database or "")


def writer_engine(url: URL, *, keeps_plans: bool = False) -> Engine:
    """For one connection that writes. `keeps_plans`: PostgreSQL may plan a statement once for all its executions."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, "BEGIN IMMEDIATE", read_only=False, connections=1)
    return _postgresql(url, WRITE_MS, 1, keeps_plans=keeps_plans)


def reader_engine(url: URL, connections: int) -> Engine:
    """For connections that only read, a snapshot each."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, "BEGIN", read_only=True, connections=connections)
    engine = _postgresql(url, READ_MS, connections)

    @event.listens_for(engine, "connect")
    def settle(connection: psycopg.Connection[Any], _: ConnectionPoolEntry) -> None:
        """Once and for all: as an option of SQLAlchemy's it would be set before each query, and taken back after it."""
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True

    return engine


def _sqlite(url: URL, begin: str, *, read_only: bool, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECT_S,
        hide_parameters=True,  # an error's text is logged: it must carry nobody's number
        connect_args={"cached_statements": STATEMENTS_KEPT, "check_same_thread": False, "timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver shall not begin transactions of its own
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = OFF",
            "temp_store = MEMORY",
            f"cache_size = -{READER_CACHE_KIB if read_only else WRITER_CACHE_KIB}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"query_only = {int(read_only)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        driver_of(connection).execute(begin)

    return engine


def _postgresql(url: URL, statement_ms: int, connections: int, *, keeps_plans: bool = False) -> Engine:
    """Each execution is planned anew, by the size that its tables have by then. A plan that is kept was made when a new
    installation's tables were empty, and reads all of them; it stays until somebody analyses the table: a claim of 50
    orders among 10,000 took a second. Plans may be kept where statements insert, or find each row by its key: planned
    anew, what the call side writes made RING-1 beside another tenant's flood 1.0 s late instead of 0.4.
    """
    times = {"statement_timeout": statement_ms, "idle_in_transaction_session_timeout": statement_ms}
    settings = {**times, "lock_timeout": LOCK_MS, "plan_cache_mode": "auto" if keeps_plans else "force_custom_plan"}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECT_S,
        hide_parameters=True,  # an error's text is logged: it must carry nobody's number
        connect_args={
            "connect_timeout": CONNECT_S,
            "options": options,
            "keepalives_idle": 10,
            "tcp_user_timeout": 10_000,
            "application_name": "ringback",
        },
    )
