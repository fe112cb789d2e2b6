"""Callbacks that the call side asks for: a caller who waits pressed 1 (QUEUE-1), an agent promised one (HOLD-3).

The call side keeps a row for each until it is taken; here it becomes a callback, and the row is deleted in the same
transaction. A row is taken once, by its id. One without a time is called as soon as the hours allow, within the bound
of the profile. What cannot be called is on record in the audit log: in doubt nobody is called.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.callbacks.asked import AlreadyThere, CallbackAsked, NeverOpens, TooMany, read_number
from campaigns.callbacks.putting import put
from campaigns.core.operator_rules import OperatorRules
from campaigns.imports.cells import Wrong
from campaigns.ledger import audit, callbacks
from cti.callers.rows import CallbackRequest

TAKEN_MAX = 64  # rows in one transaction
WHO = "call side"
AGENT, AUTO = "agent", "auto"
REFUSED = "callback_refused"
NOTE_CHARS_MAX = 2_000


class Route(NamedTuple):
    """The lane in which callbacks of a source are made. `queue`: for a request that names none."""

    switch: str
    trunk_group: str
    channel: str
    queue: str | None = None


RouteOf = Callable[[str, str], Route | None]
"""Of a tenant's source; None: it cannot be dialled from there."""


class Taken(NamedTuple):
    """How many rows were taken, and what they came to."""

    put: int = 0
    again: int = 0  # the row was taken before
    there: int = 0  # the number has a callback that is open
    refused: int = 0  # nobody can be called: the audit log says why


def take(
    connection: Connection, rows: Sequence[CallbackRequest], routes: RouteOf, rules: OperatorRules, now_ms: int
) -> Taken:
    """Make callbacks of rows that this transaction has taken, TAKEN_MAX at most. Raises Stale: nothing was taken."""
    said = [_take(connection, row, routes, rules, now_ms) for row in rows]
    return Taken(*(said.count(word) for word in Taken._fields))


def _take(connection: Connection, row: CallbackRequest, routes: RouteOf, rules: OperatorRules, now_ms: int) -> str:
    """What it came to: a field of `Taken`."""
    if callbacks.of_request(connection, row.tenant, row.id) is not None:
        return "again"
    route = routes(row.tenant, row.source)
    if route is not None and route.channel == AGENT and not (row.queue or route.queue):
        route = route._replace(channel=AUTO)  # whose agents would call, nobody has said
    if route is None:
        return refused(connection, row, now_ms, "no switch of this source can be dialled on")
    try:
        number, zones = read_number(row.number or "")
        put(connection, _asked(row, route, number, zones), rules, now_ms, WHO)
    except AlreadyThere as there:
        _note(connection, row, now_ms, "callback_there", there.callback)
        return "there"
    except Wrong as wrong:  # its words may have the number in full
        return refused(connection, row, now_ms, f"the number cannot be called: {wrong.rule}")
    except NeverOpens:
        return refused(connection, row, now_ms, "no hours are known in which the number may be called")
    except TooMany as many:
        return refused(connection, row, now_ms, str(many))
    return "put"


def _asked(row: CallbackRequest, route: Route, number: str, zones: tuple[str, ...]) -> CallbackAsked:
    note = None if row.note is None else row.note.replace("\x00", "")[:NOTE_CHARS_MAX]
    return CallbackAsked(
        tenant=row.tenant, number=number, zones=zones, switch=route.switch, trunk_group=route.trunk_group,
        queue=row.queue or route.queue, channel=route.channel, asked_ms=row.asked_at_ms, due_ms=row.due_at_ms,
        note=note, origin=row.origin, agent=row.agent, call=row.call_id, request=row.id,
    )  # fmt: skip


def refused(connection: Connection, row: CallbackRequest, now_ms: int, why: str) -> str:
    """Nobody is called; the audit log says why."""
    _note(connection, row, now_ms, REFUSED, why)
    return "refused"


def _note(connection: Connection, row: CallbackRequest, now_ms: int, what: str, why: str) -> None:
    details = {"request": row.id, "call": row.call_id, "origin": row.origin, "why": why}
    audit.note(connection, row.tenant, now_ms, WHO, what, row.id, details)
