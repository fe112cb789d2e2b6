"""What a dialling process decides in a turn, from what it has read: pure, by the product's own judges of silence, hours
and pace."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from campaigns.core import calling_hours, pacing
from cti.dial import silence
from cti.dial.rows import MAKE_CALL, DialFact, DialOrderRow, OrderState, SwitchStanding
from tests.campaigns.shipped import SHANGHAI, hours
from tests.scheduler import TENANT
from tests.simulation.outbound.book import LANE, Attempt, Lane

VALID_MS = 2_000  # an order's life: what a former owner of the lane made is over when the new one begins
ASK_VALID_MS = 10_000
WORD_OLD_MS = 15_000  # without a word of the switch for so long nothing is dialled
RING_TIMEOUT_S = 30


class Reading(NamedTuple):
    """What a turn has read."""

    standing: SwitchStanding
    orders: Sequence[OrderState]
    facts: Sequence[DialFact]
    attempts: Sequence[Attempt]
    lane: Lane


class Owner(NamedTuple):
    """The process that decides. `number`: of this taking of the lane. `slots`: sent_at of its orders of late, by
    id; None: not sent.
    """

    number: int
    taken_over_ms: int
    slots: Mapping[str, int | None]
    clock_believed: bool
    calls_per_second: int
    switch: str


@dataclass
class Plan:
    """What one transaction is to do."""

    lane: Lane
    changed: list[Attempt] = field(default_factory=list)
    settled: list[OrderState] = field(default_factory=list)
    acknowledged: list[DialFact] = field(default_factory=list)
    put: list[DialOrderRow] = field(default_factory=list)
    not_dialled: list[tuple[str, str]] = field(default_factory=list)
    two_calls: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.settled or self.acknowledged or self.put)


def decided(read: Reading, owner: Owner) -> Plan:
    plan = Plan(lane=read.lane)
    by_id = {one.order.id: one for one in read.orders}
    facts: dict[str, list[DialFact]] = {}
    for fact in read.facts:
        facts.setdefault(fact.commandid, []).append(fact)
    under_way = {one.order_id for one in read.attempts if one.state == "open"}
    for order in read.orders:  # questions about what is settled, and orders that nobody waits for
        about = order.order.about if order.order.about is not None else order.order.id
        if about not in under_way:
            plan.settled.append(order)
    plan.acknowledged += [fact for fact in read.facts if fact.commandid not in under_way]
    for attempt in read.attempts:
        if attempt.state == "open" and attempt.order_id in by_id:
            _judge(plan, read, owner, attempt, by_id[attempt.order_id], facts.get(attempt.order_id, []))
    plan.put += _new_orders(plan, read, owner)
    return plan


def _judge(
    plan: Plan, read: Reading, owner: Owner, attempt: Attempt, order: OrderState, facts: Sequence[DialFact]
) -> None:
    """What has become of the order under way."""
    asks = [one for one in read.orders if one.order.about == order.order.id]
    now_ms = read.standing.at_ms
    judged = silence.judge(order, asks, facts, read.standing.word, now_ms)
    if isinstance(judged, silence.NeverRang):
        plan.not_dialled.append((order.order.id, judged.why))
        state, outcome = ("final", "stopped") if attempt.stopped else ("waiting", None)
        plan.changed.append(attempt._replace(state=state, outcome=outcome, order_id=None))
    elif isinstance(judged, silence.AskNow) or (isinstance(judged, silence.Unknown) and judged.ask_again):
        ask = attempt._replace(asks=attempt.asks + 1)
        plan.changed.append(ask)
        plan.put.append(_question(ask, order, owner, now_ms))
        return
    elif (outcome := _outcome(judged)) is not None:
        if isinstance(judged, silence.TwoCalls):
            plan.two_calls.append(order.order.id)
        plan.changed.append(attempt._replace(state="final", outcome=outcome))
    else:
        return
    plan.settled += [order, *asks]
    plan.acknowledged += facts


def _outcome(judged: silence.Judged) -> str | None:
    """The end of an attempt; None: it goes on."""
    if isinstance(judged, silence.Refused):
        return f"refused:{judged.reason}"
    if isinstance(judged, silence.CallEnded):
        return "ended" if judged.fact is not None else "ended by the answer"
    if isinstance(judged, silence.TwoCalls):
        return "two calls"
    return "unknown" if isinstance(judged, silence.Unknown) and judged.final else None


# -- orders ------------------------------------------------------------------------------------------------------------


def _question(attempt: Attempt, order: OrderState, owner: Owner, now_ms: int) -> DialOrderRow:
    id_ = f"{order.order.id}.q{attempt.asks}.{owner.number}"
    return _row(id_, owner, "snapshotCall", now_ms, now_ms + ASK_VALID_MS, about=order.order.id)


def _new_orders(plan: Plan, read: Reading, owner: Owner) -> Iterator[DialOrderRow]:
    """As many as the pace has room for, of those that may be called now."""
    now_ms = read.standing.at_ms
    if read.lane.frozen or not owner.clock_believed or not _may_be_dialled_on(read.standing):
        return
    slots = tuple(pacing.Slot(sent_at_ms) for sent_at_ms in owner.slots.values())
    live = sum(one.state == "open" for one in read.attempts)
    pace = pacing.Pace(owner.calls_per_second, 50)
    room = pacing.room(pace, pacing.Lane(slots, live, owner.taken_over_ms), now_ms)
    for attempt in read.attempts:
        if room == 0:
            return
        if attempt.state != "waiting" or attempt.stopped:
            continue
        answer = calling_hours.judge(hours(), asked(attempt.zones), now_ms)
        if isinstance(answer, calling_hours.Open):
            room -= 1
            made = attempt._replace(
                state="open", tries=attempt.tries + 1, order_id=f"{attempt.name}.{attempt.tries + 1}.{owner.number}"
            )
            plan.changed.append(made)
            yield _call(made, owner, now_ms, answer)


def asked(zones: str) -> calling_hours.Asked:
    """An arrears call to somebody in these zones: the rest hours and the kind's."""
    return calling_hours.Asked("arrears", "resident", tuple(zones.split(",")), RING_TIMEOUT_S * 1000, zone=SHANGHAI)


def _may_be_dialled_on(standing: SwitchStanding) -> bool:
    word = standing.word
    return standing.alive and word is not None and word.trusted and word.word_at_ms > standing.at_ms - WORD_OLD_MS


def _call(attempt: Attempt, owner: Owner, now_ms: int, answer: calling_hours.Open) -> DialOrderRow:
    assert attempt.order_id is not None
    more = {
        "to": attempt.number, "trunk_group": LANE, "ring_timeout_s": RING_TIMEOUT_S,
        "ring_until": text_of(answer.ring_until_ms), "answering_machine": "detect",
        "on_answer": {"opening": {"zh": "您好"}, "body": {"zh": "电费"}},
    }  # fmt: skip
    expires_ms = min(now_ms + VALID_MS, answer.dial_before_ms)
    return _row(attempt.order_id, owner, MAKE_CALL, now_ms, expires_ms, **more)


def _row(
    id_: str, owner: Owner, command: str, now_ms: int, expires_ms: int, about: str | None = None, **more: object
) -> DialOrderRow:
    body = {"id": id_, "command": command, "tenant": TENANT, "switch": owner.switch, "issued_at": text_of(now_ms)}
    body |= {"expires_at": text_of(expires_ms), **more} | ({} if about is None else {"about": about})
    source = f"/switches/{owner.switch}"
    return DialOrderRow(id_, TENANT, owner.switch, source, LANE, command, about, json.dumps(body), now_ms, expires_ms)


def text_of(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
