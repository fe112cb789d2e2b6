"""Calls: a row at birth; its end comes with the first record."""

from collections.abc import Collection, Sequence

from pydantic_core import to_json
from sqlalchemy import Connection, and_, bindparam, select, tuple_

from cti.adapters.ledger.tables import LIVE, breaches, calls, records
from cti.rows import CallFilter, CallListing, CallRow, PastCall, RecordRow
from cti.sql import bulk
from cti.sql.point import rows_of

BIRTH = [column for column in calls.columns if column.name not in {"ended_at_ms", "timeline_kept", "recorded_at_ms"}]
insert_births = bulk.Insertion(calls, BIRTH)
set_ends = bulk.update(calls, [calls.c.call_id], [calls.c.ended_at_ms])
set_first_ends = bulk.update(calls, [calls.c.call_id], [calls.c.ended_at_ms, calls.c.recorded_at_ms])
_still_live = bulk.selection(calls, [calls.c.call_id], [calls.c.call_id], "AND ended_at_ms IS NULL")
_RECORD_OF_CALL = and_(records.c.tenant == calls.c.tenant, records.c.call_id == calls.c.call_id)

_LIVE = (
    select(*BIRTH)
    .where(LIVE, calls.c.partition == bindparam("partition"), calls.c.born > bindparam("after"))
    .order_by(calls.c.born)
    .limit(bindparam("size"))
)
# Runs for every batch an engine reads; SQLAlchemy would render the list of keys each time.
_ENDED = (
    "SELECT",
    ", ".join([f"calls.{column.name}" for column in BIRTH]),
    ", calls.ended_at_ms, records.revision, calls.timeline_kept, records.outcome IN ('stale', 'lost') FROM calls",
    "JOIN records ON records.tenant = calls.tenant AND records.call_id = calls.call_id",
    "WHERE calls.ended_at_ms IS NOT NULL AND calls.key_hash",
)
_IN_ORDER = "ORDER BY calls.opened_at_ms, calls.call_id"
_PAST_POSTGRESQL = " ".join((*_ENDED, "= ANY (?::int8[])", _IN_ORDER))
_PAST_SQLITE = " ".join((*_ENDED, "IN (SELECT value FROM json_each(?))", _IN_ORDER))


def still_live(connection: Connection, call_ids: Collection[str]) -> set[str]:
    """Those of these calls that have no record."""
    return {row[0] for row in _still_live.returning(connection, [(call_id,) for call_id in sorted(call_ids)])}


def live_calls(connection: Connection, partition: int, after: int, size: int) -> list[CallRow]:
    """Calls of a partition without a record, born after `after`, oldest first."""
    found = connection.execute(_LIVE, {"partition": partition, "after": after, "size": size})
    return [CallRow._make(row) for row in found]


def past_calls(connection: Connection, key_hashes: Sequence[int]) -> list[PastCall]:
    """Ended calls under these keys whose timeline is still there, oldest first."""
    if connection.dialect.name == "postgresql":
        found = rows_of(connection, _PAST_POSTGRESQL, list(key_hashes))
    else:
        found = rows_of(connection, _PAST_SQLITE, to_json(key_hashes).decode())
    width = len(BIRTH)
    return [
        PastCall(CallRow._make(row[:width]), row[width], row[width + 1], bool(row[width + 2]), bool(row[width + 3]))
        for row in found
    ]


def calls_by_id(connection: Connection, call_ids: Sequence[str], tenant: str | None = None) -> list[CallRow]:
    """These calls, in order of birth; of any tenant if None."""
    query = select(*BIRTH).where(calls.c.call_id.in_(call_ids)).order_by(calls.c.partition, calls.c.born)
    if tenant is not None:
        query = query.where(calls.c.tenant == tenant)
    return [CallRow._make(row) for row in connection.execute(query)]


def list_calls(
    connection: Connection, tenant: str, wanted: CallFilter, after: tuple[int, str] | None, limit: int
) -> list[CallListing]:
    """A page of calls, newest first, after (opened_at_ms, call_id)."""
    query = select(*BIRTH, *records.columns).select_from(calls.outerjoin(records, _RECORD_OF_CALL))
    query = query.where(calls.c.tenant == tenant)
    equal = {
        calls.c.source: wanted.source,
        calls.c.subject: wanted.subject,
        records.c.queue: wanted.queue,
        records.c.agent: wanted.agent,
        records.c.outcome: wanted.outcome,
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.state is not None:
        query = query.where(LIVE if wanted.state == "live" else calls.c.ended_at_ms.is_not(None))
    if wanted.rule is not None:
        query = query.where(
            select(breaches.c.n).where(breaches.c.call_id == calls.c.call_id, breaches.c.rule == wanted.rule).exists()
        )
    if wanted.sources is not None:
        query = query.where(calls.c.source.in_(sorted(wanted.sources)))
    if wanted.from_ms is not None:
        query = query.where(calls.c.opened_at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(calls.c.opened_at_ms < wanted.to_ms)
    if after is not None:
        query = query.where(tuple_(calls.c.opened_at_ms, calls.c.call_id) < tuple_(*after))
    query = query.order_by(calls.c.opened_at_ms.desc(), calls.c.call_id.desc()).limit(limit)
    width = len(BIRTH)
    return [
        CallListing(CallRow._make(row[:width]), None if row[width] is None else RecordRow._make(row[width:]))
        for row in connection.execute(query)
    ]
