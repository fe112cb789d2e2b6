"""The clock's side of a turn: calls whose time has come, commands that nobody answered, calls that fell silent."""

from collections.abc import Mapping

from cti.engine.fire_rules import fire_rules, is_idle, lost_fact, unanswered
from cti.engine.gathering import Gathering
from cti.engine.ingest import apply
from cti.engine.live_calls import Key, LiveCall
from cti.ports import Entry

SWEEP_EVERY_MS = 60_000.0  # how often calls that fell silent are looked for
LOST_N = 100_000  # a derived fact's number at its position; a snapshot's own stay below
TIMERS_MAX = 2_000  # calls looked at by the clock in one turn


class Timers:
    """What is due in one engine. Times by the log's clock."""

    def __init__(self, work: Gathering) -> None:
        self._work = work
        self._swept_ms = float("-inf")
        self._sweep_every_ms = min(SWEEP_EVERY_MS, work.call_idle_max_ms / 4)

    def turn(self, read: Mapping[int, int]) -> None:
        """Attend to all that is due now; `read`: the last position read of each partition."""
        self._fire_due()
        unanswered(self._work)
        if self._work.now_ms - self._swept_ms >= self._sweep_every_ms:
            self._swept_ms = self._work.now_ms
            self._sweep(read)

    def move(self, by_ms: float) -> None:
        """The log's clock was set by so much."""
        self._swept_ms += by_ms

    def next_ms(self) -> float:
        """When something is due next; infinite if nothing is."""
        work, now_ms = self._work, self._work.now_ms
        soonest = float("inf")
        for source in work.sources.values():
            due_ms = source.next_log_ms()
            if due_ms is not None:
                if not source.clock.trusted(now_ms):  # nothing fires: look whether it is believed again
                    due_ms = max(due_ms, source.clock.trusted_again_ms(now_ms))
                soonest = min(soonest, due_ms)
        if work.deadlines:
            soonest = min(soonest, work.deadlines[0][0])
        if work.layers.base.calls:
            soonest = min(soonest, self._swept_ms + self._sweep_every_ms)
        return soonest

    def near(self, now_ms: float) -> bool:
        """Whether anything is due that counts on silence: then the engine must know that it stands at the log's end."""
        if now_ms - self._swept_ms >= self._sweep_every_ms:
            return True
        dues = (source.next_log_ms() for source in self._work.sources.values())
        return any(due_ms is not None and due_ms <= now_ms for due_ms in dues)

    def start_anew(self) -> None:
        """Look at every call again, after a round was dropped. No layer is above the base then."""
        for source in self._work.sources.values():
            source.schedules.clear()
        self._work.deadlines.clear()
        self.look_at_all(self._work.layers.base.calls)

    def look_at_all(self, calls: Mapping[Key, LiveCall]) -> None:
        """Look at these, which only the base holds, as soon as their switch's clock is known and believed."""
        for key, live in calls.items():
            for one in live.done:
                if one.state in ("open", "accepted"):
                    self._work.expect(live, key, one)
            if isinstance(key, int) and not live.ended:
                live.source.look_at(live.partition, 0, key)
                live.scheduled_ms = 0

    def _fire_due(self) -> None:
        """Look at every call whose time has come, where the switch's clock is believed."""
        work, looked = self._work, 0
        for source in work.sources.values():
            for partition in source.schedules:
                partition_ms = work.partition_ms[partition]
                now = source.clock.now_ms(partition_ms)
                if now is None or not source.clock.trusted(partition_ms):
                    continue
                while looked < TIMERS_MAX and (found := source.due_before(partition, now)) is not None:
                    looked += 1
                    self._look(found[1], found[0])

    def _look(self, key: int, due_ms: int) -> None:
        live = self._work.layers.call(key)
        if live is None or live.scheduled_ms != due_ms:
            return
        live = live.copy()
        live.scheduled_ms = None
        fire_rules(self._work, key, live)
        self._work.put(key, live)

    def _sweep(self, read: Mapping[int, int]) -> None:
        """End calls that nothing was heard of for call_idle_max_s."""
        work = self._work
        for key, live in list(work.layers.base.calls.items()):
            live.heard_ms = min(live.heard_ms, int(work.now_ms))  # an entry may be dated by a clock that had leapt
            now_ms = min(work.partition_ms[live.partition], work.now_ms)
            if not is_idle(work, live, now_ms) or work.layers.call(key) is not live:
                continue
            entry = Entry(live.partition, read[live.partition], int(work.now_ms), live.source.tenant, b"")
            apply(work, key, live, lost_fact(live), entry, LOST_N)
