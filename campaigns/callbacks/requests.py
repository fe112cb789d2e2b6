"""Callbacks that the call side asks for: a caller who waits pressed 1 (QUEUE-1), an agent promised one (HOLD-3).

The call side keeps a row for each until it is taken; here it becomes a callback, and the row is deleted in the same
transaction. A row is taken once, by its id. One without a time is called as soon as the hours allow, within the bound
of the profile. What cannot be called is on record in the audit log: in doubt nobody is called.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from campaigns.callbacks.asked import AlreadyThere, CallbackAsked, NeverOpens, TooMany, read_number
from campaigns.callbacks.putting import put
from campaigns.core.operator_rules import OperatorRules
from campaigns.imports.cells import Wrong
from campaigns.ledger import audit, callbacks

TAKEN_MAX = 64  # rows in one transaction
WHO = "call side"
REFUSED = "callback_refused"
NOTE_CHARS_MAX = 2_000


class CallbackRequest(Protocol):
    """A row of the call side. Times are milliseconds since the Unix epoch; `origin` is queue or agent."""

    @property
    def id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def call(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def queue(self) -> str | None: ...

    @property
    def origin(self) -> str: ...

    @property
    def agent(self) -> str | None: ...

    @property
    def asked_at_ms(self) -> int: ...

    @property
    def due_at_ms(self) -> int | None: ...

    @property
    def note(self) -> str | None: ...


class CallbackRequests(Protocol):
    """Where the call side keeps them: both in the caller's transaction."""

    def pending(self, connection: Connection, limit: int) -> Sequence[CallbackRequest]:
        """The oldest first, locked; what another transaction holds is left out."""
        ...

    def taken(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete them."""
        ...


class Place(NamedTuple):
    """Where the callbacks of a source are made. `queue`: of a request that names none."""

    switch: str
    trunk_group: str
    channel: str
    queue: str | None = None


PlaceOf = Callable[[str, str], Place | None]
"""Of a tenant's source; None: it cannot be dialled from there."""


class Taken(NamedTuple):
    """How many rows were taken, and what they came to."""

    put: int = 0
    again: int = 0  # the row was taken before
    there: int = 0  # the number has a callback that is open
    refused: int = 0  # nobody can be called: the audit log says why


def take(
    connection: Connection, requests: CallbackRequests, places: PlaceOf, rules: OperatorRules, now_ms: int
) -> Taken:
    """Make callbacks of what is pending, at most TAKEN_MAX rows. Raises Stale: nothing was taken, again."""
    rows = requests.pending(connection, TAKEN_MAX)
    said = [_take(connection, row, places, rules, now_ms) for row in rows]
    if rows:
        requests.taken(connection, [row.id for row in rows])
    return Taken(*(said.count(word) for word in Taken._fields))


def _take(connection: Connection, row: CallbackRequest, places: PlaceOf, rules: OperatorRules, now_ms: int) -> str:
    """What it came to: a field of `Taken`."""
    if callbacks.of_request(connection, row.tenant, row.id) is not None:
        return "again"
    place = places(row.tenant, row.source)
    if place is None:
        return _refused(connection, row, now_ms, "no switch of this source can be dialled on")
    try:
        number, zones = read_number(row.number)
        put(connection, _asked(row, place, number, zones), rules, now_ms, WHO)
    except AlreadyThere as there:
        _note(connection, row, now_ms, "callback_there", there.callback)
        return "there"
    except Wrong as wrong:  # its words may have the number in full
        return _refused(connection, row, now_ms, f"the number cannot be called: {wrong.rule}")
    except NeverOpens:
        return _refused(connection, row, now_ms, "no hours are known in which the number may be called")
    except TooMany as many:
        return _refused(connection, row, now_ms, str(many))
    return "put"


def _asked(row: CallbackRequest, place: Place, number: str, zones: tuple[str, ...]) -> CallbackAsked:
    note = None if row.note is None else row.note.replace("\x00", "")[:NOTE_CHARS_MAX]
    return CallbackAsked(
        tenant=row.tenant, number=number, zones=zones, switch=place.switch, trunk_group=place.trunk_group,
        queue=row.queue or place.queue, channel=place.channel, asked_ms=row.asked_at_ms, due_ms=row.due_at_ms,
        note=note, origin=row.origin, agent=row.agent, call=row.call, request=row.id,
    )  # fmt: skip


def _refused(connection: Connection, row: CallbackRequest, now_ms: int, why: str) -> str:
    _note(connection, row, now_ms, REFUSED, why)
    return "refused"


def _note(connection: Connection, row: CallbackRequest, now_ms: int, what: str, why: str) -> None:
    details = {"request": row.id, "call": row.call, "origin": row.origin, "why": why}
    audit.note(connection, row.tenant, now_ms, WHO, what, row.id, details)
