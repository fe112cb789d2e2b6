"""Short fixed statements, given straight to the driver: SQLAlchemy takes ten times as long as the database for them."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Connection, Dialect, Table
from sqlalchemy.sql.compiler import SQLCompiler

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


class _Compiled(NamedTuple):
    statement: str
    names: Sequence[str]  # of parameters in their order, where the driver takes them by it
    wanted: Collection[str]  # parameters without a value
    fixed: Mapping[str, object]


class Prepared:
    """A statement of SQLAlchemy's, compiled once a dialect and then given straight to the driver.

    It has a `bindparam` for each value that is not always the same, and no list of them. Its columns are of types that
    both drivers give as they are stored: numbers, text, bytes. It begins no transaction of SQLAlchemy's.
    """

    __slots__ = ("_compiled", "_statement")

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **values: object) -> list[tuple[Any, ...]]:
        """What it finds, with a value for each of its parameters. Raises the driver's errors."""
        driver, name = driver_of(connection), connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = self._compile(connection.dialect)
        statement, names, wanted, fixed = self._compiled[name]
        assert values.keys() == {*wanted}, sorted(values)
        given = {**fixed, **values}
        if isinstance(driver, sqlite3.Connection):
            return driver.execute(statement, [given[name] for name in names]).fetchall()
        return driver.execute(statement.encode(), given).fetchall()

    def _compile(self, dialect: Dialect) -> _Compiled:
        made = self._statement.compile(dialect=dialect)
        assert isinstance(made, SQLCompiler)
        wanted = {name for name, bound in made.binds.items() if bound.required}
        fixed = {name: value for name, value in made.params.items() if name not in wanted}
        return _Compiled(made.string, made.positiontup or (), wanted, fixed)


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
