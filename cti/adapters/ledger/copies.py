"""Copies for integrators that may not have reached their topics."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, select

from cti.adapters.ledger.bulk import Insertion, driver_of
from cti.adapters.ledger.tables import copies
from cti.rows import CopyRow

_insert = Insertion(copies)


def put_copies(connection: Connection, rows: Sequence[CopyRow], arrived: Mapping[int, int]) -> None:
    """Keep these; those of each partition up to the number given have arrived and go."""
    if arrived:
        driver, places = driver_of(connection), [value for place in arrived.items() for value in place]
        if isinstance(driver, sqlite3.Connection):
            driver.execute(_deletion(len(arrived), "?"), places)
        else:
            driver.execute(_deletion(len(arrived), "%s::int8").encode(), places)
    _insert(connection, rows)


@cache
def _deletion(partitions: int, mark: str) -> str:
    """One statement for so many partitions, given straight to the driver: it is part of every round."""
    gone = [f"(partition = {mark} AND no <= {mark})"] * partitions
    return " ".join(("DELETE FROM copies WHERE", " OR ".join(gone)))


def waiting_copies(connection: Connection, partition: int) -> list[CopyRow]:
    """Of a partition, in order."""
    query = select(copies).where(copies.c.partition == partition).order_by(copies.c.no)
    return [CopyRow._make(row) for row in connection.execute(query)]
