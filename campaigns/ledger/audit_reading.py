"""Reads whole audit logs and judges their chains (`campaigns.core.audit_chain`), in one snapshot of the ledger."""

import sqlite3
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.core.audit_chain import Entry, Fault, Link, Walk
from campaigns.ledger import audit
from campaigns.ledger.rows import AuditHeadRow
from cti.sql.bulk import driver_of

IMPOSSIBLE = -1  # the number of what is no number any more


class Verified(NamedTuple):
    """What was read of each tenant, and the first fault; `heads`: where each chain ends, to be kept elsewhere."""

    entries: int
    heads: list[AuditHeadRow]
    fault: Fault | None


def verify(connection: Connection, tenant: str | None = None, anchor: Link | None = None) -> Verified:
    """Every entry of a tenant, or of all. An anchor is of the one tenant that is read."""
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):  # it keeps whatever somebody has written, text or not
        driver.text_factory = _text
    count, heads, fault = 0, list[AuditHeadRow](), None
    for tenant_id in audit.tenants(connection) if tenant is None else [tenant]:
        head = audit.head(connection, tenant_id)
        walk = Walk(tenant_id, _link(head.no, head.hash), _link(head.purged_no, head.purged_hash), anchor)
        for row in audit.entries(connection, tenant_id):
            walk.take(Entry(*row[:-1]), row.hash)
            count += 1
        heads.append(head)
        fault = walk.end() if fault is None else fault
    return Verified(count, heads, fault)


def _text(written: bytes) -> str:
    return written.decode("utf-8", "surrogateescape")


def _link(no: object, digest: object) -> Link:
    return Link(no if isinstance(no, int) else IMPOSSIBLE, str(digest))
