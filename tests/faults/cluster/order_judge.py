"""The judgement of a trial of dial orders, by what the switch has received. Pure.

The switch remembers nothing, so whatever reached it twice would ring twice. An order that came after its own expiry,
and that the switch refused for that, rang nobody: it is counted by itself. Such a one may come where a gateway is
stopped between its look at the clock and the first byte.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

NOT_DIALLED, REFUSED, ENDED, UNKNOWN, TWO_CALLS = "not_dialled", "refused", "ended", "unknown", "two_calls"
EXPIRED_THERE = "refused_expired"  # the reason of a `not_dialled` that the switch itself has given
MUST_BE_0 = (
    "received_twice", "received_after_stop", "received_though_not_dialled", "received_unmade", "orders_without_end",
    "ended_not_received", "placed_twice", "above_pace", "two_calls",
)  # fmt: skip
MUST_NOT_BE_0 = ("received", "claims_refused", "stops_acknowledged", "kills", "stops")


class Received(NamedTuple):
    """A makeCall as it came in; times in ms of the switch's clock, which is the machine's."""

    at_ms: int
    id: str
    lane: str
    expires_at_ms: int


class Heard(NamedTuple):
    """The switch's own log."""

    received: Sequence[Received]
    expired: Collection[str]  # orders that it refused as expired, at once or before it placed the call
    placed: Sequence[str]  # the order of each call that it placed


class Made(NamedTuple):
    """An order as the driver has it."""

    id: str
    attempt: str
    lane: str
    end: str | None
    why: str | None


class Stop(NamedTuple):
    """A lane that was stopped: from its acknowledgement to its resumption (None: never) nothing may come in."""

    lane: str
    acknowledged_at_ms: int
    resumed_at_ms: int | None


class Sent(NamedTuple):
    """A makeCall of the product's table that was marked as sent."""

    lane: str
    sent_at_ms: int


def verdict(
    heard: Heard, made: Sequence[Made], stops: Sequence[Stop], sent: Sequence[Sent], pace: int
) -> dict[str, Any]:
    """`pace`: calls a second of each lane."""
    ids = {one.id for one in heard.received}
    known = {one.id for one in made}
    return {
        "orders": len(made),
        "attempts": len({one.attempt for one in made}),
        "received": len(heard.received),
        "received_twice": _twice(heard, made),
        "received_after_stop": sum(_after_stop(one, stops) for one in heard.received),
        "received_though_not_dialled": sum(_though_not_dialled(one, ids, heard.expired) for one in made),
        "received_unmade": len(ids - known),
        "received_expired": sum(one.at_ms > one.expires_at_ms for one in heard.received),
        "orders_without_end": sum(one.end is None for one in made),
        "ended_not_received": sum(one.end in (ENDED, REFUSED) and one.id not in ids for one in made),
        "placed_twice": _surplus(Counter(_attempts(made).get(one, one) for one in heard.placed)),
        "above_pace": above_pace(sent, pace),
        "two_calls": sum(one.end == TWO_CALLS for one in made),
        "unknown": {one.id: _of_unknown(one, ids) for one in made if one.end == UNKNOWN},
        "stops_acknowledged": len(stops),
        "ends": dict(sorted(Counter(_end_of(one) for one in made).items())),
    }


def _twice(heard: Heard, made: Sequence[Made]) -> int:
    """What came in more often than once: an order, or a second order of an attempt that may have rung already."""
    orders = Counter(one.id for one in heard.received)
    attempts = _attempts(made)
    rang = Counter(attempts[one] for one in orders.keys() - set(heard.expired) if one in attempts)
    return _surplus(orders) + _surplus(rang)


def _surplus(counts: Counter[str]) -> int:
    return sum(count - 1 for count in counts.values())


def _attempts(made: Sequence[Made]) -> Mapping[str, str]:
    return {one.id: one.attempt for one in made}


def _after_stop(one: Received, stops: Sequence[Stop]) -> bool:
    return one.at_ms <= one.expires_at_ms and any(
        stop.lane == one.lane
        and stop.acknowledged_at_ms < one.at_ms
        and (stop.resumed_at_ms is None or one.at_ms < stop.resumed_at_ms)
        for stop in stops
    )


def _though_not_dialled(one: Made, ids: Collection[str], expired: Collection[str]) -> bool:
    if one.end != NOT_DIALLED or one.id not in ids:
        return False
    return one.why != EXPIRED_THERE or one.id not in expired


def above_pace(sent: Sequence[Sent], pace: int) -> int:
    """How often a lane has more than `pace` orders within 1,000 ms of `sent_at`."""
    found = 0
    for lane in {one.lane for one in sent}:
        at_ms = sorted(one.sent_at_ms for one in sent if one.lane == lane)
        found += sum(later - earlier < 1_000 for earlier, later in zip(at_ms, at_ms[pace:], strict=False))
    return found


def _of_unknown(one: Made, ids: Collection[str]) -> str:
    return f"{one.why}; the switch {'has' if one.id in ids else 'has not'} received it"


def _end_of(one: Made) -> str:
    """For the figures: an end, with its reason where that is of a closed list."""
    return f"{one.end} {one.why}" if one.end in (NOT_DIALLED, REFUSED) else str(one.end)


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = [name for name in (*MUST_BE_0, "ended_alone", "stopped_badly") if figures[name]]
    return wrong + [name for name in MUST_NOT_BE_0 if not figures[name]]
