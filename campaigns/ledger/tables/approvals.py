"""What second keys have approved: campaigns as they were read, and exceptions to the quiet hours."""

from sqlalchemy import Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import text, whole

# The last one of a campaign counts, unless it is void. `parts`: JSON, what the digest was made of.
approvals = Table(
    "campaign_approvals",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    whole("at_ms"),
    text("digest"),
    text("parts"),
    text("who"),
    whole("void_at_ms", optional=True),
    text("void_why", optional=True),  # import | withdrawal | settings
    sqlite_with_rowid=False,
)

# Asked for by one key, approved by another: then the campaign's row has it, until it ends.
emergencies = Table(
    "campaign_emergencies",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    text("reason"),
    whole("until_ms"),
    whole("asked_at_ms"),
    text("asked_by"),
    whole("approved_at_ms", optional=True),
    text("approved_by", optional=True),
    whole("ended_at_ms", optional=True),  # before its time
    text("ended_by", optional=True),
    whole("looked_to", optional=True),  # a contact's number: those who wait are looked at up to it; absent: all are
    sqlite_with_rowid=False,
)
