"""Rules that are due become commands, or are counted as overtaken.

* Whether a switch's clock may be believed is `core.clocks`; when a rule is due is `core.dues`; what it commands is
  `core.commands`.
* While a switch's clock is not trusted, the engine issues no command and treats nothing as too late. It settles only
  what is over by the events' own times, once the call has ended; the rest waits until the clock is trusted.
* Usefulness is judged by the log's clock now, so an engine that reads on after a stop issues nothing stale.
* Commands that are due together are issued in a fixed order: by due time, then by rule.
"""

from collections.abc import Sequence
from typing import Final

from cti.core.call_state import ENDED
from cti.core.commands import GOES_ON, command_for, overtaken
from cti.core.dues import ALL, NEVER, aligned, due_now
from cti.core.facts import Fact
from cti.core.rules import Due, Intervention
from cti.engine.commands import CommandWriter
from cti.engine.due_views import DueView, is_short, view_of, views
from cti.engine.live_calls import Key, LiveCall
from schemas.reasons import FINAL_STATES

PASSES_MAX: Final = 50  # over one call at one time: each settles a tick of every interval
AS_SOON_AS_BELIEVED: Final = 0  # a time by the switch's clock that has passed as soon as the clock is trusted


def fire_rules(commands: CommandWriter, key: Key, live: LiveCall, moved: int = ALL) -> None:
    """Settle what is due for the call, and schedule the call for its next due time; `live` is the caller's own copy.

    `moved`: which parts of it may now be due at another time (bits of `core.dues`).
    """
    if not commands.enabled:
        return
    next_ms = _settle(commands, key, live, moved)
    if next_ms == NEVER or not isinstance(key, int):
        return
    if live.scheduled_ms is None or next_ms < live.scheduled_ms:
        live.source.schedule(live.partition, next_ms, key)
        live.scheduled_ms = next_ms


def _settle(commands: CommandWriter, key: Key, live: LiveCall, moved: int) -> int:
    """Settle all that can be settled; return when the first of the rest is due."""
    call, clock = live.call, live.source.clock
    partition_ms = commands.times.partition_ms[live.partition]
    now_ms = clock.now_ms(partition_ms)
    if now_ms is None:
        return NEVER
    trusted = clock.trusted(partition_ms)
    if not trusted and call.phase is not ENDED:
        return AS_SOON_AS_BELIEVED
    rules = live.source.rules(call.queue, call.opening.direction)
    if is_short(call, live.done):
        found, next_ms = due_now(call, rules, live.done, now_ms, moved)
        if not found:
            return next_ms
        return min(next_ms, _settle_found(commands, key, live, DueView(call, moved, None), found, trusted))
    next_ms = NEVER
    for view in views(call, moved):
        found, later_ms = due_now(view.call, rules, live.done_about(view.causes), now_ms, view.moved)
        if found:
            later_ms = min(later_ms, _settle_found(commands, key, live, view, found, trusted))
        next_ms = min(next_ms, later_ms)
    return next_ms


def _settle_found(
    commands: CommandWriter, key: Key, live: LiveCall, view: DueView, found: Sequence[Due], trusted: bool
) -> int:
    """Settle what is due in this view, and what falls due by that; return when the first of the rest is due."""
    now_ms = live.source.clock.now_ms(commands.times.partition_ms[live.partition])
    assert now_ms is not None, "something was found due by it"
    rules = live.source.rules(live.call.queue, live.call.opening.direction)
    next_ms = NEVER
    for _ in range(PASSES_MAX):
        settled: list[Intervention] = []
        again = False
        for due in sorted(found, key=_order) if len(found) > 1 else found:
            if not trusted and not due.passed:
                next_ms = AS_SOON_AS_BELIEVED
                continue
            settled.append(_decided(commands, key, live, due))
            again = again or due.rule.shape == "while"  # only a tick has a successor
        live.done = (*live.done, *settled)
        if not again:
            return next_ms
        found, later_ms = due_now(view.call, rules, live.done_about(view.causes), now_ms, view.moved)
        next_ms = min(next_ms, later_ms)
        if not found:
            return next_ms
    return min(next_ms, int(now_ms))  # more ticks have passed than one call settles


def _order(due: Due) -> tuple[int, str, int, int, str]:
    return due.due_ms, due.rule.id, due.rule.entry, due.n, due.cause


def _decided(commands: CommandWriter, key: Key, live: LiveCall, due: Due) -> Intervention:
    """The intervention for one occurrence: a command, or a note that it was overtaken."""
    tenant = live.source.tenant
    clock_now_ms = commands.times.now_ms - (live.source.clock.lag_ms or 0)
    if due.passed or clock_now_ms - due.due_ms > due.rule.useful_ms:
        return commands.note(live, overtaken(due, tenant, live.call_id))
    command = command_for(due, tenant, live.call_id, commands.profile)
    if command is None:
        passed = overtaken(due, tenant, live.call_id)._replace(reason="notSupported")
        return commands.note(live, passed)
    issued = commands.issue(live, command)
    commands.expect(live, key, issued)
    return issued


def answered(commands: CommandWriter, key: Key, live: LiveCall, result: Fact) -> bool:
    """Apply a switch's answer to a command: its intervention changes state, and some refusals issue the next step.

    `live` is the caller's own copy. Returns False if the call has no such command.
    """
    data = result.data
    position = live.position_of(data["commandid"])
    if position is None:
        return False
    known = live.done[position]
    if known.state in FINAL_STATES or known.state == data["state"]:
        return True
    after = known._replace(state=data["state"], reason=data.get("reason"))
    commands.outcome(after, result.at_ms)
    live.done = (*live.done[:position], after, *live.done[position + 1 :])
    if after.state == "refused" and after.reason in GOES_ON and commands.enabled:
        _next_step(commands, key, live, after)
    return True


def _next_step(commands: CommandWriter, key: Key, live: LiveCall, refused: Intervention) -> None:
    """Issue the next step of the chain, if the state still lasts and the command is still useful."""
    source = live.source
    partition_ms = commands.times.partition_ms[live.partition]
    now_ms = source.clock.now_ms(partition_ms)
    if now_ms is None or not source.clock.trusted(partition_ms):
        return
    rules = source.rules(live.call.queue, live.call.opening.direction)
    others = [done for done in live.done_about((refused.cause,)) if not _same_occurrence(done, refused)]
    refused = aligned(live.call, rules, (refused,))[0]
    view = view_of(live.call, live.done, refused.cause)
    for due in due_now(view.call, rules, others, now_ms, view.moved)[0]:
        occurrence = (due.rule.id, due.rule.entry, due.cause, due.n)
        if occurrence != (refused.rule, refused.entry, refused.cause, refused.n) or due.passed:
            continue
        command = command_for(due, source.tenant, live.call_id, commands.profile, after_step=refused.step)
        if command is None or now_ms - due.due_ms > due.rule.useful_ms:
            return
        issued = commands.issue(live, command)
        commands.expect(live, key, issued)
        live.done = (*live.done, issued)
        return


def _same_occurrence(done: Intervention, other: Intervention) -> bool:
    return (done.rule, done.entry, done.cause, done.n) == (other.rule, other.entry, other.cause, other.n)
