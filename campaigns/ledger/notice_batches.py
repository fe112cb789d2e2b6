"""Batches of written notices: taken once, read in pieces, acknowledged.

A batch is one transaction of many statements, each short: a statement that takes seconds would be cut off. It never
waits for a notice that somebody else is writing: that one stays pending, for the next batch.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Select, and_, select, tuple_, update

from campaigns.ledger.notices import ACKNOWLEDGED, EXPORTED, FAILED, PENDING
from campaigns.ledger.rows import BatchRow, NoticeRow
from campaigns.ledger.tables import campaigns, notice_batches, notices
from cti.sql.bulk import Insertion, slices
from cti.sql.bulk import update as bulk_update

TAKEN_A_TIME = 2_000  # notices in one statement

_insert = Insertion(notice_batches)
_take = bulk_update(notices, [notices.c.id], [notices.c.state, notices.c.batch, notices.c.page])


def take(connection: Connection, batch: BatchRow) -> BatchRow:
    """Put every pending notice of the batch's campaign into it, in the order in which they were made; pages count from
    1. The batch with the number of its notices, which may be 0.
    """
    pages = 0
    while ids := _pending(connection, batch):
        _take(connection, [(id_, EXPORTED, batch.id, page) for page, id_ in enumerate(ids, pages + 1)])
        pages += len(ids)
    taken = batch._replace(notices=pages)
    _insert(connection, [taken])
    return taken


def _pending(connection: Connection, batch: BatchRow) -> Sequence[str]:
    waiting = and_(notices.c.tenant == batch.tenant, notices.c.campaign == batch.campaign, notices.c.state == PENDING)
    query = select(notices.c.id).where(waiting).order_by(notices.c.created_at_ms, notices.c.id).limit(TAKEN_A_TIME)
    return connection.scalars(query.with_for_update(skip_locked=True)).all()


def acknowledge(connection: Connection, batch: BatchRow, failed: Collection[str], at_ms: int, who: str) -> BatchRow:
    """The batch, acknowledged: the notices of the accounts `failed` have failed, all others are acknowledged.

    The batch is locked (`locked`) and exported; the accounts are in it (`missing`).
    """
    count = 0
    for some in slices(sorted(failed)):
        came_back = and_(notices.c.batch == batch.id, notices.c.state == EXPORTED, notices.c.account.in_(some))
        count += connection.execute(update(notices).where(came_back).values(state=FAILED)).rowcount
    for first in range(1, batch.notices + 1, TAKEN_A_TIME):
        pages = notices.c.page.between(first, first + TAKEN_A_TIME - 1)
        arrived = and_(notices.c.batch == batch.id, pages, notices.c.state == EXPORTED)
        connection.execute(update(notices).where(arrived).values(state=ACKNOWLEDGED))
    done = batch._replace(state=ACKNOWLEDGED, acknowledged_at_ms=at_ms, acknowledged_by=who, failed=count)
    connection.execute(update(notice_batches).where(notice_batches.c.id == batch.id).values(done._asdict()))
    return done


def missing(connection: Connection, batch: str, accounts: Collection[str]) -> set[str]:
    """Those of these accounts that have no notice in the batch."""
    found: set[str] = set()
    for some in slices(sorted(accounts)):
        there = and_(notices.c.batch == batch, notices.c.account.in_(some))
        found |= set(connection.scalars(select(notices.c.account).where(there)))
    return set(accounts) - found


def failed_accounts(connection: Connection, batch: str) -> set[str]:
    """The accounts whose notices of the batch have failed."""
    query = select(notices.c.account).where(notices.c.batch == batch, notices.c.state == FAILED)
    return set(connection.scalars(query))


def locked(connection: Connection, tenant: str, batch: str) -> BatchRow | None:
    """A batch, until the end of the transaction."""
    return _batch(connection, tenant, batch, lock=True)


def read(connection: Connection, tenant: str, batch: str) -> BatchRow | None:
    return _batch(connection, tenant, batch, lock=False)


def _batch(connection: Connection, tenant: str, batch: str, *, lock: bool) -> BatchRow | None:
    query = select(notice_batches).where(notice_batches.c.tenant == tenant, notice_batches.c.id == batch)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else BatchRow(*row)


def page(
    connection: Connection, tenant: str, switches: Collection[str] | None, after: tuple[int, str] | None, limit: int
) -> list[BatchRow]:
    """Batches of campaigns on these switches (None: on all), newest first, after (made_at_ms, id)."""
    query = select(notice_batches).where(notice_batches.c.tenant == tenant)
    if switches is not None:
        query = query.where(notice_batches.c.campaign.in_(_on(tenant, switches)))
    key = (notice_batches.c.made_at_ms, notice_batches.c.id)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return [BatchRow(*row) for row in connection.execute(query.order_by(*(part.desc() for part in key)).limit(limit))]


def notice(connection: Connection, tenant: str, name: str) -> NoticeRow | None:
    """One of a tenant's notices, by its id."""
    query = select(notices).where(notices.c.id == name, notices.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    return None if row is None else NoticeRow(*row)


def of_batch(connection: Connection, batch: str, after_page: int, limit: int) -> list[NoticeRow]:
    """Notices of a batch after a page, by page."""
    query = select(notices).where(notices.c.batch == batch, notices.c.page > after_page)
    return [NoticeRow(*row) for row in connection.execute(query.order_by(notices.c.page).limit(limit))]


def noted(
    connection: Connection,
    tenant: str,
    switches: Collection[str] | None,
    campaign: str | None,
    state: str | None,
    after: tuple[int, str] | None,
    limit: int,
    *,
    to_recall: bool = False,
) -> list[NoticeRow]:
    """Notices of campaigns on these switches (None: on all), oldest first, after (created_at_ms, id). `to_recall`: of
    those that were exported alone, and are owed no more.
    """
    query = select(notices).where(notices.c.tenant == tenant)
    if campaign is not None:
        query = query.where(notices.c.campaign == campaign)
    if state is not None:
        query = query.where(notices.c.state == state)
    if to_recall:
        query = query.where(notices.c.to_recall_ms.is_not(None), notices.c.state == EXPORTED)
    if switches is not None:
        query = query.where(notices.c.campaign.in_(_on(tenant, switches)))
    key = (notices.c.created_at_ms, notices.c.id)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [NoticeRow(*row) for row in connection.execute(query.order_by(*key).limit(limit))]


def _on(tenant: str, switches: Collection[str]) -> Select[tuple[str]]:
    """The campaigns of a tenant on some of its switches."""
    return select(campaigns.c.id).where(campaigns.c.tenant == tenant, campaigns.c.switch.in_(sorted(switches)))
