"""Outbox for integrators that may not have reached their topics."""

import sqlite3
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.tables import outbox
from cti.rows import OutboxRow
from cti.sql.bulk import Insertion, driver_of

_insert = Insertion(outbox)
_ARRIVED = "DELETE FROM copies WHERE partition = ? AND no <= ?"
_ARRIVED_POSTGRESQL = _ARRIVED.replace("?", "%s").encode()


def put_outbox(connection: Connection, rows: Sequence[OutboxRow], arrived: Mapping[int, int]) -> None:
    """Keep these; those of each partition up to the number given have arrived and go."""
    driver = driver_of(connection)
    # One by one: only such a statement walks the index without the rows that went before and are not yet swept up.
    for place in arrived.items():
        if isinstance(driver, sqlite3.Connection):
            driver.execute(_ARRIVED, place)
        else:
            driver.execute(_ARRIVED_POSTGRESQL, place)
    _insert(connection, rows)


def pending_outbox(connection: Connection, partition: int) -> list[OutboxRow]:
    """Of a partition, in order."""
    query = select(outbox).where(outbox.c.partition == partition).order_by(outbox.c.no)
    return [OutboxRow._make(row) for row in connection.execute(query)]
