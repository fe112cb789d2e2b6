"""The schema of the database: made, brought up to date, or refused. Migrations are in `cti/adapters/migrations`."""

import sqlite3
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from cti.adapters.ledger.timeline_days import make_days
from cti.errors import LedgerAway, SchemaTooNew, SettingsMistake
from cti.sql.connections import CONNECT_S, database_url, writer_engine
from cti.sql.sqlite_file import make_private
from cti.sql.trouble import word_of

MIGRATIONS = Path(__file__).resolve().parents[1] / "adapters" / "migrations"
LOCK = 7_246_225  # an advisory lock of ours ("RINGBACK" on a telephone keypad, cut): one process upgrades at a time
UPGRADE_MS = 600_000


def upgrade(url: str) -> None:
    """Bring the database at an SQLAlchemy URL to the newest schema; create the file or the database if absent.

    Raises `SchemaTooNew` (made by a newer release), `LedgerAway`, `SettingsMistake`.
    """
    target = database_url(url)
    try:
        _create(target)
        engine = writer_engine(target)
        try:
            with engine.begin() as connection:
                _upgrade(connection)
                make_days(connection)
        finally:
            engine.dispose()
    except DBAPIError as fault:
        raise LedgerAway(str(fault.orig), word_of(fault)) from fault
    except (psycopg.Error, sqlite3.Error) as fault:
        raise LedgerAway(str(fault), word_of(fault)) from fault


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "lock_timeout"):  # the latter: another process may be at it
            connection.execute(text(f"SET LOCAL {limit} = {UPGRADE_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_heads()
    known = {revision.revision for revision in script.walk_revisions()}
    if set(current) - known:
        raise SchemaTooNew(f"revision {', '.join(current)}; this release knows {script.get_current_head()}")
    if set(current) != set(script.get_heads()):
        command.upgrade(config, "head")


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
