"""Retention of what campaigns leave behind, a bounded number of rows at a time.

A campaign goes whole, some time after it has ended: nothing of one that has not ended goes, nor of one whose notices
nobody has taken yet. The audit log goes by whole days, so that its chain has a checkpoint a day.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, select, tuple_

from campaigns.core.zones import DAY_MS
from campaigns.ledger import audit, idempotency, numbers
from campaigns.ledger.notices import PENDING
from campaigns.ledger.tables import (
    UNDER_WAY,
    approvals,
    attempts,
    callbacks,
    campaigns,
    contacts,
    do_not_call,
    emergencies,
    history,
    hours_classes,
    import_additions,
    import_chunks,
    import_rejected,
    import_rows,
    imports,
    notice_batches,
    notices,
    outbox,
    person_days,
    refusals,
    revisions,
    settlements,
)

ROWS_A_TIME = 500
CHUNKS_A_TIME = 8  # they are large
PERSON_DAYS_KEPT = 7  # days; only today's calls to a person are asked for
ENDED_IMPORTS = ("done", "failed", "withdrawing", "withdrawn")
OF_A_CAMPAIGN = (  # what hangs on a row goes before it
    refusals, attempts, notices, outbox, notice_batches, callbacks, contacts, hours_classes, import_additions,
    import_rejected, import_rows, import_chunks, imports, revisions, approvals, emergencies, history,
)  # fmt: skip


class Limits(NamedTuple):
    """`before_ms`: what ended before goes. `settled_before_ms`: payments that were told before."""

    now_ms: int
    before_ms: int
    settled_before_ms: int


def purge(connection: Connection, limits: Sequence[Limits]) -> list[int]:
    """How many rows went, of each; 0: there is nothing more."""
    return [_drop(connection, limit) for limit in limits]


def _drop(connection: Connection, limits: Limits) -> int:
    return (
        drop_person_days(connection, limits.now_ms)
        + drop_staging(connection)
        + idempotency.purge(connection, limits.now_ms)
        + audit.purge(connection, limits.now_ms, limits.before_ms - limits.before_ms % DAY_MS, ROWS_A_TIME)
        + _some(connection, settlements, settlements.c.received_at_ms < limits.settled_before_ms, ROWS_A_TIME)
        + _some(connection, do_not_call, do_not_call.c.until_ms < limits.before_ms, ROWS_A_TIME)
        + numbers.purge(connection, limits.now_ms)
        + drop_campaigns(connection, limits.before_ms)
    )


def drop_person_days(connection: Connection, now_ms: int) -> int:
    """Days that are long over in every zone."""
    last = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(days=PERSON_DAYS_KEPT)
    return _some(connection, person_days, person_days.c.day < last.date().isoformat(), ROWS_A_TIME)


def drop_staging(connection: Connection) -> int:
    """What an import that has ended left of its file."""
    gone = 0
    for table, most in ((import_rows, ROWS_A_TIME), (import_chunks, CHUNKS_A_TIME)):
        ended = exists().where(
            imports.c.campaign == table.c.campaign, imports.c.no == table.c.no, imports.c.state.in_(ENDED_IMPORTS)
        )
        gone += _some(connection, table, ended, most)
    return gone


def drop_campaigns(connection: Connection, before_ms: int) -> int:
    """Rows of one campaign that ended before, itself when nothing else is left of it."""
    owed = exists().where(
        notices.c.tenant == campaigns.c.tenant, notices.c.campaign == campaigns.c.id, notices.c.state == PENDING
    )
    old = select(campaigns.c.id).where(~UNDER_WAY, campaigns.c.ended_at_ms < before_ms, ~owed)
    campaign = connection.scalar(old.order_by(campaigns.c.ended_at_ms, campaigns.c.id).limit(1))
    if campaign is None:
        return 0
    for table in OF_A_CAMPAIGN:
        most = CHUNKS_A_TIME if table is import_chunks else ROWS_A_TIME
        if gone := _some(connection, table, table.c.campaign == campaign, most):
            return gone
    return connection.execute(delete(campaigns).where(campaigns.c.id == campaign)).rowcount


def _some(connection: Connection, table: Table, which: ColumnElement[bool], most: int) -> int:
    """Delete at most so many of these rows."""
    key: list[Any] = list(table.primary_key)
    some = select(*key).where(which).limit(most)
    return connection.execute(delete(table).where(and_(tuple_(*key).in_(some)))).rowcount
