"""What topics are to be told: written in the transaction of what it tells, taken by the one process that publishes."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, literal, select, update

from campaigns.ledger.rows import BatchRow
from campaigns.ledger.tables import WAITS_FOR_TOPIC, notices, outbox
from cti.sql.bulk import insertion, slices

BATCH, DEAD_LETTER, RECALL = "batch", "dead_letter", "recall"  # a notice comes before its recall: in this order
_put = insertion(outbox, tail="ON CONFLICT DO NOTHING")


class OutboxRow(NamedTuple):
    """`sent` of `records` are published."""

    id: str
    what: str
    tenant: str
    campaign: str
    made_at_ms: int
    records: int
    sent: int = 0


def put_batch(connection: Connection, batch: BatchRow) -> None:
    """A batch that was taken."""
    _put(connection, [OutboxRow(batch.id, BATCH, batch.tenant, batch.campaign, batch.made_at_ms, batch.notices)])


def put_dead_letters(connection: Connection, dead_letters: Sequence[tuple[str, str]], now_ms: int) -> None:
    """`dead_letters`: (id, tenant) of each, the id as PARTITION:POSITION."""
    _put(connection, [OutboxRow(name, DEAD_LETTER, tenant, "", now_ms, 1) for name, tenant in dead_letters])


def put_recalls(connection: Connection, ids: Collection[str], now_ms: int) -> None:
    """Notices that were exported and are to be recalled: those whose batch went to the topic."""
    for some in slices(sorted(ids)):
        query = select(
            notices.c.id, literal(RECALL), notices.c.tenant, notices.c.campaign, literal(now_ms), literal(1), literal(0)
        ).join(outbox, outbox.c.id == notices.c.batch)
        found = [OutboxRow(*row) for row in connection.execute(query.where(notices.c.id.in_(some)))]
        _put(connection, found)


def waiting(connection: Connection, limit: int) -> list[OutboxRow]:
    """Those to be published, batches first, each kind the oldest first."""
    query = select(outbox).where(WAITS_FOR_TOPIC).order_by(outbox.c.what, outbox.c.made_at_ms, outbox.c.id)
    return [OutboxRow._make(row) for row in connection.execute(query.limit(limit))]


def sent(connection: Connection, row: OutboxRow, records: int) -> None:
    """So many records of it are published. Another process may have published more."""
    if row.what != BATCH:
        connection.execute(delete(outbox).where(outbox.c.id == row.id))
        return
    less = (outbox.c.id == row.id, outbox.c.sent < records)
    connection.execute(update(outbox).where(*less).values(sent=records))


def oldest_ms(connection: Connection) -> int | None:
    """When the oldest that waits was made; None: nothing waits."""
    found: int | None = connection.scalar(select(func.min(outbox.c.made_at_ms)).where(WAITS_FOR_TOPIC))
    return found
