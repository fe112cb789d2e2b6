"""Copies for integrators that may not have reached their topics."""

import sqlite3
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.bulk import Insertion, driver_of
from cti.adapters.ledger.tables import copies
from cti.rows import CopyRow

_insert = Insertion(copies)
_ARRIVED = "DELETE FROM copies WHERE partition = ? AND no <= ?"
_ARRIVED_POSTGRESQL = _ARRIVED.replace("?", "%s").encode()


def put_copies(connection: Connection, rows: Sequence[CopyRow], arrived: Mapping[int, int]) -> None:
    """Keep these; those of each partition up to the number given have arrived and go."""
    driver = driver_of(connection)
    # One by one: only such a statement walks the index without the rows that went before and are not yet swept up.
    for place in arrived.items():
        if isinstance(driver, sqlite3.Connection):
            driver.execute(_ARRIVED, place)
        else:
            driver.execute(_ARRIVED_POSTGRESQL, place)
    _insert(connection, rows)


def waiting_copies(connection: Connection, partition: int) -> list[CopyRow]:
    """Of a partition, in order."""
    query = select(copies).where(copies.c.partition == partition).order_by(copies.c.no)
    return [CopyRow._make(row) for row in connection.execute(query)]
