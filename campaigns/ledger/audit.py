"""Who did what: every action, reveal and export of a tenant, in order, each sealed with what was before it.

Whoever adds an entry holds the tenant's log until its transaction ends, and goes on from the tenant's head: so numbers
rise by one and the chain has one end. Entries are written in the transaction of what they record.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from campaigns.core.audit_chain import GENESIS, PURGED, Entry, Link, checkpoint_of, sealed
from campaigns.ledger.rows import AuditHeadRow, AuditRow
from campaigns.ledger.tables import audit, audit_heads
from cti.sql.bulk import insertion
from cti.sql.point import all_of, rows_of
from cti.web.masking import masked

PAGE = 1_000  # entries read at a time
RETENTION = "retention"  # who removes what is old
OF_A_CAMPAIGN = re.compile(r"(c[0-9a-f]{15})(?:-[0-9]+)?\Z", re.ASCII)  # itself, or a contact of it
WRITTEN = frozenset({"agreed_by", "file", "name", "purpose", "reason"})
"""Details that hold what a person wrote; others are ours: words of closed lists, ids, hashes. Telephone numbers
are masked before they are sealed: what is sealed cannot be taken out when their owner is erased.
"""
_HEAD = all_of(audit_heads, "WHERE tenant = ?")
_AFTER = all_of(audit, "WHERE tenant = ? AND no > ? ORDER BY no LIMIT ?")
_add = insertion(audit)
_put_head = insertion(
    audit_heads,
    tail="ON CONFLICT (tenant) DO UPDATE SET no = excluded.no, hash = excluded.hash, at_ms = excluded.at_ms, "
    "purged_no = excluded.purged_no, purged_hash = excluded.purged_hash",
)


def note(
    connection: Connection, tenant: str, at_ms: int, who: str, what: str, about: str, details: Mapping[str, Any]
) -> None:
    """One more entry. Entries of a tenant are numbered one after the other: whoever comes second waits.

    The campaign that it is about is read off `about`, or it is `campaign` of the details.
    """
    note_each(connection, tenant, at_ms, who, what, [(about, details)])


def note_each(
    connection: Connection, tenant: str, at_ms: int, who: str, what: str, noted: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """One entry for each (about, details), in this order."""
    if not noted:
        return
    head = _held(connection, tenant)
    rows: list[AuditRow] = []
    for about, details in noted:
        masked_details = {name: _masked(value) if name in WRITTEN else value for name, value in details.items()}
        kept = json.dumps(masked_details, ensure_ascii=False)
        entry = Entry(tenant, head.no + 1, at_ms, who, what, about, kept, _campaign_of(about, details))
        head = head._replace(no=entry.no, hash=sealed(entry, head.hash), at_ms=at_ms)
        rows.append(AuditRow(*entry, head.hash))
    _add(connection, rows)
    _put_head(connection, [head])


def _masked(value: Any) -> Any:
    return masked(value) if isinstance(value, str) else value


Line = tuple[str, int, str, str, str, Mapping[str, Any]]
"""tenant, at_ms, who, what, about, details"""


def note_all(connection: Connection, given: Sequence[Line]) -> Sequence[None]:
    """Work of the writer: a line for each. Tenants in order, so that two who note wait for each other but once."""
    for line in sorted(given, key=lambda row: row[0]):
        note(connection, *line)
    return [None] * len(given)


def lines(connection: Connection, tenant: str, after: int = 0, limit: int = PAGE) -> list[dict[str, Any]]:
    """A tenant's lines after a number, in order."""
    return [row._asdict() for row in _after(connection, tenant, after, limit)]


def about(connection: Connection, tenant: str, what: str, limit: int = PAGE) -> list[AuditRow]:
    """The newest entries about one contact, batch or campaign, in order."""
    query = select(audit).where(audit.c.tenant == tenant, audit.c.about == what)
    found = connection.execute(query.order_by(audit.c.no.desc()).limit(limit))
    return [AuditRow._make(row) for row in found][::-1]


# -- the chain ---------------------------------------------------------------------------------------------------------


def head(connection: Connection, tenant: str) -> AuditHeadRow:
    """The last entry of a tenant's chain; before its first entry: number 0."""
    found = rows_of(connection, _HEAD, tenant)
    return AuditHeadRow._make(found[0]) if found else AuditHeadRow(tenant, 0, GENESIS, 0, 0, GENESIS)


