"""The schema of a database: made, brought up to date, or refused.

Each part of the product has a **chain** of Alembic revisions for its own tables, and a table that says which revision
they have. All chains go through one transaction: a start leaves a database as it was, or up to date for every part.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import URL, Connection, MetaData, String, column, create_engine, inspect, select, table, text
from sqlalchemy.exc import DBAPIError, OperationalError

from cti.sql.connections import CONNECT_S, database_url, writer_engine
from cti.sql.errors import LedgerAway, SchemaTooNew, SettingsMistake
from cti.sql.sqlite_file import make_private
from cti.sql.trouble import word_of

if TYPE_CHECKING:
    from alembic.config import Config

ENVIRONMENT = Path(__file__).parent / "migration_environment"
REVISION_FILE = re.compile(r"_([0-9]{4})\.py\Z")
LOCK = 7_246_225  # an advisory lock of ours ("RINGBACK" on a telephone keypad, cut): one process upgrades at a time
UPGRADE_MS = 600_000
# A lock may wait for another process that upgrades; a slow machine may be idle for seconds between two statements.
UPGRADE_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


@dataclass(frozen=True, slots=True)
class Chain:
    """The tables of one part: their revisions, first to last, and what else an upgrade has to see to."""

    name: str
    revisions: Path  # the folder of Alembic's files, each named NAME_REVISION.py: 0001, 0002, ...
    metadata: Sequence[MetaData]  # the tables that the newest revision makes
    version_table: str = ""  # by default alembic_version_NAME
    after: Callable[[Connection], None] | None = None  # done at every start, in the same transaction

    @property
    def table(self) -> str:
        """The table that holds the revision of the database."""
        return self.version_table or f"alembic_version_{self.name}"


class ChainState(NamedTuple):
    """Which revision of a chain a database has, and which ones this release knows."""

    chain: str
    revision: str | None  # None: none yet
    newest: str
    known: frozenset[str]

    @property
    def current(self) -> bool:
        """Whether there is nothing to do."""
        return self.revision == self.newest


def upgrade(url: str, chains: Sequence[Chain]) -> None:
    """Bring the database at an SQLAlchemy URL to the newest schema; create the file or the database if absent.

    Raises `SchemaTooNew` (made by a newer release), `LedgerAway`, `SettingsMistake`.
    """
    target = database_url(url)
    try:
        _create(target)
        engine = writer_engine(target)
        try:
            with engine.begin() as connection:
                _upgrade(connection, chains)
        finally:
            engine.dispose()
    except DBAPIError as fault:
        raise LedgerAway(str(fault.orig), word_of(fault)) from fault
    except (psycopg.Error, sqlite3.Error) as fault:
        raise LedgerAway(str(fault), word_of(fault)) from fault


def state_of(connection: Connection, chain: Chain) -> ChainState:
    """What a database has of a chain; nothing is changed."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config(chain))
    context = MigrationContext.configure(connection, opts={"version_table": chain.table})
    known = frozenset(revision.revision for revision in script.walk_revisions())
    return ChainState(chain.name, context.get_current_revision(), script.get_current_head() or "", known)


def _upgrade(connection: Connection, chains: Sequence[Chain]) -> None:
    if connection.dialect.name == "postgresql":
        for limit in UPGRADE_LIMITS:
            connection.execute(text(f"SET LOCAL {limit} = {UPGRADE_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    for chain in chains:
        if not _looks_current(connection, chain):
            _upgrade_chain(connection, chain)
        if chain.after is not None:
            chain.after(connection)


def _looks_current(connection: Connection, chain: Chain) -> bool:
    """Whether the database has the revision by which the last file is named. Most starts find that, and Alembic alone
    takes a tenth of a second to import.
    """
    files = sorted(found[1] for file in chain.revisions.glob("*.py") if (found := REVISION_FILE.search(file.name)))
    if not files or not inspect(connection).has_table(chain.table):
        return False
    asked = select(column("version_num", String)).select_from(table(chain.table))
    return list(connection.scalars(asked)) == files[-1:]


def _upgrade_chain(connection: Connection, chain: Chain) -> None:
    from alembic import command

    state = state_of(connection, chain)
    if state.revision is not None and state.revision not in state.known:
        raise SchemaTooNew(f"{chain.name}: revision {state.revision}; this release knows {state.newest}")
    if not state.current:
        config = _config(chain)
        config.attributes["connection"] = connection
        config.attributes["version_table"] = chain.table
        command.upgrade(config, "head")


def _config(chain: Chain) -> "Config":
    from alembic.config import Config

    config = Config()
    for name, value in (
        ("script_location", str(ENVIRONMENT)),
        ("version_locations", str(chain.revisions)),
        ("path_separator", "newline"),  # of several folders; one folder's name may hold any other sign
    ):
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _create(url: URL) -> None:
    """The SQLite file, which only its owner can read, or the PostgreSQL database."""
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "").resolve()
        if not file.parent.is_dir():
            raise SettingsMistake(f"the folder {file.parent} of the database is not there")
        try:
            make_private(file)
        except OSError as fault:
            raise LedgerAway(f"{file}: {fault.strerror}") from fault
        return
    engine = create_engine(url, connect_args={"connect_timeout": CONNECT_S})
    try:
        engine.connect().close()
    except OperationalError:
        _create_database(url)
    finally:
        engine.dispose()


def _create_database(url: URL) -> None:
    """Connect to the maintenance database; that fails in the same way if the server is away."""
    conninfo = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=CONNECT_S) as connection:
        name = sql.Identifier(url.database or "")
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [url.database]).fetchone()
        if there is None:
            connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(name))
