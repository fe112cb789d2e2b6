"""Many rows in one statement, whatever their number.

`executemany` of sqlite3 gives up the interpreter lock at every row; beside a busy event loop a batch of 500 rows was
seen to take seconds. One statement holds it once: `VALUES` lists in sizes of powers of two, the rest cut off by LIMIT,
so that few statements are ever prepared. PostgreSQL's COPY takes a tenth of the time where rows are only inserted.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import BigInteger, Column, Connection, Float, Integer, LargeBinary, Table

ROWS_MAX = 512  # a statement: 512 x 19 columns stays below SQLite's 32,766 and PostgreSQL's 65,535 parameters
NAMED_MAX = 4_096  # values in one IN (...)

Item = TypeVar("Item")
Rows = Sequence[Sequence[Any]]

# What PostgreSQL calls a column's type. BigInteger before Integer: it is one.
_TYPES = {LargeBinary: "bytea", Float: "float8", BigInteger: "int8", Integer: "int4"}


class Insertion:
    """Insert rows that hold `columns` (all of the table's if None) in their order."""

    def __init__(self, table: Table, columns: Sequence[Column[Any]] | None = None) -> None:
        self._columns = list(table.columns) if columns is None else columns
        names = ", ".join(column.name for column in self._columns)
        self._values = insertion(table, self._columns)
        self._types = [_type(column) for column in self._columns]
        copy = ["COPY", table.name, "(", names, ") FROM STDIN (FORMAT BINARY)"]
        self._copy = " ".join(copy)

    def __call__(self, connection: Connection, rows: Rows) -> None:
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            self._values(connection, rows)
            return
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


class Bulk:
    """A statement `head (rows named "given") tail`; calling it with rows returns how many the database touched."""

    def __init__(self, head: str, columns: Sequence[Column[Any]], tail: str) -> None:
        self.head = head
        self.tail = tail
        self.names = [column.name for column in columns]
        self.types = [_type(column) for column in columns]

    def __call__(self, connection: Connection, rows: Rows) -> int:
        return sum(self._execute(connection, part) for part in slices(rows, ROWS_MAX))

    def _execute(self, connection: Connection, rows: Rows) -> int:
        size = 1 << (len(rows) - 1).bit_length()
        flat = list(chain.from_iterable(rows))
        flat.extend([None] * ((size - len(rows)) * len(self.names)))
        flat.append(len(rows))
        return connection.exec_driver_sql(_statement(self, size, connection.dialect.name), tuple(flat)).rowcount


def insertion(table: Table, columns: Sequence[Column[Any]] | None = None, tail: str = "") -> Bulk:
    """Insert rows as `Insertion` does, with an ON CONFLICT clause as `tail`."""
    columns = list(table.columns) if columns is None else columns
    names = ", ".join(column.name for column in columns)
    head = ["INSERT INTO", table.name, "(", names, ") SELECT", names, "FROM"]
    return Bulk(" ".join(head), columns, tail)


def update(table: Table, keys: Sequence[Column[Any]], changed: Sequence[Column[Any]], only: str = "") -> Bulk:
    """Update `changed` where `keys` are equal; rows hold keys, then changed. `only`: a further condition."""
    settings = ", ".join(f"{column.name} = given.{column.name}" for column in changed)
    matches = " AND ".join([f"{table.name}.{key.name} = given.{key.name}" for key in keys] + ([only] if only else []))
    head = ["UPDATE", table.name, "SET", settings, "FROM"]
    return Bulk(" ".join(head), [*keys, *changed], f"AND {matches}")


def slices(items: Sequence[Item], size: int = NAMED_MAX) -> Iterator[Sequence[Item]]:
    """The items, at most `size` at a time."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


def _type(column: Column[Any]) -> str:
    return next((name for kind, name in _TYPES.items() if isinstance(column.type, kind)), "text")


@lru_cache(maxsize=512)
def _statement(bulk: Bulk, size: int, dialect: str) -> str:
    on_sqlite = dialect == "sqlite"
    mark = "?" if on_sqlite else "%s"
    marks = ["?"] * len(bulk.types) if on_sqlite else [f"%s::{name}" for name in bulk.types]
    row = "".join(("(", ", ".join(marks), ")"))
    named = ", ".join(f"column{at} AS {name}" for at, name in enumerate(bulk.names, 1))
    values = ("(SELECT", named, "FROM (VALUES", ", ".join([row] * size), ") AS listed LIMIT", mark, ") AS given")
    return " ".join((bulk.head, *values, "WHERE true", bulk.tail))
