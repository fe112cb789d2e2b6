"""Who did what with a campaign, in order of time: its own history, the audit log's entries about it, ends of imports.

What people do to a campaign's state stands in its history; the audit log's entry of the same act is left out here.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, select, tuple_

from campaigns.ledger.rows import AuditRow, CampaignRow, HistoryRow, ImportRow
from campaigns.ledger.tables import audit, history, imports

OF_HISTORY, OF_AUDIT, OF_IMPORT = 0, 1, 2
IN_HISTORY = (
    "campaign_created", "campaign_started", "campaign_paused", "campaign_resumed", "campaign_stopped",
    "campaign_scheduled", "campaign_drained", "campaign_approved",
)  # fmt: skip
OF_THE_TENANT = ("outbound_frozen", "outbound_thawed")  # they hold up every campaign that is under way
FAR_MS = 1 << 62

Happening = HistoryRow | AuditRow | ImportRow


class Key(NamedTuple):
    """The position of a happening. `source`: OF_HISTORY | OF_AUDIT | OF_IMPORT; `no`: its number there."""

    at_ms: int
    source: int
    no: int


def page(connection: Connection, campaign: CampaignRow, after: Key | None, limit: int) -> list[Happening]:
    """So many after a key, the oldest first."""
    key = after or Key(-1, OF_IMPORT, 0)
    found = [*_history(connection, campaign, key, limit), *_imports(connection, campaign, key, limit)]
    found += _audit(connection, campaign, key, limit)
    return sorted(found, key=key_of)[:limit]


def key_of(happening: Happening) -> Key:
    """The position of a happening in the listing."""
    if isinstance(happening, HistoryRow):
        return Key(happening.at_ms, OF_HISTORY, happening.no)
    if isinstance(happening, AuditRow):
        return Key(happening.at_ms, OF_AUDIT, happening.no)
    return Key(happening.ended_at_ms or 0, OF_IMPORT, happening.no)


def _history(connection: Connection, campaign: CampaignRow, key: Key, limit: int) -> list[Happening]:
    columns = history.c
    query = select(history).where(columns.campaign == campaign.id, _after(columns.at_ms, columns.no, OF_HISTORY, key))
    query = query.order_by(columns.at_ms, columns.no).limit(limit)
    return [HistoryRow._make(row) for row in connection.execute(query)]


def _imports(connection: Connection, campaign: CampaignRow, key: Key, limit: int) -> list[Happening]:
    columns = imports.c
    query = select(imports).where(
        columns.campaign == campaign.id, _after(columns.ended_at_ms, columns.no, OF_IMPORT, key)
    )
    query = query.order_by(columns.ended_at_ms, columns.no).limit(limit)
    return [ImportRow._make(row) for row in connection.execute(query)]


def _audit(connection: Connection, campaign: CampaignRow, key: Key, limit: int) -> list[Happening]:
    """Two walks along an index: what is about the campaign, and what held up all of the tenant's meanwhile."""
    columns = audit.c
    ended_ms = FAR_MS if campaign.ended_at_ms is None else campaign.ended_at_ms
    meanwhile = columns.at_ms.between(campaign.made_at_ms, ended_ms)
    found = list[Happening]()
    for which in (
        and_(columns.campaign == campaign.id, columns.what.not_in(IN_HISTORY)),
        and_(columns.campaign.is_(None), columns.what.in_(OF_THE_TENANT), meanwhile),
    ):
        later = _after(columns.at_ms, columns.no, OF_AUDIT, key)
        query = select(audit).where(columns.tenant == campaign.tenant, which, later)
        query = query.order_by(columns.at_ms, columns.no).limit(limit)
        found += [AuditRow._make(row) for row in connection.execute(query)]
    return found


def _after(
    at_ms: ColumnElement[int] | ColumnElement[int | None], no: ColumnElement[int], source: int, key: Key
) -> ColumnElement[bool]:
    """Whether a row comes after the key. At the same instant the order of the sources decides."""
    if source == key.source:
        return tuple_(at_ms, no) > (key.at_ms, key.no)
    return at_ms >= key.at_ms if source > key.source else at_ms > key.at_ms
