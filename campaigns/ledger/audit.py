"""Who did what: every action, reveal and export of a tenant, in order."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from campaigns.ledger.tables import audit


def note(
    connection: Connection, tenant: str, at_ms: int, who: str, what: str, about: str, details: Mapping[str, Any]
) -> None:
    """One more line. Lines of a tenant are numbered one after the other: whoever comes second waits."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"campaign_audit {tenant}", 0))))
    last = connection.scalar(select(func.max(audit.c.no)).where(audit.c.tenant == tenant))
    line = {
        "tenant": tenant,
        "no": (last or 0) + 1,
        "at_ms": at_ms,
        "who": who,
        "what": what,
        "about": about,
        "details": json.dumps(details, ensure_ascii=False),
    }
    connection.execute(insert(audit).values(line))


Line = tuple[str, int, str, str, str, Mapping[str, Any]]
"""tenant, at_ms, who, what, about, details"""


def note_all(connection: Connection, given: Sequence[Line]) -> Sequence[None]:
    """Work of the writer: a line for each. Tenants in order, so that two who note wait for each other but once."""
    for line in sorted(given, key=lambda one: one[0]):
        note(connection, *line)
    return [None] * len(given)


def lines(connection: Connection, tenant: str, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
    """A tenant's lines after a number, in order."""
    query = select(audit).where(audit.c.tenant == tenant, audit.c.no > after).order_by(audit.c.no).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
