"""API keys: only a digest of the secret is kept."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from cti.adapters.ledger.tables import api_keys
from cti.rows import KeyRow
from cti.sql.bulk import Insertion
from cti.sql.point import rows_of

_insert = Insertion(api_keys)
_BY_ID = " ".join(("SELECT", ", ".join(api_keys.columns.keys()), "FROM api_keys WHERE id = ?"))


def add_keys(connection: Connection, rows: Sequence[KeyRow]) -> Sequence[None]:
    _insert(connection, rows)
    return [None] * len(rows)


def revoke_keys(connection: Connection, revoked: Sequence[tuple[str, int]]) -> Sequence[bool]:
    """(id, at_ms) of each; False where there is no such key or it was revoked before."""
    return [
        connection.execute(
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=at_ms)
        ).rowcount
        == 1
        for key_id, at_ms in revoked
    ]


def key(connection: Connection, key_id: str) -> KeyRow | None:
    found = rows_of(connection, _BY_ID, key_id)
    return KeyRow._make(found[0]) if found else None


def keys(connection: Connection) -> list[KeyRow]:
    found = connection.execute(select(api_keys).order_by(api_keys.c.created_at_ms, api_keys.c.id))
    return [KeyRow._make(row) for row in found]
