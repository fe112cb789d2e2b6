"""Payments that were told: kept by reference, found by account.

All that writes them holds the tenant's outbound row (`ledger.outbound.lock`), so that payments of a tenant come one
after the other, and none beside a turn or an import.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, func, select, update

from campaigns.ledger.notices import EXPORTED, PENDING
from campaigns.ledger.rows import CampaignRow, ContactRow, NoticeRow, SettlementRow
from campaigns.ledger.tables import (
    OPEN,
    UNDER_WAY,
    campaigns,
    contacts,
    notices,
    outbound,
    settlements,
)
from cti.sql.bulk import insertion, selection, slices

_put = insertion(settlements)
_of_accounts = selection(settlements, [settlements.c.tenant, settlements.c.account])


def put(connection: Connection, rows: Sequence[SettlementRow]) -> None:
    """Insert new ones."""
    _put(connection, rows)


def by_reference(connection: Connection, tenant: str, references: Collection[str]) -> dict[str, SettlementRow]:
    """Those that were told before."""
    found: dict[str, SettlementRow] = {}
    for some in slices(sorted(references)):
        query = select(settlements).where(settlements.c.tenant == tenant, settlements.c.reference.in_(some))
        found |= {row.reference: SettlementRow._make(row) for row in connection.execute(query)}
    return found


def of_accounts(connection: Connection, tenant: str, accounts: Collection[str]) -> dict[str, list[SettlementRow]]:
    """What was told of each account, the first first; accounts without any are left out."""
    found: dict[str, list[SettlementRow]] = {}
    for row in _of_accounts.returning(connection, [(tenant, account) for account in sorted(accounts)]):
        found.setdefault(row[2], []).append(SettlementRow._make(row))
    for rows in found.values():
        rows.sort(key=lambda row: (row.received_at_ms, row.reference))
    return found


def heard(connection: Connection, tenant: str, at_ms: int) -> None:
    """The feed lives. The tenant's row is locked."""
    later = func.coalesce(outbound.c.settlements_heard_ms, 0) < at_ms
    connection.execute(update(outbound).where(outbound.c.tenant == tenant, later).values(settlements_heard_ms=at_ms))


def campaigns_meant(connection: Connection, tenant: str, kinds: Collection[str]) -> dict[str, CampaignRow]:
    """Campaigns of these kinds that have not ended, by id."""
    query = select(campaigns).where(campaigns.c.tenant == tenant, UNDER_WAY, campaigns.c.kind.in_(sorted(kinds)))
    return {row.id: CampaignRow._make(row) for row in connection.execute(query)}


def hold_contacts(connection: Connection, of: Collection[str], accounts: Collection[str]) -> list[ContactRow]:
    """Contacts of these campaigns and accounts that are not final, locked in the order of their ids."""
    found: list[ContactRow] = []
    for some in slices(sorted(accounts)):
        query = select(contacts).where(contacts.c.campaign.in_(sorted(of)), contacts.c.account.in_(some), OPEN)
        rows = connection.execute(query.order_by(contacts.c.id).with_for_update())
        found += [ContactRow._make(row) for row in rows]
    return found


def hold_notices(
    connection: Connection, tenant: str, kinds: Collection[str], accounts: Collection[str]
) -> list[NoticeRow]:
    """Those of these accounts that have not gone out, in the order of their ids, locked."""
    found: list[NoticeRow] = []
    columns = notices.c
    for some in slices(sorted(accounts)):
        mine = (columns.tenant == tenant, columns.account.in_(some), columns.kind.in_(sorted(kinds)))
        waiting = columns.state.in_((PENDING, EXPORTED))
        query = select(notices).where(*mine, waiting).order_by(columns.id).with_for_update()
        found += [NoticeRow._make(row) for row in connection.execute(query)]
    return found
