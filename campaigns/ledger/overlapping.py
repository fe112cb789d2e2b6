"""Contacts that two campaigns of one kind have in common."""

import json
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from campaigns.core.reasons import CampaignState, State
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.tables import campaigns, contacts, imports
from campaigns.settlements.items import marks_of

CALLING = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.DRAINING)
PAGE = 2_000
COUNTED_MAX = 1_000  # overlapping contacts of one campaign; how many more there are nobody needs to know


class Other(NamedTuple):
    """Another campaign that calls, or will, and how far its imports are: its contacts are the same while these are."""

    id: str
    name: str
    imports: tuple[tuple[int, str], ...]


def others(connection: Connection, row: CampaignRow) -> list[Other]:
    """The other calling campaigns of the same tenant and kind, in the order of their ids."""
    columns = campaigns.c
    mine = (columns.tenant == row.tenant, columns.kind == row.kind, columns.id != row.id)
    query = select(columns.id, columns.name).where(*mine, columns.state.in_([state.value for state in CALLING]))
    found = list(connection.execute(query.order_by(columns.id)))
    states = _imports(connection, [campaign.id for campaign in found])
    return [Other(campaign.id, campaign.name, tuple(states.get(campaign.id, ()))) for campaign in found]


def common(connection: Connection, row: CampaignRow, other: str) -> tuple[int, bool]:
    """How many contacts of a campaign another calls for the same items, and whether all were counted. Who is cancelled
    there (a file that was taken back, a campaign that drains) is called by nobody.
    """
    mine, theirs = contacts.alias("mine"), contacts.alias("theirs")
    same = (theirs.c.campaign == other, theirs.c.account == mine.c.account, theirs.c.state != State.CANCELLED.value)
    query = select(mine.c.account, mine.c["items"], theirs.c["items"]).join_from(mine, theirs, and_(*same))
    after, count = "", 0
    while True:
        here = query.where(mine.c.campaign == row.id, mine.c.account > after, mine.c.state != State.CANCELLED.value)
        page = list(connection.execute(here.order_by(mine.c.account).limit(PAGE)))
        count += sum(not _marks(row.kind, pair[1]).isdisjoint(_marks(row.kind, pair[2])) for pair in page)
        if count > COUNTED_MAX:
            return COUNTED_MAX, False
        if len(page) < PAGE:
            return count, True
        after = page[-1][0]


def _marks(kind: str, items: str) -> set[str]:
    return {mark for item in json.loads(items) for mark in marks_of(kind, item)}


def _imports(connection: Connection, ids: Collection[str]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    query = select(imports.c.campaign, imports.c.no, imports.c.state).where(imports.c.campaign.in_(sorted(ids)))
    for campaign, no, state in connection.execute(query.order_by(imports.c.campaign, imports.c.no)):
        found.setdefault(campaign, []).append((no, state))
    return found
