"""Switches: the last declaration of each."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from cti.adapters.ledger.tables import switches
from cti.rows import SwitchRow
from cti.sql.bulk import insertion

DECLARING = 7_246_227  # an advisory lock: one declaration at a time
_upsert = insertion(
    switches,
    tail="ON CONFLICT (tenant, switch) DO UPDATE SET source = excluded.source, declaration = excluded.declaration",
)


def put_switches(connection: Connection, rows: Sequence[SwitchRow]) -> Sequence[bool]:
    """Whether each was written: a source belongs to one switch of a tenant."""
    if connection.dialect.name == "postgresql":  # other processes decide the same after us
        connection.execute(text(f"SELECT pg_advisory_xact_lock({DECLARING})"))
    return [_put(connection, row) for row in rows]


def _put(connection: Connection, row: SwitchRow) -> bool:
    of_source = select(switches.c.switch).where(switches.c.tenant == row.tenant, switches.c.source == row.source)
    if any(other != row.switch for other in connection.scalars(of_source)):
        return False
    _upsert(connection, [row])
    return True


def switch(connection: Connection, tenant: str, switch_id: str) -> SwitchRow | None:
    query = select(switches).where(switches.c.tenant == tenant, switches.c.switch == switch_id)
    row = connection.execute(query).first()
    return None if row is None else SwitchRow._make(row)


def list_switches(connection: Connection, tenant: str | None = None) -> list[SwitchRow]:
    """Of one tenant, or of all."""
    query = select(switches).order_by(switches.c.tenant, switches.c.switch)
    if tenant is not None:
        query = query.where(switches.c.tenant == tenant)
    return [SwitchRow._make(row) for row in connection.execute(query)]
