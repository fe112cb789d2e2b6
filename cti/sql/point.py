"""Short fixed statements, given straight to the driver: SQLAlchemy takes ten times as long as the database for them."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

from cti.sql.bulk import driver_of

STATEMENTS_KEPT = 64


def rows_of(connection: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a statement with `?` for each value finds. Raises the driver's errors."""
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):
        return driver.execute(statement, values).fetchall()
    return driver.execute(_for_psycopg(statement), values).fetchall()


def changed(connection: Connection, statement: str, *values: object) -> int:
    """How many rows a statement with `?` for each value has changed. Raises the driver's errors."""
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):
        return driver.execute(statement, values).rowcount
    return driver.execute(_for_psycopg(statement), values).rowcount


def all_of(table: Table, *rest: str) -> str:
    """A statement for every column of a table, in its order, followed by the rest."""
    words = ("SELECT", ", ".join(column.name for column in table.columns), "FROM", table.name, *rest)
    return " ".join(words)


def listed(values: Sequence[object]) -> str:
    """A `?` for each."""
    return ", ".join("?" * len(values))


@lru_cache(maxsize=STATEMENTS_KEPT)
def _for_psycopg(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()
