"""What a stop, a pause or a freeze takes back: orders that were not sent, contacts that are not called any more.

The caller holds the row of the campaign or of the tenant, so that no turn is under way.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select, update

from campaigns.core.reasons import State, Why
from campaigns.ledger.notices import EXPORTED, PENDING, take_back
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import FAR, OPEN, UNENDED, attempts, campaigns, contacts, imports, notices
from cti.sql.bulk import slices
from cti.sql.point import Prepared

WITHDRAWING, WITHDRAWN = "withdrawing", "withdrawn"
TAKEN_BACK = frozenset({WITHDRAWING, WITHDRAWN})
WHOLE = TAKEN_BACK | {"done"}
"""States of imports whose contacts all are there."""


def _exists(query: Select[tuple[str]] | Select[tuple[int]]) -> Select[tuple[bool]]:
    return select(exists(query))


_open = Prepared(_exists(select(contacts.c.id).where(contacts.c.campaign == bindparam("campaign"), OPEN)))


class OpenOrder(NamedTuple):
    """The order of an attempt that has not ended."""

    campaign: str
    contact: str
    n: int
    command: str


def unended(connection: Connection, tenant: str, campaign: str | None = None) -> list[OpenOrder]:
    """The open or held attempts of a campaign, or of all campaigns of a tenant."""
    columns = attempts.c
    query = select(columns.campaign, columns.contact, columns.n, columns.command).where(UNENDED)
    query = query.where(columns.tenant == tenant, columns.command.is_not(None))
    if campaign is not None:
        query = query.where(columns.campaign == campaign)
    return [OpenOrder._make(row) for row in connection.execute(query)]


def orders_of(connection: Connection, ids: Collection[str]) -> list[OpenOrder]:
    """The orders of these contacts whose attempt has not ended."""
    found: list[OpenOrder] = []
    columns = attempts.c
    for some in slices(sorted(ids)):
        query = select(columns.campaign, columns.contact, columns.n, columns.command)
        open_ = (columns.contact.in_(some), columns.step == "open", columns.command.is_not(None))
        found += [OpenOrder._make(row) for row in connection.execute(query.where(*open_))]
    return found


def campaigns_of(connection: Connection, ids: Collection[str]) -> dict[str, CampaignRow]:
    """Campaigns by id."""
    found: dict[str, CampaignRow] = {}
    for some in slices(sorted(ids)):
        rows = connection.execute(select(campaigns).where(campaigns.c.id.in_(some)))
        found |= {row.id: CampaignRow._make(row) for row in rows}
    return found


def hold(connection: Connection, ids: Collection[str]) -> list[ContactRow]:
    """Contacts as they are, locked in the order of their ids until the transaction ends."""
    found: list[ContactRow] = []
    for some in slices(sorted(ids)):
        query = select(contacts).where(contacts.c.id.in_(some)).order_by(contacts.c.id).with_for_update()
        found += [ContactRow._make(row) for row in connection.execute(query)]
    return found


def close_some(connection: Connection, campaign: str, limit: int) -> int:
    """Cancel contacts of a stopped campaign that have no open order, at most `limit`; how many."""
    open_order = exists().where(attempts.c.contact == contacts.c.id, attempts.c.step == "open")
    waiting = select(contacts.c.id).where(contacts.c.campaign == campaign, OPEN, ~open_order).limit(limit)
    ids = [row.id for row in hold(connection, list(connection.scalars(waiting)))]
    closed = {
        "state": State.CANCELLED.value,
        "why": Why.CAMPAIGN_STOPPED.value,
        "next_at_ms": FAR,
        "deadline_at_ms": FAR,
        "waits_for": None,
        "version": contacts.c.version + 1,
    }
    for some in slices(ids):
        connection.execute(update(contacts).where(contacts.c.id.in_(some)).values(closed))
    return len(ids)


def recall_some(connection: Connection, tenant: str, campaign: str, limit: int, now_ms: int) -> int:
    """Recall notices of a stopped campaign that nobody has yet, and mark those that have left, at most `limit`; how
    many.
    """
    columns = notices.c
    left = and_(columns.state == EXPORTED, columns.to_recall_ms.is_(None))
    mine = (columns.tenant == tenant, columns.campaign == campaign, or_(columns.state == PENDING, left))
    found = sorted(connection.scalars(select(columns.id).where(*mine).limit(limit)))
    take_back(connection, columns.id.in_(found), now_ms)
    return len(found)


def any_not_final(connection: Connection, campaign: str) -> bool:
    return bool(_open.rows(connection, campaign=campaign)[0][0])


def any_unended(connection: Connection, campaign: str) -> bool:
    """Whether an attempt of it has not ended."""
    return bool(connection.scalar(_exists(select(attempts.c.n).where(attempts.c.campaign == campaign, UNENDED))))


def import_states(connection: Connection, campaign: str) -> list[tuple[int, str]]:
    """(number, state) of its imports."""
    query = select(imports.c.no, imports.c.state).where(imports.c.campaign == campaign).order_by(imports.c.no)
    return [(row.no, row.state) for row in connection.execute(query)]


def taken_back(connection: Connection, campaign: str) -> set[int]:
    """The numbers of its imports that are withdrawn, or are being."""
    return {no for no, state in import_states(connection, campaign) if state in TAKEN_BACK}


def contacts_there(connection: Connection, campaign: str) -> int:
    """How many contacts imports that are done have brought."""
    total = connection.scalar(select(func.count()).select_from(contacts).where(contacts.c.campaign == campaign)) or 0
    for no, state in import_states(connection, campaign):
        if state not in WHOLE:
            of_import = contacts.c.hours_class.startswith(f"{no}|", autoescape=True)
            mine = select(func.count()).select_from(contacts).where(contacts.c.campaign == campaign, of_import)
            total -= connection.scalar(mine) or 0
    return total
