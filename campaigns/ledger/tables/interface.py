"""What the HTTP interface keeps: idempotency keys and the audit log with its chain."""

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

# Who did what: every action, reveal and export. `no` rises by one within a tenant; `hash` seals the entry and all that
# were before (`campaigns.core.audit_chain`).
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
    text("campaign", optional=True),  # that it is about, if it is about one
    text("hash", optional=True),  # None: a process of the release before wrote it; the next entry seals it
    sqlite_with_rowid=False,
)
Index("campaign_audit_at", audit.c.at_ms)
Index("campaign_audit_campaign", audit.c.tenant, audit.c.campaign, audit.c.at_ms, audit.c.no)
Index("campaign_audit_about", audit.c.tenant, audit.c.about, audit.c.no)

# The newest entry of each tenant, and the last that went by age. Whoever adds an entry goes on from here.
audit_heads = Table(
    "campaign_audit_heads",
    metadata,
    text("tenant", key=True),
    whole("no"),
    text("hash"),
    whole("at_ms"),
    whole("purged_no"),
    text("purged_hash"),
    sqlite_with_rowid=False,
)
