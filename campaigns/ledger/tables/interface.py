"""What the HTTP interface keeps: idempotency keys and the audit log."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import text, whole

# `Idempotency-Key`s of POSTs that create, for 72 h. `status` None: still running.
idempotency = Table(
    "campaign_idempotency",
    metadata,
    text("tenant", key=True),
    text("key", key=True),
    text("digest"),  # SHA-256 of method, path and body
    whole("at_ms"),
    whole("status", optional=True),
    text("body", optional=True),
    text("location", optional=True),
    sqlite_with_rowid=False,
)
Index("campaign_idempotency_at", idempotency.c.at_ms)

# Who did what: every action, reveal and export. `no` rises by one within a tenant.
audit = Table(
    "campaign_audit",
    metadata,
    text("tenant", key=True),
    whole("no", key=True),
    whole("at_ms"),
    text("who"),
    text("what"),
    text("about"),
    text("details"),  # JSON
    sqlite_with_rowid=False,
)
Index("campaign_audit_at", audit.c.at_ms)
