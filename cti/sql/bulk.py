"""Many rows in one statement, whatever their number, given straight to the driver.

`executemany` of sqlite3 releases the interpreter lock at every row: beside a busy event loop a batch of 500 rows took
seconds. One statement acquires it once. `VALUES` lists have one of a few sizes, padded, with a LIMIT, so that few
statements are ever prepared. OR FAIL: a failed statement fails its transaction anyway, and without it SQLite keeps a
copy of every page that the statement changes, to be able to undo it alone.

On PostgreSQL, plain inserts go by COPY, others as an array a column, made as text here: psycopg has no fast way for
arrays. The planner then knows how many rows there are (of `json_to_recordset` it takes 100 for granted, and would read
all of a table for one).
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar, cast

import psycopg
from pydantic_core import to_json
from sqlalchemy import BigInteger, Column, Connection, Float, Integer, LargeBinary, Table

ROWS_MAX = 512  # rows in one statement: 512 x 19 columns stay below SQLite's 32,766 parameters
NAMED_MAX = 4_096  # values in one IN (...)

Item = TypeVar("Item")
Rows = Sequence[Sequence[Any]]
Driver = sqlite3.Connection | psycopg.Connection[Any]

_ESCAPES = re.compile(r"\\[bfnrtu]")  # perhaps of a control character

# PostgreSQL's name of a column's type. BigInteger comes before Integer, whose subclass it is.
_TYPES = {LargeBinary: "bytea", Float: "float8", BigInteger: "int8", Integer: "int4"}


def driver_of(connection: Connection) -> Driver:
    """The driver's connection under SQLAlchemy's, in the same transaction."""
    return cast("Driver", connection.connection.driver_connection)


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
        driver = driver_of(connection)
        if isinstance(driver, sqlite3.Connection):
            self._values(connection, rows)
            return
        with driver.cursor() as cursor, cursor.copy(self._copy.encode()) as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


class Bulk:
    """A statement `verb head (rows named "given") tail`; calling it with rows returns how many the database touched.

    No column may hold bytes. The first error of a driver leaves a transaction that can only be rolled back.
    `locking`: follows the tail on PostgreSQL; SQLite has one writer, and no such clause.
    """

    def __init__(self, verb: str, head: str, columns: Sequence[Column[Any]], tail: str, locking: str = "") -> None:
        self.verb = verb
        self.head = head
        self.tail = tail
        self.names = [str(column.name) for column in columns]  # SQLAlchemy's own kind of str is written slowly
        self.types = [_type(column) for column in columns]
        self._bytes = [at for at, kind in enumerate(self.types) if kind == "bytea" and not columns[at].nullable]
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.types)
        source = ("unnest(", arrays, ") AS given (", ", ".join(self.names), ")")
        self._from_arrays = " ".join((verb, head, *source, "WHERE true", tail, locking)).encode()

    def __call__(self, connection: Connection, rows: Rows) -> int:
        if not rows:
            return 0
        driver = driver_of(connection)
        if isinstance(driver, sqlite3.Connection):
            return sum(self._values_cursor(driver, part).rowcount for part in slices(rows, ROWS_MAX))
        return driver.execute(self._from_arrays, _as_arrays(rows)).rowcount

    def returning(self, connection: Connection, rows: Rows) -> list[tuple[Any, ...]]:
        """What a SELECT, or a statement with RETURNING in its tail, returns for these rows: in no order, in which many
        rows are given.
        """
        if not rows:
            return []
        driver = driver_of(connection)
        if isinstance(driver, sqlite3.Connection):
            return [row for part in slices(rows, ROWS_MAX) for row in self._values_cursor(driver, part).fetchall()]
        return driver.execute(self._from_arrays, _as_arrays(rows)).fetchall()

    def _values_cursor(self, driver: sqlite3.Connection, rows: Rows) -> sqlite3.Cursor:
        # sqlite3 looks for an adapter of each `bytes` and each None, in vain, which costs more than to insert it; of a
        # `bytearray` or a number it looks for none.
        size, width = _size(len(rows)), len(self.names)
        flat = list(chain.from_iterable(rows))
        for at in self._bytes:
            flat[at::width] = map(bytearray, flat[at::width])
        flat.extend([0] * ((size - len(rows)) * width))
        flat.append(len(rows))
        return driver.execute(_values_statement(self, size), flat)


def insertion(table: Table, columns: Sequence[Column[Any]] | None = None, tail: str = "") -> Bulk:
    """Insert rows as `Insertion` does, with an ON CONFLICT clause as `tail`."""
    columns = list(table.columns) if columns is None else columns
    names = ", ".join(column.name for column in columns)
    head = ["INTO", table.name, "(", names, ") SELECT", names, "FROM"]
    return Bulk("INSERT", " ".join(head), columns, tail)


def update(table: Table, keys: Sequence[Column[Any]], changed: Sequence[Column[Any]], only: str = "") -> Bulk:
    """Update `changed` where `keys` are equal; rows hold keys, then changed. `only`: a further condition."""
    settings = ", ".join(f"{column.name} = given.{column.name}" for column in changed)
    matches = " AND ".join([f"{table.name}.{key.name} = given.{key.name}" for key in keys] + ([only] if only else []))
    head = [table.name, "SET", settings, "FROM"]
    return Bulk("UPDATE", " ".join(head), [*keys, *changed], f"AND {matches}")


def deletion(table: Table, key: Column[Any]) -> Bulk:
    """Delete the rows of these keys."""
    head = ["FROM", table.name, "WHERE", key.name, "IN (SELECT", key.name, "FROM"]
    return Bulk("DELETE", " ".join(head), [key], ")")


def selection(
    table: Table,
    keys: Sequence[Column[Any]],
    columns: Sequence[Column[Any]] | None = None,
    tail: str = "",
    locking: str = "",
) -> Bulk:
    """Select `columns` (all of the table's if None) of the rows with these keys: one short statement for any number of
    keys, where an IN list is another statement for each, to be written, bound and planned anew.
    """
    names = ", ".join(column.name for column in (table.columns if columns is None else columns))
    keyed = ", ".join(key.name for key in keys)
    head = (names, "FROM", table.name, "WHERE (", keyed, ") IN (SELECT", keyed, "FROM")
    return Bulk("SELECT", " ".join(head), keys, f") {tail}", locking)


def slices(items: Sequence[Item], size: int = NAMED_MAX) -> Iterator[Sequence[Item]]:
    """The items, at most `size` at a time."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


def _as_arrays(rows: Rows) -> list[str]:
    """A literal a column."""
    return [_as_array(cells) for cells in zip(*rows, strict=True)]


def _as_array(cells: Sequence[Any]) -> str:
    """JSON escapes as a literal does, but for control characters."""
    text = to_json(cells).decode()
    if _ESCAPES.search(text) is None:
        return "".join(("{", text[1:-1], "}"))
    return "".join(("{", ",".join(map(_element, cells)), "}"))


def _element(cell: Any) -> str:
    if not isinstance(cell, str):
        return "NULL" if cell is None else str(cell)
    return "".join(('"', cell.replace("\\", "\\\\").replace('"', '\\"'), '"'))


def _type(column: Column[Any]) -> str:
    return next((name for kind, name in _TYPES.items() if isinstance(column.type, kind)), "text")


def _size(rows: int) -> int:
    """1, 2, 3, 4, 6, 8, 12, 16, 24, ... rows: what is bound in vain stays below a third."""
    power = 1 << (rows - 1).bit_length()
    return power * 3 // 4 if power > 2 and rows <= power * 3 // 4 else power


@lru_cache(maxsize=512)
def _values_statement(bulk: Bulk, size: int) -> str:
    verb = bulk.verb if bulk.verb in ("DELETE", "SELECT") else f"{bulk.verb} OR FAIL"
    row = "".join(("(", ", ".join("?" * len(bulk.names)), ")"))
    named = ", ".join(f"column{at} AS {name}" for at, name in enumerate(bulk.names, 1))
    values = ("(SELECT", named, "FROM (VALUES", ", ".join([row] * size), ") AS listed LIMIT ?) AS given")
    return " ".join((verb, bulk.head, *values, "WHERE true", bulk.tail))
