"""Changed outages."""

from sqlalchemy import Index, Table, literal_column

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# A change of one outage of a campaign, by number. Its contacts are changed in pieces, in the order of their accounts,
# up to `upto`; none of the campaign is dialled meanwhile. Files that come later agree with it.
revisions = Table(
    "campaign_revisions",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    text("tenant"),
    text("area"),
    whole("starts_at_ms"),
    text("restores_at", optional=True),  # as items have it; absent: the outage is cancelled
    whole("at_ms"),
    text("who"),
    text("state"),  # applying | done
    text("upto"),
    small("contacts"),  # whose outage it was
    small("told_again"),  # that begin a new round, but for those whose call was under way
    small("cancelled"),
    small("withdrawn"),  # orders
    small("recalled"),  # notices
    small("rewritten"),
    small("to_recall"),
    sqlite_with_rowid=False,
)
APPLYING = revisions.c.state == literal_column("'applying'")
Index("campaign_revisions_applying", revisions.c.campaign, sqlite_where=APPLYING, postgresql_where=APPLYING)
