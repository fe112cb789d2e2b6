"""Contacts who are calling: their lines are taken like those of calls that go out, and leave with the call.

A line is taken in `live_numbers` under the name of the inbound call. So nobody decides to dial it, a turn that had
decided is undone where it would take it, and its leaving wakes the contacts that wait for it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, exists, select

from campaigns.ledger import contacts, people
from campaigns.ledger.people import LiveNumber
from campaigns.ledger.tables import callers, live_numbers
from cti.sql.bulk import Bulk, insertion, selection

INBOUND = "in:"  # before our call id, where an outbound call has its order's id
NO_CONTACT = ""

_put = insertion(callers, tail="ON CONFLICT DO NOTHING")
_gone = Bulk(
    "DELETE", "FROM campaign_callers WHERE call_id IN (SELECT call_id FROM", [callers.c.call_id],
    ") RETURNING tenant, line, call_id",
)  # fmt: skip
_others = selection(callers, [callers.c.tenant, callers.c.line])


class Calling(NamedTuple):
    """A line that an inbound call takes; in the order of the table."""

    call_id: str
    line: str
    tenant: str
    since_ms: int


def take(connection: Connection, rows: Sequence[Calling]) -> list[Calling]:
    """Note who calls, and take the lines that are free; those that are not, because of another call."""
    _put(connection, sorted(rows))
    wanted = [LiveNumber(row.tenant, row.line, NO_CONTACT, INBOUND + row.call_id, row.since_ms) for row in rows]
    first = {(row.tenant, row.number): row for row in sorted(wanted, reverse=True)}  # of two callers on one line, one
    people.take(connection, sorted(first.values()))
    return [row for row in rows if not _is_taken_inbound(connection, row)]


def _is_taken_inbound(connection: Connection, row: Calling) -> bool:
    columns = live_numbers.c
    mine = (columns.tenant == row.tenant, columns.number == row.line, columns.command.startswith(INBOUND))
    return connection.execute(select(columns.number).where(*mine)).first() is not None


def leave(connection: Connection, call_ids: Collection[str], now_ms: int) -> int:
    """These calls have ended: their lines are free, and who waited for them is woken; how many lines."""
    gone = _gone.returning(connection, [(call_id,) for call_id in sorted(call_ids)])
    for tenant in sorted({row[0] for row in gone}):
        held = {(line, INBOUND + call_id) for of, line, call_id in gone if of == tenant}
        freed = people.leave(connection, tenant, held)
        others = _others.returning(connection, [(tenant, line) for line in sorted(freed)])
        still = take(connection, list(map(Calling._make, others))) if others else []
        freed -= {row[1] for row in others} - {row.line for row in still}
        if freed:
            contacts.wake(connection, tenant, freed, now_ms)
    return len(gone)


def calls(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """(call id, since when) of those who are calling, the longest first."""
    query = select(callers.c.call_id, callers.c.since_ms).distinct().order_by(callers.c.since_ms, callers.c.call_id)
    return [(row.call_id, row.since_ms) for row in connection.execute(query.limit(limit))]


def untaken(connection: Connection, limit: int) -> list[Calling]:
    """Lines of callers that an outbound call still had when they were to be taken."""
    columns = live_numbers.c
    has = exists().where(and_(columns.tenant == callers.c.tenant, columns.number == callers.c.line))
    inbound = has.where(columns.command.startswith(INBOUND))
    return [Calling._make(row) for row in connection.execute(select(callers).where(~inbound).limit(limit))]
