"""Copies for integrators that may not have reached their topics."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select

from cti.adapters.ledger.bulk import Insertion
from cti.adapters.ledger.tables import copies
from cti.rows import CopyRow

_insert = Insertion(copies)


def put_copies(connection: Connection, rows: Sequence[CopyRow], arrived: Mapping[int, int]) -> None:
    """Keep these; those of each partition up to the number given have arrived and go."""
    for partition, number in arrived.items():
        connection.execute(delete(copies).where(copies.c.partition == partition, copies.c.no <= number))
    _insert(connection, rows)


def waiting_copies(connection: Connection, partition: int) -> list[CopyRow]:
    """Of a partition, in order."""
    query = select(copies).where(copies.c.partition == partition).order_by(copies.c.no)
    return [CopyRow._make(row) for row in connection.execute(query)]
