"""What all campaigns together know of a number and of a person."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# A number with a call, or with an order that may become one. The row leaves when the call has ended, not before.
live_numbers = Table(
    "campaign_live_numbers",
    metadata,
    text("tenant", key=True),
    text("number", key=True),
    text("contact"),
    text("command"),
    whole("since_ms"),
    sqlite_with_rowid=False,
)

# Calls of a day to a person: one row for the account ("a:ACCOUNT") and each of its numbers ("n:NUMBER"). An order
# counts when it is made, and no more once it is certain that it did not ring.
person_days = Table(
    "campaign_person_days",
    metadata,
    text("tenant", key=True),
    text("person", key=True),
    text("day", key=True),  # 2026-03-04, in the campaign's zone
    small("calls"),
    sqlite_with_rowid=False,
)
Index("campaign_person_days_day", person_days.c.day)

# What went of a person who asked for it: proof, without the person, who is in `subject` (JSON) until it is done.
# `counts`: JSON, rows by table. `left_over`: contacts whose call may be under way. `digest`: of id, account, numbers.
erasures = Table(
    "campaign_erasures",
    metadata,
    text("id", key=True),
    text("tenant"),
    whole("at_ms"),
    text("who"),
    text("digest"),
    text("subject", optional=True),
    text("counts"),
    whole("left_over"),
    whole("next_at_ms"),
    whole("ended_at_ms", optional=True),
    sqlite_with_rowid=False,
)
Index("campaign_erasures_of_tenant", erasures.c.tenant, erasures.c.at_ms, erasures.c.id)
