"""Important customers of an outage who have not confirmed it, though the power goes off soon (OUT-1)."""

import json

from sqlalchemy import Connection, select

from campaigns.core.campaign import BEGUN
from campaigns.kinds import known_kinds
from campaigns.ledger.tables import OPEN, campaigns, contacts
from campaigns.outages.items import moment_ms, standing

SOON_MS = 2 * 3_600_000
LOOKED_AT_MAX = 20_000  # important customers are few: more are no other news
_KINDS = sorted(kind.name for kind in known_kinds().values() if kind.important_until_confirmed)
_UNDER_WAY = tuple(sorted(state.value for state in BEGUN))


def unconfirmed(connection: Connection, now_ms: int) -> int:
    """Contacts, of an outage that begins within two hours or goes on."""
    query = select(contacts.c["items"]).join(campaigns, campaigns.c.id == contacts.c.campaign)
    query = query.where(campaigns.c.kind.in_(_KINDS), campaigns.c.state.in_(_UNDER_WAY))
    query = query.where(contacts.c.important == 1, OPEN).limit(LOOKED_AT_MAX)
    return sum(_is_near(items, now_ms) for items in connection.scalars(query))


def _is_near(items: str, now_ms: int) -> bool:
    return any(
        moment_ms(item["starts_at"]) - SOON_MS <= now_ms < moment_ms(item["restores_at"])
        for item in standing(json.loads(items))
    )
