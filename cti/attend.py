"""Timers become interventions: what is due for a call is ordered, or counted as overtaken.

Whether a timer may fire is `core.clocks`; when it is due, and what it orders, `core.rules` and `core.effects`.
Usefulness is judged by the
log's clock now, so an engine that reads on after a stop orders nothing stale.
"""

import heapq

from cti.core import effects
from cti.core.dues import dues
from cti.core.facts import LOST, Fact
from cti.core.rules import Due, Intervention
from cti.gathering import Gathering
from cti.live_calls import Key, LiveCall, replaced
from schemas.reasons import FINAL_STATES

ROUNDS_OF_TICKS_MAX = 50  # ticks of one call that are settled at one look
DISTRUST_RECHECK_MS = 1_000
UNANSWERED_AFTER_MS = 2_000  # contract, Commands: no result 2 s after the expiry


def attend(work: Gathering, key: Key, live: LiveCall) -> None:
    """Settle what is due for the call and schedule the next look; `live` is the caller's own copy."""
    if not work.interventions_on:
        return
    next_ms = _settle(work, key, live)
    if next_ms is None or not isinstance(key, int):
        return
    if live.scheduled_ms is None or next_ms < live.scheduled_ms:
        live.source.look_at(next_ms, key)
        live.scheduled_ms = next_ms


def _settle(work: Gathering, key: Key, live: LiveCall) -> int | None:
    """Settle all that can be settled; when the first of the rest is due."""
    call, source = live.call, live.source
    partition_ms = work.partition_ms[live.partition]
    now = source.clock.now_ms(partition_ms)
    if now is None:
        return None
    book = source.rules(call.queue, call.opening.direction)
    trusted, next_ms = source.clock.trusted(partition_ms), None
    for _ in range(ROUNDS_OF_TICKS_MAX):
        next_ms, again = None, False
        for due in dues(call, book, live.done, now):
            one = _decided(work, live, due, now, trusted)
            if one is None:
                wake = due.due_ms if due.due_ms >= now else int(now) + DISTRUST_RECHECK_MS
                next_ms = wake if next_ms is None else min(next_ms, wake)
                continue
            if one.state == "open":
                heapq.heappush(work.deadlines, (one.expires_ms + UNANSWERED_AFTER_MS, one.id, key))
            live.done = (*live.done, one)
            again = again or due.rule.shape == "while"  # a tick has a next one; what happens once has none
        if not again:
            break
    return next_ms


def _decided(work: Gathering, live: LiveCall, due: Due, now: float, trusted: bool) -> Intervention | None:
    """What is done about one occurrence now; None: nothing yet."""
    tenant = live.source.tenant
    transition = due.rule.shape == "on" or due.n == 0
    if not due.passed and not transition and due.due_ms >= now:
        return None
    clock_now = work.now_ms - (live.source.clock.lag_ms or 0)
    late = clock_now - due.due_ms > due.rule.useful_ms
    if due.passed or late or (transition and not trusted):
        return work.note(live, effects.overtaken(due, tenant, live.call_id))
    if not trusted:
        return None
    order = effects.order(due, tenant, live.call_id, work.book.profile)
    if order is None:
        return work.note(live, effects.overtaken(due, tenant, live.call_id)._replace(reason="notSupported"))
    return work.issue(live, order)


def answered(work: Gathering, key: Key, live: LiveCall, fact: Fact) -> bool:
    """A switch's answer to a command: the intervention moves, and after some refusals the chain goes on.

    `live` is the caller's own copy. False: the call knows no such command.
    """
    data = fact.data
    found = next((one for one in live.done if one.id == data["commandid"]), None)
    if found is None:
        return False
    if found.state in FINAL_STATES or found.state == data["state"]:
        return True
    one = found._replace(state=data["state"], reason=data.get("reason"))
    work.outcome(one, fact.at_ms)
    live.done = replaced(live.done, one)
    if one.state == "refused" and one.reason in effects.GOES_ON and work.interventions_on:
        _next_step(work, key, live, one)
    return True


def _next_step(work: Gathering, key: Key, live: LiveCall, refused: Intervention) -> None:
    """Order the next step of the chain, if the state still stands and there is use in it."""
    source = live.source
    partition_ms = work.partition_ms[live.partition]
    now = source.clock.now_ms(partition_ms)
    if now is None or not source.clock.trusted(partition_ms):
        return
    others = tuple(one for one in live.done if not _same_occurrence(one, refused))
    for due in dues(live.call, source.rules(live.call.queue, live.call.opening.direction), others, now):
        mine = (due.rule.id, due.rule.entry, due.cause, due.n)
        if mine != (refused.rule, refused.entry, refused.cause, refused.n) or due.passed:
            continue
        order = effects.order(due, source.tenant, live.call_id, work.book.profile, after_step=refused.step)
        if order is None or now - due.due_ms > due.rule.useful_ms:
            return
        one = work.issue(live, order)
        heapq.heappush(work.deadlines, (one.expires_ms + UNANSWERED_AFTER_MS, one.id, key))
        live.done = (*live.done, one)
        return


def _same_occurrence(one: Intervention, other: Intervention) -> bool:
    return (one.rule, one.entry, one.cause, one.n) == (other.rule, other.entry, other.cause, other.n)


def unanswered(work: Gathering) -> None:
    """Close what no switch answered in time: `unanswered`, never repeated."""
    while work.deadlines and work.deadlines[0][0] <= work.now_ms:
        _, name, key = heapq.heappop(work.deadlines)
        live = work.layers.call(key)
        found = None if live is None else next((one for one in live.done if one.id == name), None)
        if live is None or found is None or found.state in FINAL_STATES:
            continue
        one = found._replace(state="unanswered", reason=None)
        work.outcome(one, int(work.now_ms))
        after = live.copy()
        after.done = replaced(live.done, one)
        work.publish(after, live)
        work.put(key, after)


def is_idle(work: Gathering, live: LiveCall, now: float) -> bool:
    """Nothing heard for call_idle_max_s, and absent from its switch's snapshot or the switch sends none."""
    return not live.ended and not live.in_snapshot and now - live.heard_ms >= work.call_idle_max_ms


def lost_fact(live: LiveCall) -> Fact:
    """The closing of a call that fell silent: at the time of the last thing heard, so that no interval grows by the
    silence.
    """
    at_ms = live.last[0] if live.last else live.heard_ms
    return Fact(at_ms, live.last[1] if live.last else -1, 1_000, f"{live.call_id}:{LOST}", LOST, 0, {})
