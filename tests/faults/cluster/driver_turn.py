"""One turn of the driver, decided: from what was read to what is to be written. Pure.

The rules of a dialler: only what certainly never rang is decided anew, at once; a silent order is asked about; what
nobody knows is held, and never dialled again on a guess. Facts are merged: one may come twice, or late.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cti.dial import silence
from cti.dial.rows import CALL_COMMANDS, DialFact, OrderState, SwitchStanding
from tests.faults.cluster.order_judge import ENDED, NOT_DIALLED, REFUSED, TWO_CALLS, UNKNOWN

OPEN_MAX = 60  # orders of a lane that wait to be sent: more would only expire


class End(NamedTuple):
    """What became of an order."""

    end: str
    why: str


class Kept(NamedTuple):
    """An order of the driver's own table that has no end yet."""

    id: str
    attempt: str
    facts: str  # JSON: the latest of each call


class Lane(NamedTuple):
    """A lane's row."""

    lane: str
    quota: int  # orders that it makes in all
    made: int
    attempts: int
    wanted: str  # run | stop
    standing: str  # running | stopping | stopped
    finishing: int  # 1: what is unknown counts as ended

    @property
    def running(self) -> bool:
        return self.wanted == "run" and self.standing == "running"


@dataclass(frozen=True, slots=True)
class Read:
    """What one turn knows; `standing` was read before all else, so that its word says nothing that is not here."""

    standing: SwitchStanding
    lane: Lane
    kept: Mapping[str, Kept]
    orders: Sequence[OrderState]
    facts: Sequence[DialFact]


@dataclass(slots=True)
class Plan:
    """What one transaction writes. `ends` holds only for what it settles."""

    lane: Lane
    fresh: int = 0  # orders to be made
    settle: list[OrderState] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    ask: list[tuple[str, int]] = field(default_factory=list)  # (order, how often it was asked about before)
    facts: dict[str, str] = field(default_factory=dict)
    acknowledge: Sequence[DialFact] = ()

    @property
    def empty(self) -> bool:
        return not (self.fresh or self.settle or self.ask or self.acknowledge)


def decide(read: Read, due: int) -> Plan:
    """`due`: how many orders the pace allows now."""
    plan = Plan(read.lane, acknowledge=read.facts)
    merged = _merged(read.kept, read.facts)
    plan.facts = {one: _text(merged[one]) for one in {fact.commandid for fact in read.facts} & merged.keys()}
    for order in read.orders:
        if order.order.command in CALL_COMMANDS and order.order.id in read.kept:
            asks = [ask for ask in read.orders if ask.order.about == order.order.id]
            _judge(plan, read, order, asks, merged[order.order.id])
    calls = [order for order in read.orders if order.order.command in CALL_COMMANDS]
    waiting = sum(order.state == "open" and order.order.id not in plan.ends for order in calls)
    if read.standing.alive and read.lane.running:
        plan.fresh = max(0, min(due, read.lane.quota - read.lane.made, OPEN_MAX - waiting))
    return plan


def _judge(
    plan: Plan, read: Read, order: OrderState, asks: Sequence[OrderState], facts: Sequence[DialFact]
) -> None:  # fmt: skip
    judged = silence.judge(order, asks, facts, read.standing.word, read.standing.at_ms)
    end = _end_of(judged, len(asks), finishing=bool(read.lane.finishing))
    if end is not None:
        plan.settle += [order, *asks]
        plan.ends[order.order.id] = end
    elif isinstance(judged, silence.AskNow) or (isinstance(judged, silence.Unknown) and judged.ask_again):
        plan.ask.append((order.order.id, len(asks)))


def _end_of(judged: silence.Judged, asked: int, *, finishing: bool) -> End | None:
    match judged:
        case silence.NeverRang(why):
            return End(NOT_DIALLED, why)
        case silence.Refused(reason):
            return End(REFUSED, reason)
        case silence.CallEnded(fact, _):
            return End(ENDED, "answer" if fact is None else "fact")
        case silence.TwoCalls(facts):
            return End(TWO_CALLS, ", ".join(fact.call_id for fact in facts))
        case silence.Unknown(final) if final or finishing:
            return End(UNKNOWN, f"no result, no fact, no answer to {asked} questions")
        case _:
            return None


def _merged(kept: Mapping[str, Kept], said: Sequence[DialFact]) -> dict[str, list[DialFact]]:
    """The latest fact of each call, by order; what is of no order without an end is only acknowledged."""
    merged = {one.id: [DialFact._make(row) for row in json.loads(one.facts)] for one in kept.values()}
    for fact in said:
        if fact.commandid in merged:
            of_order = {(one.call_id, one.incarnation): one for one in merged[fact.commandid]}
            before = of_order.get((fact.call_id, fact.incarnation))
            if before is None or before.revision <= fact.revision:
                of_order[fact.call_id, fact.incarnation] = fact._replace(record=None)
            merged[fact.commandid] = list(of_order.values())
    return merged


def _text(facts: Sequence[DialFact]) -> str:
    return json.dumps(facts)
