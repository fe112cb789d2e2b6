"""Switches: the last declaration of each."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.tables import switches
from cti.rows import SwitchRow
from cti.sql.bulk import insertion

_upsert = insertion(
    switches,
    tail="ON CONFLICT (tenant, switch) DO UPDATE SET source = excluded.source, declaration = excluded.declaration",
)


def put_switches(connection: Connection, rows: Sequence[SwitchRow]) -> Sequence[None]:
    _upsert(connection, list({(row.tenant, row.switch): row for row in rows}.values()))
    return [None] * len(rows)


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
