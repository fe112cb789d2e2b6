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


def word_of(fault: BaseException) -> str:
    """The word for what a driver, or SQLAlchemy for it, raised."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _POSTGRESQL.get(cause.sqlstate or "", AWAY)
    return AWAY


def _of_sqlite(cause: sqlite3.Error) -> str:
    code = getattr(cause, "sqlite_errorcode", None)  # what the module itself raises has none
    if code is None:
        return AWAY
    if code in _SQLITE_NO_ROOM:
        return FULL
    if code == sqlite3.SQLITE_ERROR and str(cause).startswith(("no such table", "no such column", "table ")):
        return SCHEMA
    return _SQLITE.get(code & _PRIMARY, AWAY)
