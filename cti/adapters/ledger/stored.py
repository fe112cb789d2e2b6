"""Calls with their timelines, commands and records, from a few range queries instead of several a call."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from cti.adapters.ledger.calls import calls_by_id, live_calls
from cti.adapters.ledger.commands import commands_of_calls, live_commands
from cti.adapters.ledger.records import records_by_id
from cti.adapters.ledger.timeline import events_kept, timeline_after, timelines, timelines_of
from cti.rows import CallRow, CommandRow, RecordRow, StoredCall, TimelineRow
from cti.sql.bulk import slices

LIVE_SLICE = 2_000  # calls; some 100 ms of a reader's time


def live_slice(connection: Connection, partition: int, after: int, size: int) -> list[StoredCall]:
    """Up to `size` calls of a partition without a record, born after `after`, oldest first."""
    rows = live_calls(connection, partition, after, size)
    if not rows:
        return []
    last = rows[-1].born
    history = timelines_of(connection, partition, [row.born for row in rows])
    return join(rows, history, live_commands(connection, partition, after, last), [])


def stored_calls(connection: Connection, call_ids: Sequence[str], tenant: str | None = None) -> list[StoredCall]:
    """These calls, where they exist (and belong to the tenant, if one is given)."""
    found: list[StoredCall] = []
    for some in slices(list(call_ids)):
        rows = calls_by_id(connection, some, tenant)
        ids = [row.call_id for row in rows]
        records = records_by_id(connection, ids, sorted({row.tenant for row in rows}))
        found += join(rows, timelines(connection, ids), commands_of_calls(connection, ids), records)
    return found


def call_since(
    connection: Connection, tenant: str, call_id: str, after: tuple[int, int], limit: int
) -> tuple[StoredCall, int] | None:
    """A call with its events after (position, n), and how many it has in all; None: the tenant has no such call."""
    rows = calls_by_id(connection, [call_id], tenant)
    if not rows:
        return None
    records = records_by_id(connection, [call_id], [tenant])
    later = timeline_after(connection, rows[0], after, limit)
    stored = StoredCall(rows[0], later, commands_of_calls(connection, [call_id]), records[0] if records else None)
    return stored, events_kept(connection, rows[0])


def timeline_page(
    connection: Connection, tenant: str, call_id: str, after: tuple[int, int], limit: int
) -> tuple[CallRow, list[TimelineRow]] | None:
    """A call and a page of its events after (position, n); None: the tenant has no such call."""
    rows = calls_by_id(connection, [call_id], tenant)
    return (rows[0], timeline_after(connection, rows[0], after, limit)) if rows else None


def join(
    rows: Sequence[CallRow],
    history: Sequence[TimelineRow],
    commands: Sequence[CommandRow],
    records: Sequence[RecordRow],
) -> list[StoredCall]:
    """Join rows to their calls; rows of other calls are left out."""
    timeline_of: defaultdict[tuple[int, int], list[TimelineRow]] = defaultdict(list)
    commands_of: defaultdict[str, list[CommandRow]] = defaultdict(list)
    for event in history:
        timeline_of[event[:2]].append(event)
    for command in commands:
        commands_of[command.call_id].append(command)
    record_of = {record.call_id: record for record in records}
    return [
        StoredCall(
            row,
            timeline_of.get((row.partition, row.born), []),
            commands_of.get(row.call_id, []),
            record_of.get(row.call_id),
        )
        for row in rows
    ]
