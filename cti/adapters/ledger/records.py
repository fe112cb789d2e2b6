"""Call records; a higher revision replaces a lower one."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.tables import records
from cti.rows import RecordRow, Sources
from cti.sql.bulk import insertion

_CHANGED = [column.name for column in records.columns if column.name not in {"tenant", "call_id"}]
insert_records = insertion(records, tail="ON CONFLICT (tenant, call_id) DO NOTHING")  # revision 1: it replaces none
upsert_records = insertion(
    records,
    tail=" ".join(
        (
            "ON CONFLICT (tenant, call_id) DO UPDATE SET",
            ", ".join(f"{name} = excluded.{name}" for name in _CHANGED),
            "WHERE excluded.revision > records.revision",
        )
    ),
)


def records_by_id(connection: Connection, call_ids: Sequence[str], tenants: Sequence[str]) -> list[RecordRow]:
    """The latest records of these calls; `tenants`: theirs."""
    query = select(records).where(records.c.tenant.in_(tenants), records.c.call_id.in_(call_ids))
    return [RecordRow._make(row) for row in connection.execute(query)]


def record_texts(connection: Connection, tenant: str, after: str, limit: int, sources: Sources = None) -> list[str]:
    """Canonical JSON of a tenant's records after a call id, in id order."""
    query = select(records.c.record).where(records.c.tenant == tenant, records.c.call_id > after)
    if sources is not None:
        query = query.where(records.c.source.in_(sorted(sources)))
    return list(connection.scalars(query.order_by(records.c.call_id).limit(limit)))
