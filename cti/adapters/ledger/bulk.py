"""Many rows in one statement, whatever their number.

`executemany` of sqlite3 gives up the interpreter lock at every row; beside a busy event loop a batch of 500 rows was
seen to take seconds. One statement a batch holds it once: on SQLite `VALUES` lists in sizes of powers of two, the rest
cut off by LIMIT (so that few statements are ever prepared), on PostgreSQL one array a column.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, LargeBinary, Table

ROWS_MAX = 512  # a statement on SQLite: 512 x 19 columns stays below its 32,766 parameters
NAMED_MAX = 4_096  # values in one IN (...)

Item = TypeVar("Item")

_ARRAYS = {LargeBinary: "bytea[]", Float: "double precision[]", BigInteger: "bigint[]", Integer: "integer[]"}


class Bulk:
    """A statement `head (rows named "given") tail`; calling it with rows returns how many the database touched."""

    def __init__(self, head: str, columns: Sequence[Column[Any]], tail: str) -> None:
        self.head = head
        self.tail = tail
        self.names = [column.name for column in columns]
        self.arrays = [_array(column) for column in columns]

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        if connection.dialect.name == "sqlite":
            return sum(self._on_sqlite(connection, part) for part in slices(rows, ROWS_MAX))
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        return connection.exec_driver_sql(_arrays(self), columns).rowcount

    def _on_sqlite(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> int:
        size = 1 << (len(rows) - 1).bit_length()
        flat = list(chain.from_iterable(rows))
        flat.extend([None] * ((size - len(rows)) * len(self.names)))
        flat.append(len(rows))
        return connection.exec_driver_sql(_values(self, size), tuple(flat)).rowcount


def insertion(table: Table, columns: Sequence[Column[Any]] | None = None, tail: str = "") -> Bulk:
    """Insert rows that hold `columns` (all of the table's if None) in their order; `tail`: an ON CONFLICT clause."""
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


def _array(column: Column[Any]) -> str:
    return next((name for kind, name in _ARRAYS.items() if isinstance(column.type, kind)), "text[]")


@lru_cache(maxsize=256)
def _values(bulk: Bulk, size: int) -> str:
    row = "".join(("(", ", ".join("?" * len(bulk.names)), ")"))
    named = ", ".join(f"column{at} AS {name}" for at, name in enumerate(bulk.names, 1))
    given = ("(SELECT", named, "FROM (VALUES", ", ".join([row] * size), ") LIMIT ?) AS given")
    return " ".join((bulk.head, *given, "WHERE true", bulk.tail))


@lru_cache(maxsize=64)
def _arrays(bulk: Bulk) -> str:
    arrays = ", ".join(f"%s::{array}" for array in bulk.arrays)
    return " ".join((bulk.head, "unnest(", arrays, ") AS given(", ", ".join(bulk.names), ") WHERE true", bulk.tail))
