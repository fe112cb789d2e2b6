"""Approvals of campaigns and what they are of: files, and the keys that had a hand in them."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, update

from campaigns.ledger.rows import ApprovalRow, CampaignRow
from campaigns.ledger.tables import approvals, audit, imports
from cti.sql.bulk import insertion

# In the audit log.
CHANGES = ("campaign_created", "import_received", "import_withdrawn", "campaign_changed", "outage_revised")
_KEY = re.compile(r"\(([^()]*)\)\Z")
_put = insertion(approvals)


def files(connection: Connection, campaign: str) -> list[Mapping[str, Any]]:
    """Imports that are done, in the order of their numbers."""
    columns = imports.c
    query = select(columns.no, columns.file, columns.sha256, columns.accepted, columns.contacts, columns.keep)
    found = connection.execute(query.where(columns.campaign == campaign, columns.state == "done").order_by(columns.no))
    return [dict(row) for row in found.mappings()]


def last(connection: Connection, campaign: str) -> ApprovalRow | None:
    """The newest, void or not."""
    query = select(approvals).where(approvals.c.campaign == campaign).order_by(approvals.c.no.desc()).limit(1)
    found = connection.execute(query).one_or_none()
    return None if found is None else ApprovalRow._make(found)


def put(connection: Connection, row: ApprovalRow) -> ApprovalRow:
    """With the next number of its campaign, whose row is locked."""
    newest = connection.scalar(select(func.max(approvals.c.no)).where(approvals.c.campaign == row.campaign))
    made = row._replace(no=(newest or 0) + 1)
    _put(connection, [made])
    return made


def make_void(connection: Connection, campaign: str, why: str, at_ms: int) -> bool:
    """Whether one was in force."""
    in_force = (approvals.c.campaign == campaign, approvals.c.void_at_ms.is_(None))
    change = update(approvals).where(*in_force).values(void_at_ms=at_ms, void_why=why)
    return connection.execute(change).rowcount > 0


def changers(connection: Connection, row: CampaignRow) -> set[str]:
    """Ids of the keys that made the campaign, imported, withdrew or changed something."""
    changed = select(audit.c.who).where(
        audit.c.tenant == row.tenant, audit.c.campaign == row.id, audit.c.what.in_(CHANGES)
    )
    imported = select(imports.c.who).where(imports.c.campaign == row.id)
    who = {row.made_by, *connection.scalars(changed), *connection.scalars(imported)}
    return {key_id(name) for name in who}


def key_id(who: str) -> str:
    """`label (id)` -> id."""
    found = _KEY.search(who)
    return who if found is None else found[1]
