"""Switches: the last declaration of each."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from cti.adapters.ledger.tables import switches
from cti.rows import SwitchRow
from cti.sql.bulk import insertion
from cti.sql.point import all_of, rows_of

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


_SWITCH = all_of(switches, "WHERE tenant = ? AND switch = ?")
_SWITCHES = all_of(switches, "ORDER BY tenant, switch")
_OF_TENANT = all_of(switches, "WHERE tenant = ? ORDER BY switch")


def switch(connection: Connection, tenant: str, switch_id: str) -> SwitchRow | None:
    found = rows_of(connection, _SWITCH, tenant, switch_id)
    return SwitchRow._make(found[0]) if found else None


def list_switches(connection: Connection, tenant: str | None = None) -> list[SwitchRow]:
    """The switches of one tenant, or of all."""
    found = rows_of(connection, _SWITCHES) if tenant is None else rows_of(connection, _OF_TENANT, tenant)
    return [SwitchRow._make(row) for row in found]
