"""The freeze of a tenant: a row that each turn locks, so that nothing is made after a freeze."""

from sqlalchemy import Connection, select, update

from campaigns.ledger.rows import OutboundRow
from campaigns.ledger.tables import outbound
from cti.sql.bulk import insertion

_put = insertion(outbound, tail="ON CONFLICT (tenant) DO NOTHING")


def read(connection: Connection, tenant: str) -> OutboundRow:
    """A tenant without a row is not frozen."""
    found = connection.execute(select(outbound).where(outbound.c.tenant == tenant)).one_or_none()
    return _new(tenant) if found is None else OutboundRow._make(found)


def ensure(connection: Connection, tenant: str) -> None:
    """Make the row, where it is missing: what is not there cannot be locked."""
    _put(connection, [_new(tenant)])


def lock(connection: Connection, tenant: str, *, share: bool = False) -> OutboundRow:
    """The row as it is, locked until the transaction ends."""
    ensure(connection, tenant)
    query = select(outbound).where(outbound.c.tenant == tenant).with_for_update(read=share)
    return OutboundRow._make(connection.execute(query).one())


def replace(connection: Connection, row: OutboundRow) -> OutboundRow:
    """Write over the row, which is locked; its version rises."""
    after = row._replace(version=row.version + 1)
    connection.execute(update(outbound).where(outbound.c.tenant == row.tenant).values(after._asdict()))
    return after


def _new(tenant: str) -> OutboundRow:
    return OutboundRow(tenant=tenant, frozen=0, reason=None, who=None, at_ms=None, version=0, settlements_heard_ms=None)
