"""The outbox: rows whose topic has not acknowledged them yet."""

import sqlite3
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.tables import outbox
from cti.rows import OutboxRow
from cti.sql.bulk import Insertion, driver_of

_insert = Insertion(outbox)
_ACKNOWLEDGED = "DELETE FROM copies WHERE partition = ? AND no <= ?"
_ACKNOWLEDGED_POSTGRESQL = _ACKNOWLEDGED.replace("?", "%s").encode()


def put_outbox(connection: Connection, rows: Sequence[OutboxRow], acknowledged: Mapping[int, int]) -> None:
    """Insert these; delete those of each partition up to the acknowledged number."""
    driver = driver_of(connection)
    # One partition a statement: only this walks the index without visiting dead rows not yet vacuumed.
    for up_to in acknowledged.items():
        if isinstance(driver, sqlite3.Connection):
            driver.execute(_ACKNOWLEDGED, up_to)
        else:
            driver.execute(_ACKNOWLEDGED_POSTGRESQL, up_to)
    _insert(connection, rows)


def pending_outbox(connection: Connection, partition: int) -> list[OutboxRow]:
    """The outbox rows of a partition, in order."""
    query = select(outbox).where(outbox.c.partition == partition).order_by(outbox.c.no)
    return [OutboxRow._make(row) for row in connection.execute(query)]
