"""Dial orders: made, withdrawn, settled, read; and their results.

An order is `open` until a claim marks it (`sent`, see `claims`) or it is `withdrawn`: whoever comes second finds it in
another state, and changes nothing.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from cti.dial.rows import (
    ASK_AFTER_MS,
    CALL_COMMANDS,
    COMMANDS,
    FINAL_RESULTS,
    MESSAGE_GATEWAY,
    DialOrderRow,
    Kept,
    OrderResult,
    OrderState,
)
from cti.dial.tables import SETTLED, UNSETTLED, orders
from cti.sql.bulk import insertion, slices
from cti.sql.point import rows_of

_ORDER = [orders.c[name] for name in DialOrderRow._fields]
_STATE = [orders.c[name] for name in OrderState._fields[1:]]
_SAID = [orders.c[name] for name in OrderResult._fields[2:-1]]
_STANDING = (
    "SELECT",
    ", ".join(OrderState._fields[1:]),
    "FROM dial_orders WHERE tenant = ? AND switch = ? AND lane = ?",
)
_STANDINGS = " ".join((*_STANDING, "AND state IN ('open', 'sent') AND no > ? ORDER BY no LIMIT ?"))
_SETTLED_AS = {"open": "withdrawn", "sent": "done"}
_insert = insertion(orders, [*_ORDER, orders.c.state], tail="ON CONFLICT (id) DO NOTHING RETURNING id")


def put_orders(connection: Connection, made: Sequence[DialOrderRow]) -> set[str]:
    """Insert what is new, in the order given; the ids of it."""
    for order in made:
        assert order.command in COMMANDS, order.command
        assert (order.about is None) == (order.command in CALL_COMMANDS), order.id
    return {row[0] for row in _insert.returning(connection, [(*order, "open") for order in made])}


def withdraw(connection: Connection, tenant: str, ids: Collection[str]) -> set[str]:
    """Withdraw those that are open; the ids of them."""
    return _change(connection, tenant, ids, "open")


def withdraw_lane(connection: Connection, tenant: str, switch: str, lane: str) -> set[str]:
    """Withdraw what is open of a lane and would reach a person."""
    which = and_(_of_lane(tenant, switch, lane), orders.c.command.in_(sorted(CALL_COMMANDS)))
    return _change_all(connection, which, "open")


def settle(connection: Connection, read: Sequence[OrderState]) -> set[str]:
    """Settle those that are still in the state in which they were read; the ids of them."""
    settled: set[str] = set()
    for state in _SETTLED_AS:
        for tenant in {found.order.tenant for found in read}:
            ids = [found.order.id for found in read if (found.order.tenant, found.state) == (tenant, state)]
            settled |= _change(connection, tenant, ids, state)
    return settled


def _change(connection: Connection, tenant: str, ids: Collection[str], state: str) -> set[str]:
    changed: set[str] = set()
    for some in slices(sorted(ids)):
        changed |= _change_all(connection, and_(orders.c.tenant == tenant, orders.c.id.in_(some)), state)
    return changed


def _change_all(connection: Connection, which: ColumnElement[bool], state: str) -> set[str]:
    """Lock in the order of ids, so that two transactions cannot wait for one another; then change what was locked."""
    unsent = orders.c.sent_at_ms.is_(None) if state == "open" else orders.c.sent_at_ms.is_not(None)
    locked = select(orders.c.id).where(which, UNSETTLED, orders.c.state == state, unsent).order_by(orders.c.id)
    ids = list(connection.scalars(locked.with_for_update()))
    for some in slices(ids):
        connection.execute(update(orders).where(orders.c.id.in_(some)).values(state=_SETTLED_AS[state]))
    return set(ids)


def forget(connection: Connection, tenant: str, ids: Collection[str]) -> int:
    """Blank what was said and answered, of these and of those about them (ID.q1, ID.c1); how many."""
    gone = 0
    for order_id in sorted(ids):
        about = and_(orders.c.id > f"{order_id}.", orders.c.id < f"{order_id}/")
        mine = and_(orders.c.tenant == tenant, SETTLED, or_(orders.c.id == order_id, about))
        gone += connection.execute(update(orders).where(mine).values(body="{}", answer=None)).rowcount
    return gone


def _of_lane(tenant: str, switch: str, lane: str) -> ColumnElement[bool]:
    return and_(orders.c.tenant == tenant, orders.c.switch == switch, orders.c.lane == lane)


def read_orders(
    connection: Connection, tenant: str, switch: str, lane: str, after_no: int, limit: int
) -> list[OrderState]:
    """Those of a lane that are not settled, by number."""
    which = and_(_of_lane(tenant, switch, lane), UNSETTLED, orders.c.no > after_no)
    found = connection.execute(select(*_ORDER, *_STATE).where(which).order_by(orders.c.no).limit(limit))
    return [_state_of(row) for row in found]


def read_standings(
    connection: Connection, tenant: str, switch: str, lane: str, after_no: int, limit: int
) -> list[tuple[Any, ...]]:
    """The same without what never changes: the columns of `OrderState` from `no` on."""
    return rows_of(connection, _STANDINGS, tenant, switch, lane, after_no, limit)


def order(connection: Connection, tenant: str, order_id: str) -> OrderState | None:
    """An order as it stands; None: the tenant has none of that id."""
    found = connection.execute(select(*_ORDER, *_STATE).where(orders.c.tenant == tenant, orders.c.id == order_id))
    row = found.first()
    return None if row is None else _state_of(row)


def _state_of(row: Any) -> OrderState:
    return OrderState(DialOrderRow._make(row[: len(_ORDER)]), *row[len(_ORDER) :])


def any_may_leave(connection: Connection, tenant: str, ids: Collection[str], now_ms: int) -> bool:
    """Whether one of these may still reach a person."""
    which = (and_(orders.c.tenant == tenant, orders.c.id.in_(some)) for some in slices(list(ids)))
    return any(_may_leave(connection, some, now_ms) for some in which)


def lane_may_leave(connection: Connection, tenant: str, switch: str, lane: str, now_ms: int) -> bool:
    """The same of what would reach a person on a lane."""
    calls = orders.c.command.in_(sorted(CALL_COMMANDS))
    return _may_leave(connection, and_(_of_lane(tenant, switch, lane), calls), now_ms)


def _may_leave(connection: Connection, which: ColumnElement[bool], now_ms: int) -> bool:
    """An order without a final result, which did not expire 5 s ago. An open one counts too: clocks differ."""
    undecided = or_(orders.c.result.is_(None), orders.c.result.not_in(sorted(FINAL_RESULTS)))
    waiting = and_(which, UNSETTLED, undecided, orders.c.expires_at_ms > now_ms - ASK_AFTER_MS)
    return bool(connection.scalar(select(exists().where(waiting))))


def awaited_sources(connection: Connection) -> list[tuple[str, str]]:
    """(tenant, source) of the switches with an order that is not settled."""
    which = and_(UNSETTLED, orders.c.switch != MESSAGE_GATEWAY)
    found = connection.execute(select(orders.c.tenant, orders.c.source).where(which).distinct())
    return sorted((tenant, source) for tenant, source in found)


def count_unsettled(connection: Connection, before_ms: int) -> int:
    """How many orders expired before and are not settled."""
    old = select(func.count()).select_from(orders).where(UNSETTLED, orders.c.expires_at_ms < before_ms)
    return int(connection.execute(old).scalar_one())


def set_result(connection: Connection, given: OrderResult) -> Kept:
    """Keep a result of an order that was sent; the first final one stands."""
    mine = and_(orders.c.tenant == given.tenant, orders.c.id == given.id)
    row = connection.execute(select(orders.c.sent_at_ms, *_SAID).where(mine).with_for_update()).first()
    if row is None:
        return "not_found"
    sent_at_ms, *said = row
    if sent_at_ms is None:
        return "not_sent"
    new = given[2:-1]
    if said[0] in FINAL_RESULTS:
        return "same" if tuple(said) == new or given.result not in FINAL_RESULTS else "contradiction"
    if said[0] == given.result:  # accepted twice
        return "same"
    values = dict(zip([column.name for column in _SAID], new, strict=True)) | {"result_at_ms": given.at_ms}
    connection.execute(update(orders).where(mine).values(values))
    return "kept"
