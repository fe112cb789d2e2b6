"""Claims: an order is marked as sent before its first byte leaves, under the newest subscription's epoch, within the
pace of its lane.

What would reach a person is claimed only under the source that the switch has by now: events of another one would say
nothing of its call. Such an order expires, and is made anew.

A claim locks the row of the switch's subscription: claims of one switch go one after another, so that each counts what
those before it sent. On PostgreSQL rows that a withdrawal has locked are skipped; SQLite has one writer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cti.dial.clock import LedgerClock
from cti.dial.pace import window_of
from cti.dial.rows import Ability, DialClaim, SentOrder
from cti.sql.point import rows_of

_EPOCH = "SELECT epoch FROM dial_streams WHERE tenant = ? AND switch = ?"
_OPEN_CALL = (
    "state = 'open' AND command = 'makeCall' AND sent_at_ms IS NULL AND tenant = ? AND switch = ? AND lane = ?"
    " AND expires_at_ms > ? AND source = ?"
)
_OPEN_OTHER = (
    "state = 'open' AND command != 'makeCall' AND sent_at_ms IS NULL AND tenant = ? AND switch = ?"
    " AND expires_at_ms > ? AND (command != 'sendMessage' OR source = ?)"
)
_SENT = (
    "SELECT sent_at_ms FROM dial_orders WHERE sent_at_ms IS NOT NULL AND tenant = ? AND switch = ? AND lane = ?"
    " AND sent_at_ms > ? AND sent_at_ms < ? AND command = 'makeCall' ORDER BY sent_at_ms"
)
# MATERIALIZED: a plan that ran it twice would lock others the second time, and mark more than the pace allows.
_FIRST = "WITH first_ones AS MATERIALIZED (SELECT no FROM dial_orders WHERE"
_MARK = (
    "UPDATE dial_orders SET state = 'sent', sent_at_ms = ?, epoch = ? WHERE no IN (SELECT no FROM first_ones)"
    " AND state = 'open' RETURNING id, no, lane, command, body, made_at_ms, expires_at_ms, sent_at_ms"
)


class Asked(NamedTuple):
    """One claim."""

    tenant: str
    switch: str
    epoch: int
    ability: Ability
    most: int

    @property
    def of(self) -> tuple[str, str]:
        """The switch."""
        return self.tenant, self.switch


class _Lane(NamedTuple):
    """The outcome for one lane."""

    orders: list[SentOrder]
    next_ms: int | None


def claim(connection: Connection, clock: LedgerClock, asked: Sequence[Asked]) -> list[DialClaim]:
    """Each of these; switches are locked in their order, whatever order the claims have."""
    made = {at: _claim(connection, clock, asked[at]) for at in sorted(range(len(asked)), key=lambda at: asked[at].of)}
    return [made[at] for at in range(len(asked))]


def _claim(connection: Connection, clock: LedgerClock, asked: Asked) -> DialClaim:
    epoch = rows_of(connection, _locking(connection, _EPOCH), *asked.of)
    at_ms = clock.now_ms(connection)  # after the lock: no claim before this one has a later date
    if epoch != [(asked.epoch,)]:
        return DialClaim([], True, at_ms, None)
    taken = _mark(connection, asked, at_ms, _OPEN_OTHER, (*asked.of, at_ms, asked.ability.source), asked.most)
    nexts: list[int] = []
    for lane in sorted(asked.ability.limits):
        orders, next_ms = _claim_lane(connection, asked, lane, at_ms, asked.most - len(taken))
        taken += orders
        nexts += [] if next_ms is None else [next_ms]
    return DialClaim(sorted(taken, key=_number), False, at_ms, min(nexts, default=None))


def _claim_lane(connection: Connection, asked: Asked, lane: str, at_ms: int, most: int) -> _Lane:
    """The calls of a lane, within its pace and at most so many.

    The window reaches to both sides of now: where the clock was set back, what is dated later counts too.
    """
    a_second = asked.ability.limits[lane]
    if a_second <= 0:
        return _Lane([], None)
    limit, pace_ms = window_of(a_second)
    of_lane = (*asked.of, lane)
    open_now = (*of_lane, at_ms, asked.ability.source)
    sent = [at for (at,) in rows_of(connection, _SENT, *of_lane, at_ms - pace_ms, at_ms + pace_ms)]
    free = min(limit - len(sent), most)
    orders = _mark(connection, asked, at_ms, _OPEN_CALL, open_now, free)
    if len(orders) < free or not rows_of(
        connection, _joined("SELECT 1 FROM dial_orders WHERE", _OPEN_CALL, "LIMIT 1"), *open_now
    ):
        return _Lane(orders, None)
    dates = sorted([*sent, *[at_ms] * len(orders)])
    return _Lane(orders, at_ms if len(dates) < limit else dates[len(dates) - limit] + pace_ms)


def _mark(
    connection: Connection, asked: Asked, at_ms: int, which: str, values: Sequence[object], most: int
) -> list[SentOrder]:
    """Mark the first open orders as sent."""
    if most <= 0:
        return []
    first = _locking(connection, _joined(_FIRST, which, "ORDER BY no LIMIT ?"), skip=True)
    rows = rows_of(connection, _joined(first, ")", _MARK), *values, most, at_ms, asked.epoch)
    return [SentOrder._make(row) for row in rows]


def _locking(connection: Connection, query: str, *, skip: bool = False) -> str:
    if connection.dialect.name == "sqlite":
        return query
    return _joined(query, "FOR UPDATE SKIP LOCKED" if skip else "FOR UPDATE")


def _joined(*parts: str) -> str:
    return " ".join(parts)


def _number(order: SentOrder) -> int:
    return order.no
