"""Marks (digits of a telephone number) are looked for in rows of any table, and what is meant is taken out of the text.

Rows are found by reading the whole table: this is for what is asked for rarely. A row is written only if it is still as
it was read, so nothing that was written meanwhile is lost; whoever asks again finds what was missed.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, and_, func, literal, or_, select, tuple_
from sqlalchemy import update as changed

UTF8 = "utf-8"
AS_IT_WAS = "surrogateescape"  # a byte that is no UTF-8 comes back as it was


class MarkedColumns(NamedTuple):
    """Columns of a table, text or bytes, that may hold a mark. The table has a primary key. `mine`: the rows of a
    tenant; where absent, by its column `tenant`.
    """

    table: Table
    columns: tuple[str, ...]
    mine: Callable[[str], ColumnElement[bool]] | None = None

    def of(self, tenant: str) -> ColumnElement[bool]:
        return self.table.c.tenant == tenant if self.mine is None else self.mine(tenant)


def scrub(
    connection: Connection,
    marked: MarkedColumns,
    tenant: str,
    marks: Sequence[str],
    clean: Callable[[str], str],
    after: Sequence[Any] | None,
    limit: int,
) -> tuple[int, Sequence[Any] | None]:
    """Clean at most `limit` rows with a mark, after a key. How many were changed, and the last key; None: that was all.
    `clean` takes the marks out of a text.
    """
    table = marked.table
    keys, columns = list(table.primary_key.columns), [table.c[name] for name in marked.columns]
    found = or_(*(_has(connection, column, mark) for column in columns for mark in marks))
    query = select(*keys, *columns).where(marked.of(tenant), found)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*(literal(part) for part in after)))
    rows = connection.execute(query.order_by(*keys).limit(limit)).all()
    done = sum(_written(connection, marked, row[: len(keys)], row[len(keys) :], clean) for row in rows)
    return done, tuple(rows[-1][: len(keys)]) if len(rows) == limit else None


def _written(
    connection: Connection, marked: MarkedColumns, key: Sequence[Any], was: Sequence[Any], clean: Callable[[str], str]
) -> int:
    table = marked.table
    cleaned = [_cleaned(value, clean) for value in was]
    if list(was) == cleaned:
        return 0
    same = [column == part for column, part in zip(table.primary_key.columns, key, strict=True)]
    for name, value in zip(marked.columns, was, strict=True):
        same.append(table.c[name].is_(None) if value is None else table.c[name] == value)
    values = dict(zip(marked.columns, cleaned, strict=True))
    return connection.execute(changed(table).where(and_(*same)).values(values)).rowcount


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, bytes | memoryview):
        return clean(bytes(value).decode(UTF8, AS_IT_WAS)).encode(UTF8, AS_IT_WAS)
    return clean(value) if isinstance(value, str) else value


def _has(connection: Connection, column: Column[Any], mark: str) -> ColumnElement[bool]:
    if not isinstance(column.type, LargeBinary):
        return column.contains(mark, autoescape=True)
    sought = literal(mark.encode(UTF8), LargeBinary())
    if connection.dialect.name == "sqlite":
        return func.instr(column, sought) > 0
    return func.position(sought.op("IN")(column)) > 0
