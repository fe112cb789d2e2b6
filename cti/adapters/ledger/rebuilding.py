"""What a rebuild needs in the database of the new ledger."""

import sqlite3
from collections.abc import Mapping

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cti.adapters.ledger.inspection import Inspection, is_absent, is_there
from cti.adapters.ledger.tables import event_log_heads
from cti.errors import LedgerAway
from cti.sql.bulk import insertion
from cti.sql.connections import database_url, writer_engine

_insert_heads = insertion(event_log_heads, tail="ON CONFLICT (partition) DO NOTHING")


def tables_at(url: str) -> frozenset[str]:
    """The tables of a database; none where it does not exist yet. Raises `LedgerAway`, `SettingsMistake`."""
    if not is_there(url):
        return frozenset()
    inspection = Inspection(url)
    try:
        return inspection.tables()
    except LedgerAway:
        if is_absent(url):
            return frozenset()
        raise
    finally:
        inspection.close()


def begin_log_after(url: str, positions: Mapping[int, int], at_ms: int) -> None:
    """An empty event log that continues after these positions, as if retention had dropped all before: what
    a service appends there is then read by the rebuilt ledger. Raises `LedgerAway`.
    """
    engine = writer_engine(database_url(url))
    try:
        with engine.begin() as connection:
            _put_heads(connection, positions, at_ms)
    except DBAPIError as fault:
        raise LedgerAway(str(fault.orig)) from fault
    except (psycopg.Error, sqlite3.Error) as fault:
        raise LedgerAway(str(fault)) from fault
    finally:
        engine.dispose()


def _put_heads(connection: Connection, positions: Mapping[int, int], at_ms: int) -> None:
    _insert_heads(connection, [(partition, position, at_ms, position) for partition, position in positions.items()])
