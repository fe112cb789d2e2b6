"""Statements about requests for callbacks."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from cti.callers.rows import CallbackRequest
from cti.callers.tables import callback_requests
from cti.sql.bulk import Bulk, insertion

KEPT_MS = 7 * 86_400_000  # what nobody has taken for so long nobody waits for any more
ROWS_A_TIME = 500

_put = insertion(callback_requests, tail="ON CONFLICT (id) DO NOTHING")
_take = Bulk("DELETE", "FROM callback_requests WHERE id IN (SELECT id FROM", [callback_requests.c.id], ") RETURNING id")


class Pending(NamedTuple):
    """What waits to be taken. `oldest_ms`: when the first of them was written, by the log's clock; None: nothing."""

    requests: int
    oldest_ms: int | None


def put_requests(connection: Connection, rows: Sequence[CallbackRequest]) -> None:
    """Those that are new; an id that is there stays as it is."""
    _put(connection, sorted({row.id: row for row in rows}.values()))


def read_requests(connection: Connection, limit: int) -> list[CallbackRequest]:
    """The first written first."""
    columns = callback_requests.c
    query = select(callback_requests).order_by(columns.written_at_ms, columns.id).limit(limit)
    return [CallbackRequest._make(row) for row in connection.execute(query)]


def take(connection: Connection, ids: Collection[str]) -> set[str]:
    """Delete these, in the order of their ids; those that were there."""
    return {row[0] for row in _take.returning(connection, [(each,) for each in sorted(ids)])}


def pending(connection: Connection) -> Pending:
    found = select(func.count(), func.min(callback_requests.c.written_at_ms))
    return Pending._make(connection.execute(found).one())


def purge(connection: Connection, times: Sequence[int]) -> list[int]:
    """What is too old at these times, a bounded amount; how many rows went."""
    return [_purge(connection, now_ms - KEPT_MS) for now_ms in times]


def _purge(connection: Connection, before_ms: int) -> int:
    columns = callback_requests.c
    old = select(columns.id).where(columns.written_at_ms < before_ms).order_by(columns.written_at_ms)
    gone = delete(callback_requests).where(columns.id.in_(old.limit(ROWS_A_TIME)))
    return connection.execute(gone).rowcount
