"""Where a person's number may stand in the tables of the call side."""

from sqlalchemy import ColumnElement, exists

from cti.adapters.ledger.tables import calls, commands, dead_letters, event_log, outbox, records, timeline
from cti.callers.tables import callback_requests
from cti.dial.tables import facts, orders
from cti.sql.scrubbing import MarkedColumns


def _of_its_calls(tenant: str) -> ColumnElement[bool]:
    of = (calls.c.partition == timeline.c.partition, calls.c.born == timeline.c.born, calls.c.tenant == tenant)
    return exists().where(*of)


OF_CALLS = (
    MarkedColumns(event_log, ("body",)),
    MarkedColumns(timeline, ("data",), _of_its_calls),
    MarkedColumns(records, ("record",)),
    MarkedColumns(commands, ("body",)),
    MarkedColumns(dead_letters, ("body", "detail")),
    MarkedColumns(outbox, ("body",)),
    MarkedColumns(orders, ("body", "answer")),
    MarkedColumns(facts, ("record",)),
    MarkedColumns(callback_requests, ("number", "note")),
)
