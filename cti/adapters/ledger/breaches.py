"""Breaches: those of a call's latest record, replaced together."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select, tuple_

from cti.adapters.ledger.tables import breaches
from cti.adapters.ledger.totals import counted_with
from cti.rows import BreachFilter, BreachRow, TotalsFilter
from cti.sql.bulk import deletion, insertion

insert_breaches = insertion(breaches, tail="ON CONFLICT (call_id, n) DO NOTHING")  # a late revision 1 adds none
_delete_breaches = deletion(breaches, breaches.c.call_id)


def delete_breaches(connection: Connection, call_ids: Sequence[str]) -> None:
    """The breaches of these calls."""
    _delete_breaches(connection, [(call_id,) for call_id in call_ids])


def list_breaches(
    connection: Connection, tenant: str, wanted: BreachFilter, after: tuple[int, str, int] | None, limit: int
) -> list[BreachRow]:
    """A page of breaches, newest first, after (at_ms, call_id, n)."""
    query = select(breaches).where(breaches.c.tenant == tenant)
    equal = {
        breaches.c.rule: wanted.rule,
        breaches.c.agent: wanted.agent,
        breaches.c.queue: wanted.queue,
        breaches.c.source: wanted.source,
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.sources is not None:
        query = query.where(breaches.c.source.in_(sorted(wanted.sources)))
    if wanted.from_ms is not None:
        query = query.where(breaches.c.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(breaches.c.at_ms < wanted.to_ms)
    if after is not None:
        query = query.where(tuple_(breaches.c.at_ms, breaches.c.call_id, breaches.c.n) < tuple_(*after))
    query = query.order_by(breaches.c.at_ms.desc(), breaches.c.call_id.desc(), breaches.c.n.desc()).limit(limit)
    return [BreachRow._make(row) for row in connection.execute(query)]


def breach_counts(connection: Connection, tenant: str, wanted: TotalsFilter) -> Mapping[str, int]:
    """By rule, of breaches that happened in the window, in calls of the direction and the queue."""
    query = select(breaches.c.rule, func.count()).where(breaches.c.tenant == tenant).group_by(breaches.c.rule)
    query = query.where(*counted_with(breaches.c.source, breaches.c.at_ms, breaches.c.call_id, wanted))
    return {row[0]: row[1] for row in connection.execute(query.order_by(breaches.c.rule))}
