"""The snapshots that partitions keep of their switches: a row each, until newer ones or retention drop it."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, tuple_

from cti.adapters.ledger.tables import switch_snapshots
from cti.snapshot_rows import SnapshotKey, SnapshotRow
from cti.sql.bulk import insertion

_COLUMNS = switch_snapshots.c
_KEY = tuple_(_COLUMNS.tenant, _COLUMNS.source, _COLUMNS.partition, _COLUMNS.event_id)
_insert = insertion(switch_snapshots, tail="ON CONFLICT (tenant, source, partition, event_id) DO NOTHING")


def put_snapshots(connection: Connection, rows: Sequence[SnapshotRow], gone: Sequence[SnapshotKey]) -> None:
    """Keep these, and drop those that are kept no more."""
    if rows:
        _insert(connection, rows)
    if gone:
        connection.execute(delete(switch_snapshots).where(_KEY.in_([tuple(key) for key in gone])))


def list_snapshots(connection: Connection, partition: int) -> list[SnapshotRow]:
    """Those of a partition, the oldest first."""
    query = select(switch_snapshots).where(_COLUMNS.partition == partition).order_by(_COLUMNS.at_ms, _COLUMNS.event_id)
    return [SnapshotRow._make(row) for row in connection.execute(query)]
