"""Callbacks: who asked for a call, when, and which contact it became."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# A callback is a contact of a campaign that stands. When it is called and whether that kept the promise stands there.
callbacks = Table(
    "campaign_callbacks",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("campaign"),
    text("contact"),
    text("number"),  # E.164
    text("request", optional=True),  # of the call side; each is taken once
    text("reference", optional=True),
    text("origin"),  # api | queue | agent
    text("agent", optional=True),  # who promised it
    text("call", optional=True),  # in which it was asked for
    whole("asked_at_ms"),
    whole("due_at_ms"),  # as it was asked for
    small("moved"),  # 1: the hours did not allow that time
    text("agreed_by", optional=True),  # who agreed on the time with the customer
    text("note", optional=True),
    whole("made_at_ms"),
    text("who"),
    sqlite_with_rowid=False,
)
Index("campaign_callbacks_of_tenant", callbacks.c.tenant, callbacks.c.due_at_ms, callbacks.c.id)
Index("campaign_callbacks_of_campaign", callbacks.c.campaign)
Index("campaign_callbacks_number", callbacks.c.tenant, callbacks.c.number)
Index("campaign_callbacks_contact", callbacks.c.contact, unique=True)
Index("campaign_callbacks_request", callbacks.c.tenant, callbacks.c.request, unique=True)
