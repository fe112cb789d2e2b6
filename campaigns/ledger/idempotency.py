"""`Idempotency-Key`s of POSTs that create: kept for 72 h with the answer that was given.

A key is taken and answered in the transaction that creates. Where creating takes longer than a transaction (an
import), the key is taken before and answered after it, and prolonged meanwhile; one that was neither answered nor
prolonged for `IN_FLIGHT_MAX_MS` belongs to a process that is gone, and is taken over.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from campaigns.ledger.tables import idempotency
from cti.sql.bulk import insertion

KEPT_MS = 72 * 3_600_000
IN_FLIGHT_MAX_MS = 60_000
PROLONG_MS = 10_000
PURGED_AT_ONCE = 1_000

_insert = insertion(idempotency, tail="ON CONFLICT DO NOTHING RETURNING key")


class KeyRow(NamedTuple):
    """`status` None: still running. `digest`: of method, path and body, which of one that is running may not be known
    yet; then it is whatever tells who has taken it. `at_ms`: when it was taken, or prolonged last.
    """

    tenant: str
    key: str
    digest: str
    at_ms: int
    status: int | None = None
    body: str | None = None
    location: str | None = None


def take(connection: Connection, row: KeyRow) -> KeyRow | None:
    """Take a key; None: it is ours now, else what it was used for. Whoever has taken it just now is waited for."""
    if _insert.returning(connection, [row]):
        return None
    found = read(connection, row.tenant, row.key)
    if found is None:  # purged in between
        return take(connection, row)
    too_old = found.at_ms < row.at_ms - (IN_FLIGHT_MAX_MS if found.status is None else KEPT_MS)
    if not too_old or not _drop(connection, found):
        return found
    return take(connection, row)


def answer(connection: Connection, taken: KeyRow, status: int, body: str, location: str | None, digest: str) -> bool:
    """Keep the answer of a key that was taken; False: somebody else has taken it since."""
    change = update(idempotency).where(_same(taken), idempotency.c.status.is_(None))
    return connection.execute(change.values(status=status, body=body, location=location, digest=digest)).rowcount > 0


def prolong(connection: Connection, taken: KeyRow, at_ms: int) -> bool:
    """It is still running; False: it was answered, or somebody else has taken it since."""
    change = update(idempotency).where(_same(taken), idempotency.c.status.is_(None))
    return connection.execute(change.values(at_ms=at_ms)).rowcount > 0


def release(connection: Connection, taken: KeyRow) -> None:
    """What was asked for was not done: the key is free again."""
    connection.execute(delete(idempotency).where(_same(taken), idempotency.c.status.is_(None)))


def read(connection: Connection, tenant: str, key: str) -> KeyRow | None:
    """A key as it stands."""
    query = select(idempotency).where(idempotency.c.tenant == tenant, idempotency.c.key == key)
    found = connection.execute(query).one_or_none()
    return None if found is None else KeyRow(*found)


def purge(connection: Connection, now_ms: int) -> int:
    """Drop what is older than 72 h; how many."""
    old = select(idempotency.c.tenant, idempotency.c.key).where(idempotency.c.at_ms < now_ms - KEPT_MS)
    keys = connection.execute(old.order_by(idempotency.c.at_ms).limit(PURGED_AT_ONCE)).all()
    for tenant, key in keys:
        which = and_(idempotency.c.tenant == tenant, idempotency.c.key == key)
        connection.execute(delete(idempotency).where(which, idempotency.c.at_ms < now_ms - KEPT_MS))
    return len(keys)


def _same(row: KeyRow) -> ColumnElement[bool]:
    columns = idempotency.c
    return and_(columns.tenant == row.tenant, columns.key == row.key, columns.digest == row.digest)


def _drop(connection: Connection, row: KeyRow) -> bool:
    """False: it was prolonged, or somebody else has taken it."""
    unchanged = and_(_same(row), idempotency.c.at_ms == row.at_ms)
    return connection.execute(delete(idempotency).where(unchanged)).rowcount > 0
