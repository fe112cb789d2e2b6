"""Retention: what is older than its time goes, a bounded piece at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, select, tuple_, update

from cti.adapters.ledger.tables import (
    CALLLESS,
    DROPPED,
    KEPT,
    breaches,
    calls,
    commands,
    dead_letters,
    records,
    timeline,
    timeline_default,
)
from cti.adapters.ledger.timeline_days import make_days

CALLS_A_TIME = 500


def purge(connection: Connection, limits: Sequence[tuple[int, int]]) -> Sequence[int]:
    """(timeline_before_ms, records_before_ms) of each; how many calls, commands and dead letters were touched."""
    make_days(connection)
    return [
        drop_timelines(connection, timeline_before_ms)
        + drop_calls(connection, records_before_ms)
        + drop_callless(connection, records_before_ms)
        for timeline_before_ms, records_before_ms in limits
    ]


def drop_timelines(connection: Connection, before_ms: int) -> int:
    """The timelines of calls that ended before; the calls and their records stay.

    On PostgreSQL they are only marked: their rows go with their day (`timeline_days`).
    """
    query = select(calls.c.call_id, calls.c.partition, calls.c.born).where(KEPT, calls.c.ended_at_ms < before_ms)
    found = connection.execute(query.order_by(calls.c.ended_at_ms).limit(CALLS_A_TIME)).all()
    if found:
        places = [(partition, born) for _, partition, born in found]
        rows = timeline_default if connection.dialect.name == "postgresql" else timeline
        connection.execute(delete(rows).where(tuple_(rows.c.partition, rows.c.born).in_(places)))
        ids = [call_id for call_id, _, _ in found]
        connection.execute(update(calls).where(calls.c.call_id.in_(ids)).values(timeline_kept=0))
    return len(found)


def drop_calls(connection: Connection, before_ms: int) -> int:
    """Calls that ended before, with everything of theirs, once their timeline has gone."""
    query = select(calls.c.call_id, calls.c.tenant).where(DROPPED, calls.c.ended_at_ms < before_ms)
    found = connection.execute(query.order_by(calls.c.ended_at_ms).limit(CALLS_A_TIME)).all()
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


def _drop(connection: Connection, table: Table, name: ColumnElement[Any], old: Select[Any]) -> int:
    return connection.execute(delete(table).where(name.in_(old))).rowcount
