"""The driver's own tables, and its transactions: what it writes there and what it orders stand or fall together."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text, update

from cti.core.times import rfc3339
from cti.dial.ports import DialOrders
from cti.dial.rows import MAKE_CALL, DialOrderRow
from cti.errors import RingbackError
from cti.leases.sql import hold
from cti.sql import columns
from tests.faults.cluster.driver_turn import End, Kept, Lane, Plan
from tests.faults.cluster.order_judge import NOT_DIALLED, Made, Stop

GROUP = "faults-drivers"
TENANT, SWITCH = "faults", "dialled"
SOURCE = f"/switches/{SWITCH}"
LOCK_MS = 50
RING_S, ASK_VALID_MS = 3, 3_000
PAGE = 1_000

metadata = MetaData()
lanes = Table(
    "driver_lanes", metadata, columns.text("lane", key=True), columns.whole("quota"), columns.whole("made"),
    columns.whole("attempts"), columns.text("wanted"), columns.text("standing"), columns.whole("finishing"),
)  # fmt: skip
# `redo`: 1 where the attempt is to be decided anew.
orders = Table(
    "driver_orders", metadata, columns.text("id", key=True), columns.text("attempt"), columns.text("lane"),
    columns.text("end", optional=True), columns.text("why", optional=True), columns.text("facts"),
    columns.whole("redo"),
)  # fmt: skip
stops = Table(
    "driver_stops", metadata, columns.text("lane", key=True), columns.whole("acknowledged_at_ms", key=True),
    columns.whole("resumed_at_ms", optional=True),
)  # fmt: skip
failed = Table("driver_failed", metadata, columns.text("driver"), columns.text("why"))


class Stale(RingbackError):
    """The lane's row is not as it was read; nothing was written."""


# -- reading -----------------------------------------------------------------------------------------------------------


def read_lane(connection: Connection, lane: str) -> tuple[Lane, dict[str, Kept]]:
    """The lane, and its orders without an end."""
    row = Lane._make(connection.execute(select(lanes).where(lanes.c.lane == lane)).one())
    mine = orders.c.lane == lane, orders.c.end.is_(None)
    found = connection.execute(select(orders.c.id, orders.c.attempt, orders.c.facts).where(*mine))
    return row, {one.id: Kept._make(one) for one in found}


def read_made(connection: Connection) -> list[Made]:
    wanted = (orders.c.id, orders.c.attempt, orders.c.lane, orders.c.end, orders.c.why)
    return [Made._make(row) for row in connection.execute(select(*wanted).order_by(orders.c.id))]


def read_stops(connection: Connection) -> list[Stop]:
    return [Stop._make(row) for row in connection.execute(select(stops).order_by(stops.c.acknowledged_at_ms))]


def read_failed(connection: Connection) -> dict[str, int]:
    """How many turns failed, by the reason."""
    found = connection.execute(select(failed.c.why, func.count()).group_by(failed.c.why))
    return {row[0]: row[1] for row in found}


# -- a turn ------------------------------------------------------------------------------------------------------------


