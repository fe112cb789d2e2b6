"""Read-only inspection of a ledger: creates, upgrades and writes nothing, and never waits long for a server."""

import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, extract, func, select
from sqlalchemy import inspect as look_into
from sqlalchemy.exc import DBAPIError

from cti.adapters.clock import SystemClock
from cti.adapters.ledger.agents import list_sources
from cti.adapters.ledger.partitions import ENGINES, positions
from cti.adapters.ledger.switches import list_switches
from cti.adapters.ledger.tables import dead_letters, event_log, event_log_heads
from cti.adapters.migrations import CHAIN
from cti.dial.allowed import Allowed, older_sessions, read_allowed
from cti.dial.orders import count_unsettled
from cti.dial.rows import SourceWordRow
from cti.dial.words import read_words
from cti.errors import LedgerAway, SettingsMistake
from cti.leases.ports import Holdings
from cti.rows import SourceRow, SwitchRow
from cti.sql.connections import BUSY_MS, CONNECT_S, database_url, reader_engine, writer_engine
from cti.sql.schema import Chain, ChainState, state_of

Found = TypeVar("Found")

DAY_MS = 86_400_000
CLOCK_SAMPLES = 3  # the one with the shortest round trip counts
_SERVER_MS = extract("epoch", func.clock_timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The SQL log's partition: its last position, the last that retention has dropped, and what is unread."""

    position: int
    purged: int
    unread_since_ms: int | None  # append time of the first entry after the ledger's position


@dataclass(frozen=True, slots=True)
class DialFacts:
    """What there is of dialling."""

    allowed: Allowed
    older_sessions: int  # of processes of an older release
    stuck: int  # orders that expired more than a day ago and are not settled
    words: list[SourceWordRow]


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What was found. Everything after `parts` is read only where the schema is this release's."""

    kind: str  # sqlite | postgresql
    version: str
    version_number: int  # PostgreSQL's own: 150004 is 15.4
    tables: frozenset[str]
    revision: str | None  # of the schema; None: there is none
    newest: str
    known: frozenset[str]
    server_ahead_ms: float | None = None  # the database server's clock minus ours; None: it is this machine's
    parts: tuple[ChainState, ...] = ()  # the other chains of this installation
    holdings: Holdings[int] = field(default_factory=lambda: Holdings[int]({}, []))
    positions: Mapping[int, int] = field(default_factory=dict)
    heads: Mapping[int, Head] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)  # waiting, by reason
    switches: list[SwitchRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    dial: DialFacts | None = None

    @property
    def current(self) -> bool:
        return self.revision == self.newest


@dataclass(frozen=True, slots=True)
class SqliteWriting:
    """What a connection reports that is opened as the service opens it."""

    journal_mode: str
    synchronous: int  # 2 is FULL


def is_there(url: str) -> bool:
    """Whether an SQLite file exists; a server can only be asked. Raises `SettingsMistake`."""
    target = database_url(url)
    return target.get_backend_name() != "sqlite" or Path(target.database or "").is_file()


def is_absent(url: str) -> bool:
    """Whether the server answers and has no such database. Raises `LedgerAway`, `SettingsMistake`."""
    target = database_url(url)
    if target.get_backend_name() == "sqlite":
        return False
    conninfo = target.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=CONNECT_S) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            return connection.execute(query, [target.database]).fetchone() is None
    except psycopg.Error as fault:
        raise LedgerAway(str(fault)) from fault


def facts_of_release(url: str) -> LedgerFacts:
    """The facts of a ledger that is there and has this release's schema. Raises `SettingsMistake` for any other,
    `LedgerAway`.
    """
    if not is_there(url):
        raise SettingsMistake("there is no such database")
    inspection = Inspection(url)
    try:
        facts = inspection.facts(SystemClock().now_ms)
    finally:
        inspection.close()
    if not facts.current:
        found = "is empty" if facts.revision is None else f"has schema {facts.revision}"
        raise SettingsMistake(f"the database {found}, this release has {facts.newest}: `ringback migrate` first")
    return facts


