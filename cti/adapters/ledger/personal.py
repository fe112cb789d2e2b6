"""Where a person's number may stand in the tables of the call side."""

from sqlalchemy import ColumnElement, exists

from cti.adapters.ledger.tables import calls, commands, dead_letters, event_log, outbox, records, timeline
from cti.callers.tables import callback_requests
from cti.dial.tables import facts, orders
from cti.sql.scrubbing import Place


def _of_its_calls(tenant: str) -> ColumnElement[bool]:
    of = (calls.c.partition == timeline.c.partition, calls.c.born == timeline.c.born, calls.c.tenant == tenant)
    return exists().where(*of)


OF_CALLS = (
    Place(event_log, ("body",)),
    Place(timeline, ("data",), _of_its_calls),
    Place(records, ("record",)),
    Place(commands, ("body",)),
    Place(dead_letters, ("body", "detail")),
    Place(outbox, ("body",)),
    Place(orders, ("body", "answer")),
    Place(facts, ("record",)),
    Place(callback_requests, ("number", "note")),
)
