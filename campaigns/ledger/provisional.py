"""Contacts whose deadlines are not those of their campaign, where all have the same."""

from collections.abc import Sequence

from sqlalchemy import Connection, or_, select

from campaigns.errors import Stale
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import OPEN, contacts
from cti.sql.bulk import Bulk

_DEADLINES = ("notice_out_by_ms", "fallback_by_ms", "expires_at_ms")
_MOVED = (*_DEADLINES, "deadline_at_ms")
_replace = Bulk(
    "UPDATE",
    f"campaign_contacts SET {', '.join(f'{name} = given.{name}' for name in _MOVED)}, version = given.version + 1 FROM",
    [contacts.c.id, contacts.c.version, *(contacts.c[name] for name in _MOVED)],
    "AND campaign_contacts.id = given.id AND campaign_contacts.version = given.version",
)


def with_other_deadlines(connection: Connection, campaign: CampaignRow, limit: int) -> list[ContactRow]:
    """Contacts that are not final and have other deadlines than the campaign will have."""
    others = or_(*(contacts.c[name].is_distinct_from(getattr(campaign, name)) for name in _DEADLINES))
    found = connection.execute(select(contacts).where(contacts.c.campaign == campaign.id, OPEN, others).limit(limit))
    return [ContactRow._make(row) for row in found]


def replace(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Write their deadlines over those of the version that these were made from. Raises Stale."""
    given = [(row.id, row.version, *(getattr(row, name) for name in _MOVED)) for row in rows]
    if _replace(connection, given) != len(given):
        raise Stale("contacts")
