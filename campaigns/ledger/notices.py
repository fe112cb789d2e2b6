"""Written notices: made once for a contact and round, recalled while nobody has them, to be recalled once they left.

Rows are always locked in the order of their ids.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from campaigns.ledger import outbox
from campaigns.ledger.rows import NoticeRow
from campaigns.ledger.tables import notices
from cti.sql.bulk import insertion, slices
from cti.sql.bulk import update as bulk_update

PENDING, EXPORTED, ACKNOWLEDGED, FAILED, RECALLED = "pending", "exported", "acknowledged", "failed", "recalled"
STATES = (PENDING, EXPORTED, ACKNOWLEDGED, FAILED, RECALLED)

_insert = insertion(notices, tail="ON CONFLICT DO NOTHING RETURNING id")
_write = bulk_update(notices, [notices.c.id], [notices.c.state, notices.c.body, notices.c.to_recall_ms])


def notice_id(contact: str, round_: int) -> str:
    """A contact and round have one notice, so they name it."""
    return f"n-{contact}-{round_}"


def put(connection: Connection, made: Sequence[NoticeRow]) -> set[str]:
    """Insert those whose contact and round have none yet; the ids of them."""
    ordered = sorted(made, key=lambda row: row.id)
    return {row[0] for row in _insert.returning(connection, ordered)}


def write(connection: Connection, rows: Sequence[NoticeRow], now_ms: int) -> None:
    """Notices that are locked and have changed, as they become."""
    _write(connection, [(row.id, row.state, row.body, row.to_recall_ms) for row in rows])
    outbox.put_recalls(connection, [row.id for row in rows if row.state == EXPORTED and row.to_recall_ms], now_ms)


def recall(connection: Connection, rounds: Collection[tuple[str, int]], now_ms: int) -> set[str]:
    """Recall the notices of these contacts and rounds that are pending; the ids of them. What was exported stays, and
    is marked: whoever has the letters keeps them back.
    """
    recalled: set[str] = set()
    ids = sorted({notice_id(contact, round_) for contact, round_ in rounds})
    for some in slices(ids):
        recalled |= set(take_back(connection, notices.c.id.in_(some), now_ms))
    return recalled


def take_back(connection: Connection, which: ColumnElement[bool], now_ms: int) -> list[str]:
    """Recall those of these notices that are pending, and mark those that were exported and are not marked yet; the ids
    of the recalled.
    """
    unmarked = and_(notices.c.state == EXPORTED, notices.c.to_recall_ms.is_(None))
    open_ = (which, or_(notices.c.state == PENDING, unmarked))
    query = select(notices.c.id, notices.c.state).where(*open_).order_by(notices.c.id).with_for_update()
    locked = list(connection.execute(query))
    pending = [row.id for row in locked if row.state == PENDING]
    exported = [row.id for row in locked if row.state == EXPORTED]
    for few in slices(pending):
        connection.execute(update(notices).where(notices.c.id.in_(few)).values(state=RECALLED))
    for few in slices(exported):
        connection.execute(update(notices).where(notices.c.id.in_(few)).values(to_recall_ms=now_ms))
    outbox.put_recalls(connection, exported, now_ms)
    return pending
