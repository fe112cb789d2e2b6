"""Requests for callbacks. They belong to the call side's chain of migrations; columns stand in the order of the row."""

from sqlalchemy import Index, MetaData, Table

from cti.sql.columns import text, whole

metadata = MetaData()

# Written by the engine's rounds, deleted by whoever takes them.
callback_requests = Table(
    "callback_requests",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("source"),
    text("call_id"),
    text("number", optional=True),
    text("queue", optional=True),
    text("origin"),
    text("agent", optional=True),
    whole("asked_at_ms"),
    whole("due_at_ms", optional=True),
    text("note", optional=True),
    whole("written_at_ms"),
    sqlite_with_rowid=False,
)
Index("callback_requests_written", callback_requests.c.written_at_ms, callback_requests.c.id)
