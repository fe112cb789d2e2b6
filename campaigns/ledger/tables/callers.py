"""By which numbers contacts are found when they call, and who of them is calling."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import text, whole

# Each number of each contact, without its extension; `no` is the contact's. Written with the contact.
numbers = Table(
    "campaign_numbers",
    metadata,
    text("campaign", key=True),
    text("number", key=True),
    whole("no", key=True),
    sqlite_with_rowid=False,
)

# Inbound calls of contacts with open work, a row for each line that such a call takes (`people.line_keys`). Whether the
# line is taken stands in `live_numbers`: until an order on it has ended, it is not.
callers = Table(
    "campaign_callers",
    metadata,
    text("call_id", key=True),
    text("line", key=True),
    text("tenant"),
    whole("since_ms"),
    sqlite_with_rowid=False,
)
Index("campaign_callers_line", callers.c.tenant, callers.c.line)
