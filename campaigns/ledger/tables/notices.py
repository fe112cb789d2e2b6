"""Written notices and their batches."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# One for a contact and round, ever. `body`: JSON of what the letter says, as it was when the notice was made.
notices = Table(
    "campaign_notices",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("campaign"),
    text("contact"),
    small("round"),
    text("account"),
    text("kind"),
    text("body"),
    whole("created_at_ms"),
    text("state"),  # pending | exported | acknowledged | failed | recalled
    text("batch", optional=True),
    whole("page", optional=True),  # in its batch, from 1
    whole("to_recall_ms", optional=True),  # of one that was exported: since when it should not go out any more
    sqlite_with_rowid=False,
)
Index("campaign_notices_contact", notices.c.contact, notices.c.round, unique=True)
Index("campaign_notices_state", notices.c.tenant, notices.c.campaign, notices.c.state, notices.c.created_at_ms)
Index("campaign_notices_batch", notices.c.batch, notices.c.page)
TO_RECALL = notices.c.to_recall_ms.is_not(None)
Index("campaign_notices_to_recall", notices.c.tenant, notices.c.created_at_ms, notices.c.id, sqlite_where=TO_RECALL,
      postgresql_where=TO_RECALL)  # fmt: skip
Index("campaign_notices_of_tenant", notices.c.tenant, notices.c.created_at_ms, notices.c.id)

Index("campaign_notices_account", notices.c.tenant, notices.c.account)

notice_batches = Table(
    "campaign_notice_batches",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("campaign"),
    whole("made_at_ms"),
    whole("notices"),
    text("state"),  # exported | acknowledged
    text("who"),
    whole("acknowledged_at_ms", optional=True),
    text("acknowledged_by", optional=True),
    whole("failed", optional=True),  # notices that came back, once it is acknowledged
    sqlite_with_rowid=False,
)
Index("campaign_notice_batches_of_tenant", notice_batches.c.tenant, notice_batches.c.made_at_ms, notice_batches.c.id)
