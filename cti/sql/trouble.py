"""What is wrong with a database, in one stable word, from what its driver raised."""

import sqlite3

import psycopg
from sqlalchemy.exc import DBAPIError

AWAY, FULL, LOCKED, SCHEMA, MALFORMED = "away", "full", "locked", "schema", "malformed"

_PRIMARY = 0xFF  # of an extended SQLite code
_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CORRUPT: MALFORMED,
    sqlite3.SQLITE_NOTADB: MALFORMED,
}
# A quota or a limit to the size of files refuses a write by another error than a full disk does; to SQLite the first
# is an input/output error. The index of the WAL cannot be made longer on a full disk.
_SQLITE_NO_ROOM = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE})
_POSTGRESQL = {
    "53100": FULL,
    "55P03": LOCKED,
    "40P01": LOCKED,
    "42P01": SCHEMA,
    "42703": SCHEMA,
    "3F000": SCHEMA,
    "XX001": MALFORMED,
    "XX002": MALFORMED,
}

# PostgreSQL: cancelled for its time, no lock in time, a deadlock, not serializable.
_OF_STATEMENT = frozenset({"57014", "55P03", "40P01", "40001"})


def word_of(fault: BaseException) -> str:
    """The word for what a driver, or SQLAlchemy for it, raised."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _POSTGRESQL.get(cause.sqlstate or "", AWAY)
    return AWAY


def of_database(fault: BaseException) -> bool:
    """Whether the database itself failed, so that another statement in its stead would fail, too.

    False for what a statement brings about: a table that is not there, a lock or an answer that took too long.
    """
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(fault, DBAPIError) and fault.connection_invalidated:
        return True
    if isinstance(cause, sqlite3.Error | psycopg.Error) and word_of(cause) in (FULL, MALFORMED):
        return True
    if isinstance(cause, sqlite3.OperationalError):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & _PRIMARY != sqlite3.SQLITE_ERROR
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate not in _OF_STATEMENT


def _of_sqlite(cause: sqlite3.Error) -> str:
    code = getattr(cause, "sqlite_errorcode", None)  # what the module itself raises has none
    if code is None:
        return AWAY
    if code in _SQLITE_NO_ROOM:
        return FULL
    if code == sqlite3.SQLITE_ERROR and str(cause).startswith(("no such table", "no such column", "table ")):
        return SCHEMA
    return _SQLITE.get(code & _PRIMARY, AWAY)