class Inspection:
    """One or more inspections, in a thread of their own. Every method raises `LedgerAway`; none writes."""

    def __init__(self, url: str, chains: Sequence[Chain] = ()) -> None:
        """`chains`: those of other parts, to be looked at too. Raises `SettingsMistake`."""
        self._url, self._chains = database_url(url), chains
        sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _read_only(self._url.database or "") if sqlite else reader_engine(self._url, 1)
        self._servers: list[psycopg.Connection[Any]] = []
        if not sqlite:
            event.listen(self._engine, "connect", lambda connection, _: self._servers.append(connection), insert=True)

    @property
    def was_let_in(self) -> bool:
        """Whether the server accepted our login, so that the database exists."""
        return bool(self._servers)

    def give_up(self) -> None:
        """Called from another thread: end the wait for a server that does not answer. No limit of the
        server's own helps where the server stands still.
        """
        for connection in self._servers:
            with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._engine.dispose()

    def facts(self, now_ms: Callable[[], float]) -> LedgerFacts:
        """`now_ms`: this machine's clock."""
        return self._ask(lambda connection: _facts(connection, now_ms, self._chains))

    def holdings(self) -> Holdings[int]:
        return self._ask(ENGINES.holdings)

    def tables(self) -> frozenset[str]:
        return self._ask(lambda connection: frozenset(look_into(connection).get_table_names()))

    def sqlite_writing(self) -> SqliteWriting:
        """Open the file as the service does, take the lock for writing, and give it back. For a file in WAL mode only:
        any other would be changed by it.
        """
        engine = writer_engine(self._url)
        try:
            return _asked(engine, _writing)
        finally:
            engine.dispose()

    def journal_mode(self) -> str:
        return self._ask(lambda connection: str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()))

    def _ask(self, query: Callable[[Connection], Found]) -> Found:
        return _asked(self._engine, query)


def _asked(engine: Engine, query: Callable[[Connection], Found]) -> Found:
    try:
        with engine.connect() as connection:
            return query(connection)
    except DBAPIError as fault:
        raise LedgerAway(str(fault.orig)) from fault
    except (psycopg.Error, sqlite3.Error) as fault:
        raise LedgerAway(str(fault)) from fault


def _read_only(file: str) -> Engine:
    address = f"file:{quote(str(Path(file).resolve()))}?mode=ro"
    return create_engine("sqlite://", creator=lambda: _opened(address))


def _opened(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY_MS / 1000, check_same_thread=False)


def _writing(connection: Connection) -> SqliteWriting:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    return SqliteWriting(str(mode), int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one()))


# -- the queries -------------------------------------------------------------------------------------------------------


def _facts(connection: Connection, now_ms: Callable[[], float], chains: Sequence[Chain]) -> LedgerFacts:
    schema = state_of(connection, CHAIN)
    shared: dict[str, Any] = {
        "kind": connection.dialect.name,
        "tables": frozenset(look_into(connection).get_table_names()),
        "revision": schema.revision,
        "newest": schema.newest,
        "known": schema.known,
        "server_ahead_ms": _server_ahead_ms(connection, now_ms),
        "parts": tuple(state_of(connection, chain) for chain in chains),
    }
    version, number = _version(connection)
    if not schema.current:
        return LedgerFacts(version=version, version_number=number, **shared)
    where = positions(connection)
    return LedgerFacts(
        version=version,
        version_number=number,
        **shared,
        holdings=ENGINES.holdings(connection),
        positions=where,
        heads=_heads(connection, where),
        letters=_letters(connection),
        switches=list_switches(connection),
        sources=list_sources(connection),
        dial=_dial_facts(connection, now_ms() + (shared["server_ahead_ms"] or 0.0)),
    )


def _dial_facts(connection: Connection, now_ms: float) -> DialFacts:
    stuck = count_unsettled(connection, int(now_ms) - DAY_MS)
    return DialFacts(read_allowed(connection), older_sessions(connection), stuck, read_words(connection))


def _version(connection: Connection) -> tuple[str, int]:
    if connection.dialect.name == "sqlite":
        return sqlite3.sqlite_version, 0
    version = connection.exec_driver_sql("SHOW server_version").scalar_one()
    return str(version), int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())


def _server_ahead_ms(connection: Connection, now_ms: Callable[[], float]) -> float | None:
    if connection.dialect.name == "sqlite":
        return None
    samples = []
    for _ in range(CLOCK_SAMPLES):
        before = now_ms()
        server = float(connection.execute(select(_SERVER_MS)).scalar_one())
        after = now_ms()
        samples.append((after - before, server - (before + after) / 2))
    return min(samples)[1]


def _heads(connection: Connection, read: Mapping[int, int]) -> dict[int, Head]:
    found = connection.execute(select(event_log_heads)).all()
    return {
        row.partition: Head(row.position, row.purged, _unread_since(connection, row.partition, read)) for row in found
    }


def _unread_since(connection: Connection, partition: int, read: Mapping[int, int]) -> int | None:
    mine = event_log.c.partition == partition
    query = select(event_log.c.appended_at_ms).where(mine, event_log.c.position > read.get(partition, 0))
    return connection.execute(query.order_by(event_log.c.position).limit(1)).scalar()


def _letters(connection: Connection) -> dict[str, int]:
    reason = dead_letters.c.reason
    query = select(reason, func.count()).where(dead_letters.c.replayed_at_ms.is_(None)).group_by(reason)
    return {row[0]: row[1] for row in connection.execute(query.order_by(reason))}