def heads(connection: Connection, after: str = "", limit: int = PAGE) -> list[AuditHeadRow]:
    """Those of tenants after one, in order."""
    query = select(audit_heads).where(audit_heads.c.tenant > after).order_by(audit_heads.c.tenant).limit(limit)
    return [AuditHeadRow._make(row) for row in connection.execute(query)]


def tenants(connection: Connection) -> list[str]:
    """All that have an entry or a head, in order."""
    found = {*connection.scalars(select(audit.c.tenant).distinct()), *connection.scalars(select(audit_heads.c.tenant))}
    return sorted(found)


def entries(connection: Connection, tenant: str) -> Iterator[AuditRow]:
    """All of a tenant in order, in the memory of a page."""
    after = -1
    while some := _after(connection, tenant, after, PAGE):
        yield from some
        after = some[-1].no


def _held(connection: Connection, tenant: str) -> AuditHeadRow:
    """The head, with the tenant's log held until the transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"campaign_audit {tenant}", 0))))
    found = head(connection, tenant)
    while later := _after(connection, tenant, found.no, PAGE):
        found = _caught_up(connection, found, later)
    return found


def _caught_up(connection: Connection, found: AuditHeadRow, later: Sequence[AuditRow]) -> AuditHeadRow:
    """A process of the release before has written these without a hash: they are sealed as they stand."""
    for row in later:
        entry, digest = Entry(*row[:-1]), row.hash
        if digest is None:
            entry = entry._replace(campaign=_campaign_of(row.about, json.loads(row.details)))
            digest = sealed(entry, found.hash)
            mine = and_(audit.c.tenant == row.tenant, audit.c.no == row.no)
            connection.execute(update(audit).where(mine).values(campaign=entry.campaign, hash=digest))
        found = found._replace(no=row.no, hash=digest, at_ms=row.at_ms)
    return found


def _append(connection: Connection, found: AuditHeadRow, entry: Entry) -> AuditHeadRow:
    digest = sealed(entry, found.hash)
    _add(connection, [AuditRow(*entry, digest)])
    after = found._replace(no=entry.no, hash=digest, at_ms=entry.at_ms)
    _put_head(connection, [after])
    return after


def _after(connection: Connection, tenant: str, no: int, limit: int) -> list[AuditRow]:
    return [AuditRow._make(row) for row in rows_of(connection, _AFTER, tenant, no, limit)]


def _campaign_of(about: str, details: Mapping[str, Any]) -> str | None:
    found = OF_A_CAMPAIGN.match(about)
    return found[1] if found is not None else details.get("campaign")


# -- retention ---------------------------------------------------------------------------------------------------------


def purge(connection: Connection, now_ms: int, before_ms: int, most: int) -> int:
    """Remove the oldest entries of one tenant that were made before, at most so many; how many.

    Only from the beginning of the chain, up to the first that is younger: the last that goes stands as checkpoint in an
    entry that is made in the same transaction. What is broken stays, and what is after it: it is evidence.
    """
    first = and_(audit.c.tenant == audit_heads.c.tenant, audit.c.no == audit_heads.c.purged_no + 1)
    old = select(audit_heads.c.tenant).join(audit, first).where(audit.c.at_ms < before_ms)
    for tenant in connection.scalars(old.order_by(audit_heads.c.tenant)).all():
        if gone := _purge(connection, tenant, now_ms, before_ms, most):
            return gone
    return 0


def _purge(connection: Connection, tenant: str, now_ms: int, before_ms: int, most: int) -> int:
    found = _held(connection, tenant)
    began = Link(found.purged_no, found.purged_hash)
    last = began
    for row in _after(connection, tenant, began.no, most):
        whole = row.no == last.no + 1 and row.hash == sealed(Entry(*row[:-1]), last.hash)
        if row.at_ms >= before_ms or not whole:
            break
        last = Link(row.no, row.hash or "")
    if last == began:
        return 0
    kept = json.dumps(checkpoint_of(last, last.no - began.no))
    entry = Entry(tenant, found.no + 1, now_ms, RETENTION, PURGED, tenant, kept, None)
    _append(connection, found._replace(purged_no=last.no, purged_hash=last.hash), entry)
    gone = and_(audit.c.tenant == tenant, audit.c.no > began.no, audit.c.no <= last.no)
    return connection.execute(delete(audit).where(gone)).rowcount
