"""Subscriptions to dial orders: the newest of each switch, by its epoch, and until when it lives."""

from collections.abc import Sequence

from sqlalchemy import Connection

from cti.dial.clock import LedgerClock
from cti.sql.point import rows_of

Of = tuple[str, str]
"""(tenant, switch)"""
Subscription = tuple[str, str, int]
"""(tenant, switch, epoch)"""

_SUBSCRIBE = (
    "INSERT INTO dial_streams (tenant, switch, epoch, alive_until_ms) VALUES (?, ?, 1, ?)"
    " ON CONFLICT (tenant, switch) DO UPDATE SET epoch = dial_streams.epoch + 1,"
    " alive_until_ms = excluded.alive_until_ms RETURNING epoch"
)
_PROLONG = "UPDATE dial_streams SET alive_until_ms = ? WHERE tenant = ? AND switch = ? AND epoch = ? RETURNING epoch"
# The epoch rises: a claim of this subscription that is still under way gets nothing.
_LEAVE = (
    "UPDATE dial_streams SET epoch = epoch + 1, alive_until_ms = ? WHERE tenant = ? AND switch = ? AND epoch = ?"
    " RETURNING epoch"
)
_RESUME = (
    "UPDATE dial_streams SET epoch = epoch + 1, alive_until_ms = ?"
    " WHERE tenant = ? AND switch = ? AND alive_until_ms <= ? RETURNING epoch"
)
_STREAM = "SELECT epoch, alive_until_ms FROM dial_streams WHERE tenant = ? AND switch = ?"


def subscribe(connection: Connection, clock: LedgerClock, asked: Sequence[Of]) -> list[int]:
    """The new epoch of each; rows are locked in the order of switches."""
    epochs = {at: _subscribe(connection, clock, asked[at]) for at in _in_order(asked)}
    return [epochs[at] for at in range(len(asked))]


def _subscribe(connection: Connection, clock: LedgerClock, of: Of) -> int:
    alive_until_ms = clock.now_ms(connection) + clock.alive_ms
    return int(rows_of(connection, _SUBSCRIBE, *of, alive_until_ms)[0][0])


def resume(connection: Connection, clock: LedgerClock, asked: Sequence[Of]) -> list[int | None]:
    """The new epoch of each whose newest has not lived for a while; None: it lives, or may come again."""
    now_ms = clock.now_ms(connection)
    found = {at: _resume(connection, asked[at], now_ms, clock.alive_ms) for at in _in_order(asked)}
    return [found[at] for at in range(len(asked))]


def _resume(connection: Connection, of: Of, now_ms: int, alive_ms: int) -> int | None:
    rows = rows_of(connection, _RESUME, now_ms + alive_ms, *of, now_ms - alive_ms)
    return int(rows[0][0]) if rows else None


def prolong(connection: Connection, clock: LedgerClock, asked: Sequence[Subscription]) -> list[bool]:
    """Whether each is still the newest."""
    until_ms = clock.now_ms(connection) + clock.alive_ms
    found = {at: bool(rows_of(connection, _PROLONG, until_ms, *asked[at])) for at in _in_order(asked)}
    return [found[at] for at in range(len(asked))]


def leave(connection: Connection, clock: LedgerClock, asked: Sequence[Subscription]) -> list[None]:
    """End each that is still the newest."""
    now_ms = clock.now_ms(connection)
    for at in _in_order(asked):
        rows_of(connection, _LEAVE, now_ms, *asked[at])
    return [None] * len(asked)


def stream(connection: Connection, tenant: str, switch: str) -> tuple[int, int]:
    """(epoch, alive_until_ms) of the newest; zeros: there was none."""
    found = rows_of(connection, _STREAM, tenant, switch)
    return (found[0][0], found[0][1]) if found else (0, 0)


def _in_order(asked: Sequence[Of] | Sequence[Subscription]) -> list[int]:
    return sorted(range(len(asked)), key=lambda at: asked[at][:2])
