"""The timers of a turn: calls that are due, commands without an answer, calls that fell silent."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from cti.core.facts import LOST, Fact, rank_of
from cti.core.rules import Intervention
from cti.engine.commands import CommandWriter
from cti.engine.fire_rules import fire_rules
from cti.engine.gathering import Gathering
from cti.engine.ingest import apply
from cti.engine.live_calls import Key, LiveCall
from cti.engine.snapshot import absent_fact
from cti.engine.sources import Source
from cti.ports import Entry

SWEEP_EVERY_MS: Final = 60_000.0  # how often calls that fell silent are looked for
LOST_N: Final = 100_000  # a derived fact's number at its position; a snapshot's own stay below
TURN_TIMERS: Final = 32  # of one source before the next one has its turn
TIMERS_MAX: Final = 2_000  # due calls in one turn


class Timers:
    """What is due in one engine. Times by the log's clock."""

    def __init__(self, work: Gathering) -> None:
        self._work = work
        self._swept_ms = float("-inf")
        self._begin = 0  # index of the source whose turn is next
        self._sweep_every_ms = min(SWEEP_EVERY_MS, work.limits.idle_ms / 4)

    def turn(self, positions: Mapping[int, int]) -> None:
        """Do all that is due now; `positions`: the last ingested entry of each partition."""
        self._fire_due()
        self._close_unanswered()
        now_ms = self._work.times.now_ms
        if now_ms - self._swept_ms >= self._sweep_every_ms:
            self._swept_ms = now_ms
            self._sweep(positions)

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        self._swept_ms += by_ms

    def next_ms(self) -> float:
        """When something is due next; infinite if nothing is."""
        work, now_ms = self._work, self._work.times.now_ms
        soonest = work.commands.next_deadline_ms()
        waiting = work.sources.waiting
        waiting.difference_update([source for source in waiting if not source.waits()])
        for source in waiting:
            due_ms = source.next_log_ms()
            if due_ms is not None:
                if not source.clock.trusted(now_ms):  # nothing fires before it is trusted again
                    due_ms = max(due_ms, source.clock.trusted_again_ms(now_ms))
                soonest = min(soonest, due_ms)
        if work.layers.base.calls:
            soonest = min(soonest, self._swept_ms + self._sweep_every_ms)
        return soonest

    def near(self, now_ms: float) -> bool:
        """Whether a timer is due that needs a confirmed log end."""
        if now_ms - self._swept_ms >= self._sweep_every_ms:
            return True
        dues = (source.next_log_ms() for source in self._work.sources.waiting)
        return any(due_ms is not None and due_ms <= now_ms for due_ms in dues)

    def start_over(self) -> None:
        """Schedule every call again, after a round was dropped. No layer is above the base then."""
        for source in self._work.sources.all():
            source.schedules.clear()
        self._work.commands.forget_deadlines()
        self.schedule_all(self._work.layers.base.calls)

    def schedule_all(self, calls: Mapping[Key, LiveCall]) -> None:
        """Schedule these, which only the base holds, for when their switch's clock is known and trusted."""
        for key, live in calls.items():
            for done in live.done:
                if done.state in ("open", "accepted"):
                    self._work.commands.expect(live, key, done)
            if isinstance(key, int) and not live.ended:
                live.source.schedule(live.partition, 0, key)
                live.scheduled_ms = 0

    def _fire_due(self) -> None:
        """Fire the rules of every due call, TURN_TIMERS of each source in turn, until the turn's time is used up."""
        until = time.perf_counter() + self._work.turn_time.cpu_ms / 1000
        sources, fired = deque(source for source in self._work.sources.all() if source.schedules), 0
        sources.rotate(-self._begin)  # start where the last turn ended
        while sources and fired < TIMERS_MAX:
            source = sources.popleft()
            self._begin += 1
            found = self._fire_some(source)
            fired += found
            if found and time.perf_counter() > until:
                return
            if found >= TURN_TIMERS:
                sources.append(source)
        self._begin = 0

    def _fire_some(self, source: Source) -> int:
        """Fire the rules of up to TURN_TIMERS due calls of one switch; return how many."""
        fired = 0
        for partition in source.schedules:
            partition_ms = self._work.times.partition_ms[partition]
            now_ms = source.clock.now_ms(partition_ms)
            if now_ms is None or not source.clock.trusted(partition_ms):
                continue
            while fired < TURN_TIMERS and (found := source.due_before(partition, now_ms)) is not None:
                fired += 1
                self._fire(found[1], found[0])
        return fired

    def _fire(self, key: int, due_ms: int) -> None:
        before = self._work.layers.call(key)
        if before is None or before.scheduled_ms != due_ms:
            return
        live = before.copy()
        live.scheduled_ms = None
        if key not in self._work.late:  # a late call is concluded before the round commits
            fire_rules(self._work.commands, key, live)
            if live.ended and live.done is not before.done:
                self._work.publish(live, before)
        self._work.layers.put(key, live)

    def _close_unanswered(self) -> None:
        """Close the commands that no switch answered in time as `unanswered`; they are never repeated.

        The record of an ended call is revised once, when none of its commands is open, and not for each command.
        """
        work, commands = self._work, self._work.commands
        for call_id, key_hash in commands.past_deadline():
            key, before = work.layers.by_id(key_hash, call_id)
            if before is None or not any(map(commands.is_past_deadline, before.done)):
                continue
            live = before.copy()
            live.done = tuple([_closed(commands, done) for done in before.done])
            if live.ended and not live.has_open_commands:
                work.publish(live, before)
            work.layers.put(key, live)

    def _sweep(self, positions: Mapping[int, int]) -> None:
        """End the calls without an event for `limits.idle_ms`, and those that a snapshot lacked."""
        work = self._work
        for key in list(work.layers.base.calls):
            live = work.layers.call(key)
            assert live is not None, "it is in the base"
            live.heard_ms = min(live.heard_ms, int(work.times.now_ms))  # the clock that dated an entry may have jumped
            partition_ms = min(work.times.partition_ms[live.partition], work.times.now_ms)
            idle = is_idle(live, partition_ms, work.limits.idle_ms)
            end = lost_fact(live, partition_ms) if idle else absent_fact(live, partition_ms)
            if end is None or key in work.late:
                continue
            entry = Entry(live.partition, positions[live.partition], int(work.times.now_ms), live.source.tenant, b"")
            apply(work, key, live, end, entry, LOST_N)


def _closed(commands: CommandWriter, done: Intervention) -> Intervention:
    return commands.unanswered(done) if commands.is_past_deadline(done) else done


def is_idle(live: LiveCall, partition_ms: float, idle_ms: int) -> bool:
    """Whether there was no event for so long, and the switch's snapshot lacks the call or the switch sends none."""
    return not live.ended and not live.in_snapshot and partition_ms - live.heard_ms >= idle_ms


def lost_fact(live: LiveCall, partition_ms: float) -> Fact:
    """The fact that a call fell silent, dated now by its switch's clock. The core ends the call at its latest fact."""
    now_ms = int(live.source.clock.now_ms(partition_ms) or partition_ms)
    at_ms = now_ms if live.last is None else max(now_ms, live.last[0] + 1)
    return Fact(at_ms, -1, rank_of(LOST), f"{live.call_id}:{LOST}:{at_ms}", LOST, 0, {})
