"""Retention: deletes what is older than its limit, a bounded amount at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, delete, select, tuple_, update

from cti.adapters.ledger.tables import (
    CALLLESS,
    DROPPED,
    KEPT,
    UNRECORDED,
    breaches,
    calls,
    commands,
    dead_letters,
    records,
    retention,
    switch_snapshots,
    timeline,
    timeline_default,
)
from cti.adapters.ledger.timeline_days import make_days
from cti.sql.bulk import insertion

CALLS_A_TIME = 500
AHEAD_MS = 86_400_000
NOW = "now"

_put_time = insertion(retention, tail="ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms")


def retention_ms(connection: Connection) -> int | None:
    """Retention's own time, as it was last stored."""
    return connection.execute(select(retention.c.at_ms).where(retention.c.name == NOW)).scalar_one_or_none()


def keep_retention_ms(connection: Connection, times: Sequence[int]) -> Sequence[None]:
    _put_time(connection, [(NOW, times[-1])])
    return [None] * len(times)


def purge(connection: Connection, limits: Sequence[tuple[int, int, int | None]]) -> Sequence[int]:
    """(timeline_before_ms, records_before_ms, latest_ms) of each; how many calls, commands, dead letters and snapshots
    were touched.
    """
    make_days(connection)
    return [
        date_again(connection, latest_ms)
        + drop_timelines(connection, timeline_before_ms)
        + drop_calls(connection, records_before_ms)
        + drop_callless(connection, records_before_ms)
        + drop_snapshots(connection, timeline_before_ms)
        for timeline_before_ms, records_before_ms, latest_ms in limits
    ]


def date_again(connection: Connection, latest_ms: int | None) -> int:
    """Date calls that were recorded while the clock was far ahead as of now, or they would be kept for as long."""
    if latest_ms is None:
        return 0
    touched = 0
    for state in (KEPT, DROPPED):
        found = select(calls.c.call_id).where(state, calls.c.recorded_at_ms > latest_ms + AHEAD_MS).limit(CALLS_A_TIME)
        changed = update(calls).where(calls.c.call_id.in_(found)).values(recorded_at_ms=latest_ms)
        touched += connection.execute(changed).rowcount
    return touched


def _recorded_before(
    connection: Connection, state: ColumnElement[bool], before_ms: int, *columns: Column[Any]
) -> list[tuple[Any, ...]]:
    """Calls of a state by the time of their first record, the oldest first; then those of the release before, by their
    end. Each has an index.
    """
    found: list[tuple[Any, ...]] = []
    by_record, by_end = calls.c.recorded_at_ms, calls.c.ended_at_ms
    for at, old in ((by_record, by_record < before_ms), (by_end, UNRECORDED & (by_end < before_ms))):
        query = select(*columns).where(state, old).order_by(at).limit(CALLS_A_TIME - len(found))
        found += [tuple(row) for row in connection.execute(query)]
    return found


def drop_timelines(connection: Connection, before_ms: int) -> int:
    """The timelines of calls that were recorded before; the calls and their records stay.

    On PostgreSQL they are only marked: their rows go with their day (`timeline_days`).
    """
    found = _recorded_before(connection, KEPT, before_ms, calls.c.call_id, calls.c.partition, calls.c.born)
    if found:
        keys = [(partition, born) for _, partition, born in found]
        rows = timeline_default if connection.dialect.name == "postgresql" else timeline
        connection.execute(delete(rows).where(tuple_(rows.c.partition, rows.c.born).in_(keys)))
        ids = [call_id for call_id, _, _ in found]
        connection.execute(update(calls).where(calls.c.call_id.in_(ids)).values(timeline_kept=0))
    return len(found)


def drop_calls(connection: Connection, before_ms: int) -> int:
    """Calls that were recorded before, with everything of theirs, once their timeline has gone."""
    found = _recorded_before(connection, DROPPED, before_ms, calls.c.call_id, calls.c.tenant)
    if found:
        ids = [call_id for call_id, _ in found]
        owned = [(tenant, call_id) for call_id, tenant in found]
        connection.execute(delete(records).where(tuple_(records.c.tenant, records.c.call_id).in_(owned)))
        for table in (breaches, commands, calls):
            connection.execute(delete(table).where(table.c.call_id.in_(ids)))
    return len(found)


def drop_callless(connection: Connection, before_ms: int) -> int:
    """Commands to agents outside any call, and dead letters."""
    old_commands = select(commands.c.id).where(CALLLESS, commands.c.issued_at_ms < before_ms).limit(CALLS_A_TIME)
    letter = tuple_(dead_letters.c.partition, dead_letters.c.position)
    old_letters = (
        select(dead_letters.c.partition, dead_letters.c.position)
        .where(dead_letters.c.at_ms < before_ms)
        .order_by(dead_letters.c.at_ms)
        .limit(CALLS_A_TIME)
    )
    return _drop(connection, commands, commands.c.id, old_commands) + _drop(
        connection, dead_letters, letter, old_letters
    )


def drop_snapshots(connection: Connection, before_ms: int) -> int:
    """Snapshots that were appended before: no call whose timeline is kept can be of before them."""
    columns = switch_snapshots.c
    key = (columns.tenant, columns.source, columns.partition, columns.event_id)
    old = select(*key).where(columns.appended_at_ms < before_ms).order_by(columns.appended_at_ms).limit(CALLS_A_TIME)
    return _drop(connection, switch_snapshots, tuple_(*key), old)


def _drop(connection: Connection, table: Table, name: ColumnElement[Any], old: Select[Any]) -> int:
    return connection.execute(delete(table).where(name.in_(old))).rowcount
