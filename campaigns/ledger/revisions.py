"""Changed outages: kept by number, applied to contacts in pieces, remembered for files that come later.

Whoever writes them has locked the campaign's row: no turn is under way, and no piece of an import.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, exists, func, select, update

from campaigns.core.reasons import WRITTEN, Channel
from campaigns.ledger.notices import ACKNOWLEDGED, EXPORTED, PENDING
from campaigns.ledger.rows import ContactRow, NoticeRow, RevisionRow
from campaigns.ledger.tables import UNENDED, attempts, contacts, notices, revisions
from cti.sql.bulk import insertion, slices
from cti.sql.bulk import update as bulk_update
from cti.sql.point import rows_of

UNCALLED = sorted(WRITTEN | {Channel.PERSON})
APPLIED, IN_PIECES = "done", "applying"
_IN_PIECES = "SELECT no FROM campaign_revisions WHERE campaign = ? AND state = 'applying' ORDER BY no LIMIT 1"
_put = insertion(revisions)
_write_items = bulk_update(
    contacts,
    [contacts.c.id],
    [contacts.c["items"], contacts.c.expires_at_ms, contacts.c.outdated_upto],
)


class Items(NamedTuple):
    """A contact with its items, as JSON."""

    id: str
    account: str
    items: str


def put(connection: Connection, row: RevisionRow) -> None:
    """A new one."""
    _put(connection, [row])


def replace(connection: Connection, row: RevisionRow) -> None:
    """Write over what is there."""
    mine = (revisions.c.campaign == row.campaign, revisions.c.no == row.no)
    connection.execute(update(revisions).where(*mine).values(row._asdict()))


def of_campaign(connection: Connection, campaign: str) -> list[RevisionRow]:
    """In their order."""
    query = select(revisions).where(revisions.c.campaign == campaign).order_by(revisions.c.no)
    return [RevisionRow._make(row) for row in connection.execute(query)]


def last_no(connection: Connection, campaign: str) -> int:
    """0: there is none."""
    last: int | None = connection.scalar(select(func.max(revisions.c.no)).where(revisions.c.campaign == campaign))
    return last or 0


def in_pieces(connection: Connection, campaign: str) -> int | None:
    """The first that is not applied to all contacts yet."""
    found = rows_of(connection, _IN_PIECES, campaign)
    return int(found[0][0]) if found else None


# -- contacts ----------------------------------------------------------------------------------------------------------


def items_after(connection: Connection, campaign: str, account: str, limit: int) -> list[Items]:
    """Contacts in the order of their accounts."""
    columns = contacts.c
    query = select(columns.id, columns.account, columns["items"])
    query = query.where(columns.campaign == campaign, columns.account > account)
    return [Items._make(row) for row in connection.execute(query.order_by(columns.account).limit(limit))]


def items_of(connection: Connection, ids: Collection[str]) -> list[Items]:
    found: list[Items] = []
    for some in slices(sorted(ids)):
        query = select(contacts.c.id, contacts.c.account, contacts.c["items"]).where(contacts.c.id.in_(some))
        found += [Items._make(row) for row in connection.execute(query)]
    return found


def write_items(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """What a revision changes of contacts, which are locked, beside what every turn writes."""
    given = [(row.id, row.items, row.expires_at_ms, row.outdated_upto) for row in rows]
    _write_items(connection, sorted(given))


def any_under_way(connection: Connection, campaign: str) -> bool:
    """Whether a call that says what is right no more is under way, or may be."""
    columns = attempts.c
    call = columns.channel.not_in([channel.value for channel in UNCALLED])
    mine = (UNENDED, columns.campaign == campaign, columns.counted == 0, call)
    outdated = exists().where(contacts.c.id == columns.contact, columns.n <= contacts.c.outdated_upto)
    return bool(connection.scalar(select(exists().where(*mine, outdated))))


# -- notices -----------------------------------------------------------------------------------------------------------


def hold_notices(connection: Connection, ids: Collection[str]) -> list[NoticeRow]:
    """Those of these contacts that nobody has yet, or that have left, in the order of their ids, locked."""
    found: list[NoticeRow] = []
    columns = notices.c
    for some in slices(sorted(ids)):
        mine = (columns.contact.in_(some), columns.state.in_((PENDING, EXPORTED, ACKNOWLEDGED)))
        query = select(notices).where(*mine).order_by(columns.id).with_for_update()
        found += [NoticeRow._make(row) for row in connection.execute(query)]
    return found
