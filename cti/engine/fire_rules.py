"""Timers become interventions: what is due for a call is ordered, or counted as overtaken.

Whether a timer may fire is `core.clocks`; when it is due, and what it orders, `core.rules` and `core.commands`.
Usefulness is judged by the
log's clock now, so an engine that reads on after a stop orders nothing stale.
"""

import heapq

from cti.core import commands
from cti.core.call_state import ENDED
from cti.core.dues import ALL, NEVER, due_now, dues
from cti.core.facts import LOST, Fact, rank_of
from cti.core.rules import Due, Intervention
from cti.engine.gathering import UNANSWERED_AFTER_MS, Gathering
from cti.engine.live_calls import Key, LiveCall, replaced
from schemas.reasons import FINAL_STATES

ROUNDS_OF_TICKS_MAX = 50  # ticks of one call that are settled at one look
DISTRUST_RECHECK_MS = 1_000


def fire_rules(work: Gathering, key: Key, live: LiveCall, moved: int = ALL) -> None:
    """Settle what is due for the call and schedule the next look; `live` is the caller's own copy.

    `moved`: what of it may be due otherwise than at the last look (bits of `core.dues`).
    """
    if not work.interventions_on:
        return
    next_ms = _settle(work, key, live, moved)
    if next_ms == NEVER or not isinstance(key, int):
        return
    if live.scheduled_ms is None or next_ms < live.scheduled_ms:
        live.source.look_at(live.partition, next_ms, key)
        live.scheduled_ms = next_ms


def _settle(work: Gathering, key: Key, live: LiveCall, moved: int) -> int:
    """Settle all that can be settled; when the first of the rest is due."""
    call, source = live.call, live.source
    partition_ms = work.partition_ms[live.partition]
    now = source.clock.now_ms(partition_ms)
    if now is None:
        return NEVER
    trusted = source.clock.trusted(partition_ms)
    if not trusted and call.phase is not ENDED:
        return int(now) + DISTRUST_RECHECK_MS
    rules = source.rules(call.queue, call.opening.direction)
    found, next_ms = due_now(call, rules, live.done, now, moved)
    for _ in range(ROUNDS_OF_TICKS_MAX):
        if not found:
            break
        again = False
        for due in found:
            one = _decided(work, live, due, trusted)
            if one is None and call.phase is ENDED:
                continue  # it is over, and nobody knows whether it was in time
            if one is None:
                next_ms = min(next_ms, int(now) + DISTRUST_RECHECK_MS)
                continue
            if one.state == "open":
                work.expect(live, key, one)
            live.done = (*live.done, one)
            again = again or due.rule.shape == "while"  # a tick has a next one; what happens once has none
        if not again:
            break
        found, later_ms = due_now(call, rules, live.done, now, moved)
        next_ms = min(next_ms, later_ms)
    else:
        next_ms = min(next_ms, int(now))  # more has passed than one look may settle
    return next_ms


def _decided(work: Gathering, live: LiveCall, due: Due, trusted: bool) -> Intervention | None:
    """What is done about one occurrence now; None: nothing yet, the switch's clock is not believed."""
    tenant = live.source.tenant
    clock_now = work.now_ms - (live.source.clock.lag_ms or 0)
    late = clock_now - due.due_ms > due.rule.useful_ms
    if not trusted and not due.passed:
        return None  # nobody knows whether it is late
    if due.passed or late:
        return work.note(live, commands.overtaken(due, tenant, live.call_id))
    command = commands.command_for(due, tenant, live.call_id, work.book.profile)
    if command is None:
        return work.note(live, commands.overtaken(due, tenant, live.call_id)._replace(reason="notSupported"))
    return work.issue(live, command)


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
    if one.state == "refused" and one.reason in commands.GOES_ON and work.interventions_on:
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
        command = commands.command_for(due, source.tenant, live.call_id, work.book.profile, after_step=refused.step)
        if command is None or now - due.due_ms > due.rule.useful_ms:
            return
        one = work.issue(live, command)
        work.expect(live, key, one)
        live.done = (*live.done, one)
        return


def _same_occurrence(one: Intervention, other: Intervention) -> bool:
    return (one.rule, one.entry, one.cause, one.n) == (other.rule, other.entry, other.cause, other.n)


def unanswered(work: Gathering) -> None:
    """Close what no switch answered in time: `unanswered`, never repeated.

    An ended call's record says so once nothing of it is open any more, not once for each order.
    """
    while work.deadlines and work.deadlines[0][0] <= work.now_ms:
        _, call_id, name = heapq.heappop(work.deadlines)
        key, before = work.layers.named(name, call_id)
        if before is None or not any(_is_over(work, one) for one in before.done):
            continue
        live = before.copy()
        live.done = tuple([_closed(work, one) if _is_over(work, one) else one for one in before.done])
        if live.ended and not live.has_open_commands:
            work.publish(live, before)
        work.put(key, live)


def _is_over(work: Gathering, one: Intervention) -> bool:
    return one.expires_ms + UNANSWERED_AFTER_MS <= work.now_ms and one.state not in FINAL_STATES


def _closed(work: Gathering, one: Intervention) -> Intervention:
    closed = Intervention(*one[:9], "unanswered")
    work.outcome(closed, int(work.now_ms))
    return closed


def is_idle(work: Gathering, live: LiveCall, now: float) -> bool:
    """Nothing heard for call_idle_max_s, and absent from its switch's snapshot or the switch sends none."""
    return not live.ended and not live.in_snapshot and now - live.heard_ms >= work.call_idle_max_ms


def lost_fact(live: LiveCall, partition_ms: float) -> Fact:
    """That a call fell silent, dated now by its switch's clock. The core ends it at its latest fact."""
    now_ms = int(live.source.clock.now_ms(partition_ms) or partition_ms)
    at_ms = now_ms if live.last is None else max(now_ms, live.last[0] + 1)
    return Fact(at_ms, -1, rank_of(LOST), f"{live.call_id}:{LOST}:{at_ms}", LOST, 0, {})