class Book:
    """A driver's transactions. `expiry_ms`: how long an order is good for."""

    def __init__(self, dial: DialOrders, expiry_ms: int) -> None:
        self._dial, self._expiry_ms = dial, expiry_ms

    def write(self, connection: Connection, given: Sequence[tuple[Plan, int]]) -> Sequence[int]:
        """Plans under the epoch of their lane; how many calls were ordered. Raises Stale, `Fenced`, `NoDialStream`."""
        return [self._write(connection, plan, epoch) for plan, epoch in given]

    def _write(self, connection: Connection, plan: Plan, epoch: int) -> int:
        lane = plan.lane
        _begin(connection, lane)
        settled = self._dial.settle(connection, plan.settle)
        _end(connection, {one: end for one, end in plan.ends.items() if one in settled})
        now_ms = self._dial.now_ms(connection)
        self._dial.put(connection, [_question(lane.lane, one, times, now_ms) for one, times in plan.ask])
        made = self._order(connection, lane, plan.fresh, now_ms)
        for one, facts in plan.facts.items():
            connection.execute(update(orders).where(orders.c.id == one).values(facts=facts))
        self._dial.acknowledge(connection, plan.acknowledge)
        hold(connection, GROUP, {lane.lane: epoch})
        return made

    def _order(self, connection: Connection, lane: Lane, count: int, now_ms: int) -> int:
        """Attempts that are decided anew first, then new ones."""
        if not count:
            return 0
        wanted = select(orders).where(orders.c.lane == lane.lane, orders.c.redo == 1).order_by(orders.c.id).limit(count)
        redone = connection.execute(wanted).all()
        new = [f"{lane.lane}-{lane.attempts + place}" for place in range(count - len(redone))]
        made = [(f"{row.attempt}.{_tries(row.id) + 1}", row.attempt) for row in redone]
        made += [(f"{attempt}.1", attempt) for attempt in new]
        self._dial.put(connection, [self._call(lane.lane, *one, now_ms) for one in made])
        rows = [{"id": id_, "attempt": attempt, "lane": lane.lane, "facts": "[]", "redo": 0} for id_, attempt in made]
        connection.execute(insert(orders), rows)
        old = [row.id for row in redone]
        connection.execute(update(orders).where(orders.c.id.in_(old)).values(redo=0))
        changed = {"made": lane.made + count, "attempts": lane.attempts + len(new)}
        connection.execute(update(lanes).where(lanes.c.lane == lane.lane).values(**changed))
        return count

    def _call(self, lane: str, id_: str, attempt: str, now_ms: int) -> DialOrderRow:
        body: dict[str, Any] = {
            "to": number_of(attempt), "trunk_group": lane, "attempt": 1, "ring_timeout_s": RING_S,
            "ring_until": rfc3339(now_ms + 3_600_000),
        }  # fmt: skip
        return _row(lane, id_, MAKE_CALL, None, body, now_ms, self._expiry_ms)

    def stop(self, connection: Connection, given: Sequence[tuple[Lane, int]]) -> Sequence[None]:
        """Withdraw what is open of a lane: from here on none of its orders is made."""
        for lane, epoch in given:
            _begin(connection, lane)
            gone = self._dial.withdraw_lane(connection, TENANT, SWITCH, lane.lane)
            _end(connection, {one: End(NOT_DIALLED, "withdrawn") for one in gone})
            connection.execute(update(lanes).where(lanes.c.lane == lane.lane).values(standing="stopping"))
            hold(connection, GROUP, {lane.lane: epoch})
        return [None] * len(given)

    def stopped(self, connection: Connection, given: Sequence[tuple[Lane, int]]) -> Sequence[None]:
        """Its stop was acknowledged."""
        for lane, epoch in given:
            _begin(connection, lane)
            now_ms = self._dial.now_ms(connection)
            connection.execute(insert(stops).values(lane=lane.lane, acknowledged_at_ms=now_ms))
            connection.execute(update(lanes).where(lanes.c.lane == lane.lane).values(standing="stopped"))
            hold(connection, GROUP, {lane.lane: epoch})
        return [None] * len(given)


def _begin(connection: Connection, lane: Lane) -> None:
    """Lock the lane's row. Raises Stale."""
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_MS}"))
    found = connection.execute(select(lanes).where(lanes.c.lane == lane.lane).with_for_update())
    if Lane._make(found.one()) != lane:
        raise Stale


def _end(connection: Connection, ends: dict[str, End]) -> None:
    for one, (end, why) in sorted(ends.items()):
        values = {"end": end, "why": why, "redo": int(end == NOT_DIALLED)}
        connection.execute(update(orders).where(orders.c.id == one, orders.c.end.is_(None)).values(**values))


def _question(lane: str, about: str, times: int, now_ms: int) -> DialOrderRow:
    return _row(lane, f"{about}?{times + 1}", "snapshotCall", about, {"about": about}, now_ms, ASK_VALID_MS)


def _row(
    lane: str, id_: str, command: str, about: str | None, more: dict[str, Any], now_ms: int, valid_ms: int
) -> DialOrderRow:
    body = {"command": command, "id": id_, "tenant": TENANT, "switch": SWITCH, **more}
    body |= {"issued_at": rfc3339(now_ms), "expires_at": rfc3339(now_ms + valid_ms)}
    return DialOrderRow(
        id_, TENANT, SWITCH, SOURCE, lane, command, about, json.dumps(body), now_ms, now_ms + valid_ms
    )  # fmt: skip


def _tries(order_id: str) -> int:
    return int(order_id.rpartition(".")[2])


def number_of(attempt: str) -> str:
    """Each attempt calls a number of its own."""
    lane, _, number = attempt.rpartition("-")
    return f"+86138{sum(lane.encode()) % 1_000:03}{int(number):05}"


def failed_turn(connection: Connection, given: Sequence[tuple[str, str]]) -> Sequence[None]:
    """Note (driver, why)."""
    connection.execute(insert(failed), [{"driver": driver, "why": why} for driver, why in given])
    return [None] * len(given)
