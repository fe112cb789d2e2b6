"""What must never be, judged from the switch's own log of what it received and when it rang, and from the ledger."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cti.dial.rows import MAKE_CALL
from cti.dial.tables import orders as dial_orders
from tests.simulation.outbound import book
from tests.simulation.outbound.supervisor import Stop
from tests.simulation.outbound.switch import Arrival

TWICE = "received_twice"
NOT_DIALLED = "received_though_not_dialled"
AFTER_STOP = "received_after_stop"
RINGING = "rang_too_late"
TWO_OWNERS = "received_from_two_owners"
PACE = "faster_than_the_pace"
NO_END = "without_an_end"
OLDER = "sent_by_an_older_subscription"
BROKEN = "history_broken"
REFUSED_EXPIRED = "refused_expired"  # by the switch itself, when it was received
KINDS = (TWICE, NOT_DIALLED, AFTER_STOP, RINGING, TWO_OWNERS, PACE, NO_END, OLDER, BROKEN)

SECOND_MS = 1_000
NEW_OWNER_WAITS_MS = 2_000
REST = (("07:30", "12:30"), ("14:00", "21:00"))  # CB-1, written down here once more: the judge asks nobody
DEBTS = (("08:00", "22:00"),)  # ARR-1


class Violation(NamedTuple):
    kind: str
    what: str


class Ledger(NamedTuple):
    """What is written at the end of a history."""

    orders: Mapping[str, Any]  # rows of dial orders by id
    attempts: Sequence[book.Attempt]
    not_dialled: Mapping[str, str]


class Seen(NamedTuple):
    """Everything that is judged."""

    ledger: Ledger
    arrivals: Sequence[Arrival]
    rings: Sequence[tuple[str, int, int]]
    expired: frozenset[str]  # refused by the switch as expired: it certainly called nobody for these
    stops: Sequence[Stop]
    owners: Mapping[int, int]  # each taking of the lane -> when
    pace: int
    older_sent: Sequence[str]
    two_calls: Sequence[str]


def read(connection: Connection) -> Ledger:
    rows = {row.id: row for row in connection.execute(select(dial_orders))}
    noted = {row.order_id: row.why for row in connection.execute(select(book.not_dialled))}
    return Ledger(rows, book.read(connection)[0], noted)


def violations(seen: Seen) -> list[Violation]:
    return [
        *_twice(seen),
        *_not_dialled(seen),
        *_after_stop(seen),
        *_ringing(seen),
        *_two_owners(seen),
        *_pace(seen),
        *_no_end(seen),
        *(Violation(OLDER, what) for what in seen.older_sent),
    ]


def _attempt_of(order_id: str) -> str:
    return order_id.split(".", maxsplit=1)[0]


def _owner_of(order_id: str) -> int:
    return int(order_id.split(".")[2])


def _twice(seen: Seen) -> Iterator[Violation]:
    """An order comes in once; of an attempt one order, apart from those that the switch refused as expired."""
    for order_id, times in Counter(one.order_id for one in seen.arrivals).items():
        if times > 1:
            yield Violation(TWICE, f"{order_id} {times} times")
    of_attempt: dict[str, set[str]] = defaultdict(set)
    for one in seen.arrivals:
        if one.order_id not in seen.expired:
            of_attempt[_attempt_of(one.order_id)].add(one.order_id)
    for attempt, taken in of_attempt.items():
        if len(taken) > 1:
            yield Violation(TWICE, f"{attempt}: {sorted(taken)}")
    for order_id in seen.two_calls:
        yield Violation(TWICE, f"{order_id} has two calls")


def _not_dialled(seen: Seen) -> Iterator[Violation]:
    for one in seen.arrivals:
        why = seen.ledger.not_dialled.get(one.order_id)
        by_the_switch = why == REFUSED_EXPIRED and one.order_id in seen.expired
        if why is not None and not by_the_switch:
            yield Violation(NOT_DIALLED, f"{one.order_id} is not dialled ({why}), and was received")


def _after_stop(seen: Seen) -> Iterator[Violation]:
    for stop in seen.stops:
        for one in seen.arrivals:
            within = one.at_ms > stop.since_ms and (stop.until_ms is None or one.at_ms < stop.until_ms)
            if within and (stop.orders is None or one.order_id in stop.orders):
                yield Violation(AFTER_STOP, f"{one.order_id} {one.at_ms - stop.since_ms} ms after a {stop.what}")


def _ringing(seen: Seen) -> Iterator[Violation]:
    """In true time, whatever the switch's clock says."""
    zones = {one.name: one.zones for one in seen.ledger.attempts}
    for order_id, from_ms, to_ms in seen.rings:
        row = seen.ledger.orders.get(order_id)
        if row is None:
            yield Violation(RINGING, f"{order_id} rang, and nobody has ordered it")
            continue
        until_ms = datetime.fromisoformat(json.loads(row.body)["ring_until"]).timestamp() * 1000
        if to_ms > until_ms:
            yield Violation(RINGING, f"{order_id} rang {to_ms - until_ms} ms after its ring_until")
        for zone in zones[_attempt_of(order_id)].split(","):
            if not (is_open(from_ms, zone) and is_open(max(to_ms - 1, from_ms), zone)):
                yield Violation(RINGING, f"{order_id} rang outside the hours of {zone}")


def is_open(at_ms: float, zone: str) -> bool:
    """Whether this instant is in the rest hours, and in those for debts."""
    time = f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)):%H:%M}"
    return all(any(opens <= time < closes for opens, closes in hours) for hours in (REST, DEBTS))


def _two_owners(seen: Seen) -> Iterator[Violation]:
    """Once an owner's order has come in, none of an earlier one does; and none before the new owner's two seconds."""
    newest = 0
    for one in seen.arrivals:
        owner = _owner_of(one.order_id)
        if owner < newest:
            yield Violation(TWO_OWNERS, f"{one.order_id} of owner {owner}, after one of owner {newest}")
        newest = max(newest, owner)
        if one.at_ms < seen.owners[owner] + NEW_OWNER_WAITS_MS:
            yield Violation(TWO_OWNERS, f"{one.order_id} {one.at_ms - seen.owners[owner]} ms after the lane was taken")


def _pace(seen: Seen) -> Iterator[Violation]:
    """In every sliding second, by what the ledger says of when orders were sent."""
    rows = seen.ledger.orders.values()
    sent = sorted(row.sent_at_ms for row in rows if row.command == MAKE_CALL and row.sent_at_ms is not None)
    for first, last in zip(sent, sent[seen.pace :], strict=False):
        if last - first < SECOND_MS:
            yield Violation(PACE, f"{seen.pace + 1} orders within {last - first} ms")


def _no_end(seen: Seen) -> Iterator[Violation]:
    for attempt in seen.ledger.attempts:
        if attempt.state != "final" or attempt.outcome is None:
            yield Violation(NO_END, f"{attempt.name} is {attempt.state}")
    for row in seen.ledger.orders.values():
        if row.state in {"open", "sent"}:
            yield Violation(NO_END, f"{row.id} is {row.state}")
