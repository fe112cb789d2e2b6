"""What a judge of campaigns looks at: the switch's own log, the ledger's rows, and what a manager was told of what he
has ordered. Data alone; `never` judges.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from campaigns.ledger.tables import attempts, campaigns, contacts, do_not_call, notices
from cti.dial.tables import orders as dial_orders
from cti.sql.point import all_of, rows_of
from tests.campaigns.quiet_hours import ALWAYS, Spans

UNSENT_MS = 23_000  # an order that was made before leaves within it (one that waits for an agent), or never


class Violation(NamedTuple):
    kind: str
    what: str


class Span(NamedTuple):
    """A call as the switch had it. `to_ms` None: it lives."""

    order: str
    number: str
    from_ms: int
    to_ms: int | None


class Stopped(NamedTuple):
    """Acknowledged: from `since_ms` on until `until_ms` (None: for good) no order of these campaigns is received."""

    what: str
    since_ms: int
    until_ms: int | None
    campaigns: frozenset[str] | None  # None: of all


class Told(NamedTuple):
    """Acknowledged: a payment of all that an account owes, or an entry of the list (a number, or "a:ACCOUNT")."""

    at_ms: int
    of: str


class Emergency(NamedTuple):
    """A second key has approved that quiet hours do not hold from one instant to another. `ended_ms`: somebody ended it
    before: what leaves after that has its hours again.
    """

    from_ms: int
    until_ms: int
    ended_ms: int | None = None


class Changed(NamedTuple):
    """Acknowledged: settings of a campaign. None: they stay."""

    at_ms: int
    windows: Spans | None = None
    pace_before: int | None = None  # calls a second until then


class Log(NamedTuple):
    """The switch's own."""

    arrivals: Sequence[tuple[int, str, str]]  # (at, order, number) of each makeCall, those that it lost among them
    messages: Sequence[tuple[int, str, str]]
    rings: Sequence[tuple[str, int, int]]  # (order, from, to)
    calls: Sequence[Span]
    unheard: frozenset[str]  # orders that never rang by its own word: refused as expired, or never seen
    answers: Sequence[tuple[int, str, str]] = ()  # (at, order, number): the called party answered
    agents: Mapping[str, int] = {}  # since when an agent is on the line of an order's call


class Ledger(NamedTuple):
    """Rows as they stand; orders by id. `barred`: the numbers and accounts of the do-not-call list."""

    campaigns: Mapping[str, Any]
    contacts: Mapping[str, Any]
    attempts: Sequence[Any]
    notices: Sequence[Any]
    orders: Mapping[str, Any]
    barred: frozenset[str] = frozenset()


class Seen(NamedTuple):
    """`zones`: of an account's row; `windows`: of a campaign. `lane_pace`: makeCalls a second that the switch takes.
    `loses`: some facts of the switch never come, so that the ledger cannot know of a ringing before a failure.
    """

    log: Log
    ledger: Ledger
    zones: Mapping[str, Iterable[str]]
    windows: Mapping[str, Spans]
    lane_pace: float
    stops: Sequence[Stopped] = ()
    payments: Sequence[Told] = ()
    entries: Sequence[Told] = ()
    loses: bool = False
    emergencies: Mapping[str, Sequence[Emergency]] = {}  # of a campaign
    changed: Mapping[str, Sequence[Changed]] = {}  # settings of a campaign, in order of time

    def windows_of(self, campaign: str, sent_ms: int | None) -> list[Spans]:
        """Those that an order which left then must keep to: one of these. At the very instant of a change it may have
        been before it or after.
        """
        held = [self.windows.get(campaign, ALWAYS)]
        for one in self.changed.get(campaign, ()):
            if one.windows is not None and sent_ms is not None and one.at_ms <= sent_ms:
                held = [one.windows] if one.at_ms < sent_ms else [*held, one.windows]
        return held

    def excepted(self, campaign: str, sent_ms: int | None) -> list[tuple[int, int]]:
        """From when to when the rest hours do not hold for an order that left then."""
        return [
            (one.from_ms, one.until_ms if one.ended_ms is None or (sent_ms or 0) <= one.ended_ms else one.ended_ms)
            for one in self.emergencies.get(campaign, ())
        ]

    def pace_of(self, campaign: str) -> list[tuple[int, int]]:
        """(calls a second, of orders that left since then)."""
        now = self.ledger.campaigns[campaign].calls_per_second
        changes = [one for one in self.changed.get(campaign, ()) if one.pace_before is not None]
        if not changes:
            return [(now, 0)]
        return [(max(now, *(one.pace_before or 0 for one in changes)), 0), (now, changes[-1].at_ms + UNSENT_MS)]


class _Rows:
    """All rows of a table, each with its columns by name."""

    def __init__(self, table: Table, order: str = "") -> None:
        self._statement = all_of(table, order)
        self._row = NamedTuple("Row", [(str(column.name), Any) for column in table.columns])

    def read(self, connection: Connection) -> list[Any]:
        return [self._row._make(row) for row in rows_of(connection, self._statement)]


_CAMPAIGNS, _CONTACTS, _NOTICES, _ORDERS = (_Rows(table) for table in (campaigns, contacts, notices, dial_orders))
_DO_NOT_CALL = _Rows(do_not_call)
_ATTEMPTS = _Rows(attempts, "ORDER BY contact, n")


def read(connection: Connection) -> Ledger:
    return Ledger(
        {row.id: row for row in _CAMPAIGNS.read(connection)},
        {row.id: row for row in _CONTACTS.read(connection)},
        _ATTEMPTS.read(connection),
        _NOTICES.read(connection),
        {row.id: row for row in _ORDERS.read(connection)},
        frozenset(row.line for row in _DO_NOT_CALL.read(connection)),
    )
