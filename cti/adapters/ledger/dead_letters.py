"""Dead letters: entries set aside, byte for byte."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, tuple_, update

from cti.adapters.ledger.tables import dead_letters
from cti.rows import DeadLetterFilter, DeadLetterLine, DeadLetterRow
from cti.sql.bulk import NAMED_MAX, Insertion, slices

insert_dead_letters = Insertion(dead_letters)

_L = dead_letters.c
_KEY = tuple_(_L.partition, _L.position)
_LINE = (_L.partition, _L.position, _L.tenant, _L.reason, _L.detail, _L.at_ms, func.length(_L.body), _L.replayed_at_ms)


def list_dead_letters(
    connection: Connection, wanted: DeadLetterFilter, after: tuple[int, int, int] | None, limit: int
) -> list[DeadLetterLine]:
    """A page, oldest first, after (at_ms, partition, position)."""
    query = select(*_LINE)
    if wanted.reason is not None:
        query = query.where(_L.reason == wanted.reason)
    if wanted.tenant is not None:
        query = query.where(_L.tenant == wanted.tenant)
    if wanted.since_ms is not None:
        query = query.where(_L.at_ms >= wanted.since_ms)
    if wanted.waiting:
        query = query.where(_L.replayed_at_ms.is_(None))
    if after is not None:
        query = query.where(tuple_(_L.at_ms, _L.partition, _L.position) > tuple_(*after))
    query = query.order_by(_L.at_ms, _L.partition, _L.position).limit(limit)
    return [DeadLetterLine._make(row) for row in connection.execute(query)]


def dead_letter(connection: Connection, partition: int, position: int) -> DeadLetterRow | None:
    row = connection.execute(select(dead_letters).where(_L.partition == partition, _L.position == position)).first()
    return None if row is None else DeadLetterRow._make(row)


def mark_replayed(connection: Connection, marks: Sequence[tuple[Sequence[tuple[int, int]], int]]) -> Sequence[int]:
    """(positions, at_ms) of each job; how many of these positions hold a dead letter."""
    return [
        sum(
            connection.execute(update(dead_letters).where(_KEY.in_(some)).values(replayed_at_ms=at_ms)).rowcount
            for some in slices(positions, NAMED_MAX // 2)
        )
        for positions, at_ms in marks
    ]
