"""Payments that were told, and whom nobody calls."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# A payment by its reference, with what it did when it came: so that the same again gets the same answer. It is kept for
# a while, for files that come after it.
settlements = Table(
    "campaign_settlements",
    metadata,
    text("tenant", key=True),
    text("reference", key=True),
    text("account"),
    text("items"),  # JSON ["2026-02", "2026-03-01 METER", ..]; []: all that was owed
    whole("settled_at_ms"),
    whole("received_at_ms"),
    text("who"),
    small("paid"),  # contacts
    small("in_part"),  # contacts of which something is left
    small("withdrawn"),  # orders
    small("recalled"),  # notices
    text("to_recall"),  # JSON: ids of notices that somebody has
    sqlite_with_rowid=False,
)
Index("campaign_settlements_account", settlements.c.tenant, settlements.c.account)
Index("campaign_settlements_received", settlements.c.received_at_ms)

# `line` as in live_numbers: a number in E.164, or "a:ACCOUNT". It holds from `since_ms` on, before `until_ms`.
do_not_call = Table(
    "campaign_do_not_call",
    metadata,
    text("tenant", key=True),
    text("line", key=True),
    text("id"),
    text("reason"),
    whole("since_ms"),
    whole("until_ms", optional=True),  # absent: for good
    whole("made_at_ms"),
    text("who"),  # a key, or "dialler"
    sqlite_with_rowid=False,
)
Index("campaign_do_not_call_listed", do_not_call.c.tenant, do_not_call.c.made_at_ms, do_not_call.c.id, unique=True)
Index("campaign_do_not_call_until", do_not_call.c.until_ms)
