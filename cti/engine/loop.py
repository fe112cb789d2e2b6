"""The engine: one round, one transaction (design, section 5).

A round takes what has arrived over all partitions, at most EVENTS_MAX events or CPU_MAX_MS of work. While one round
commits, the
next gathers; an idle system commits at once. A round goes through: read; advance into a layer; **one** ledger
transaction, fenced; merge
the layer and wake who waits. If the transaction fails the layer is dropped and the entries are read again; if its
outcome is unknown,
epoch and position are read before anything else.

`step` is one turn and never sleeps: tests drive it with a clock of their own; `run` adds only the waiting.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from cti import errors
from cti.core.clocks import END_FRESH_MS
from cti.core.rules import RuleBook
from cti.engine.committing import Committing, says_anything
from cti.engine.gathering import Gathering
from cti.engine.lingering import Lingering
from cti.engine.loading import load, remember
from cti.engine.resting import Resting
from cti.engine.snapshot import take_switch
from cti.engine.take import take_agent, take_call
from cti.engine.timers import Timers
from cti.ports import Clock, Entry, EventLog, Ledger
from cti.rows import CommandRow, Fence, OutcomeRow, Round
from cti.telemetry import Telemetry
from schemas.envelope import Event, Refused, event_of
from schemas.reasons import DeadLetter, Ignored

EVENTS_MAX = 500
CPU_MAX_MS = 20.0
END_CONFIRM_MS = END_FRESH_MS / 2  # how often a quiet engine makes sure that it stands at the end
END_ASK_MS = 20.0  # and how often one that is behind asks at most
IDLE_LOOK_MS = 1_000.0  # another process may have appended without waking us
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 100.0, 5_000.0

log = structlog.get_logger()


class Pulse(Protocol):
    """Whom the engine of this process wakes after a commit."""

    def committed(self, positions: dict[int, int]) -> None: ...

    def commanded(self, rows: Sequence[CommandRow], outcomes: Sequence[OutcomeRow]) -> None: ...


class Engine:
    """Reads the log, keeps the calls, commits rounds. One per process."""

    def __init__(
        self, event_log: EventLog, ledger: Ledger, clock: Clock, book: RuleBook, telemetry: Telemetry, pulse: Pulse,
        *, interventions: bool = True, call_idle_max_ms: int = 4 * 3600 * 1000, owner: str = "engine",
    ) -> None:  # fmt: skip
        self._log, self._ledger, self._clock, self.pulse, self._owner = event_log, ledger, clock, pulse, owner
        self._telemetry = telemetry
        self.work = Gathering(book, telemetry, interventions, call_idle_max_ms)
        self._timers = Timers(self.work)
        self._wake = asyncio.Event()
        self._epochs: dict[int, int] = {}
        self._read: dict[int, int] = {}  # the last position read of each partition
        self._committed: dict[int, int] = {}
        self._ahead: list[tuple[Entry, Event | str]] = []  # read, and not yet taken
        self._taken = 0  # entries in the round being gathered
        self._end_ms: float = float(
            "-inf"
        )  # when, by the log's clock, all partitions were last known to be read to the end
        self._asked_ms = float("-inf")  # when the log was last asked for its end
        self._commit: asyncio.Task[None] | None = None
        self._committing: Committing | None = None
        self._live_committed: tuple[int, ...] = ()
        self._lingering, self._resting = Lingering(), Resting()
        self._spoiled = False  # an event broke off in the middle: the round being gathered is no good
        self._careful = 0  # entries still to be taken one a round, because a round with them was refused
        self._poison: set[tuple[int, int]] = set()  # (partition, position) of entries to be set aside
        self._backoff_ms = 0.0
        self._not_before_ms = float("-inf")

    # -- start ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Own all partitions, and fold every call that lives."""
        claims = await self._ledger.claim(self._owner, self._log.partitions)
        self._log.wake(self._wake)
        self._epochs = {claim.partition: claim.epoch for claim in claims}
        self._read = {claim.partition: claim.position for claim in claims}
        self._committed = dict(self._read)
        self.work.command_nos = {claim.partition: claim.command_no for claim in claims}
        self._forget_times()
        await load(self.work, self._ledger, sorted(self._epochs))
        calls = self.work.layers.base.calls
        self._telemetry.live_are(live.call for live in calls.values())
        self._live_committed = self._telemetry.live_now()
        self._resting.add(calls, self._log.now_ms())
        self._timers.start_anew()
        log.info("engine started", action="engine_started", calls=len(calls), owner=self._owner)

    # -- the loop ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Turn until cancelled. Raises errors.Fenced when another process has taken a partition."""
        while True:
            if not await self.step():
                wait_ms = max(self.next_ms() - self._log.now_ms(), 0.0)
                await self._clock.wait(self._wake, self._clock.now_ms() + wait_ms)

    async def stop(self) -> None:
        """Let the round that commits come to its end."""
        if self._commit is not None:
            await asyncio.wait([self._commit])
            with contextlib.suppress(errors.RingbackError):
                await self._settle()

    async def drain(self) -> None:
        """Turn until nothing is left to do now: what tests and the replay wait for."""
        while await self.step() or self._commit is not None:
            if self._commit is not None:
                await asyncio.wait([self._commit])

    def next_ms(self) -> float:
        """When, by the log's clock, the engine has to turn again even if nothing arrives."""
        now = self._log.now_ms()
        if self._not_before_ms > now:
            return self._not_before_ms
        soonest = min(self._timers.next_ms(), self._lingering.next_ms() or float("inf"))
        return min(max(soonest, now) + 0.001, now + IDLE_LOOK_MS)

    async def step(self) -> bool:
        """One turn; whether anything was done."""
        self._wake.clear()
        if self._commit is not None and self._commit.done():
            await self._settle()
        if self._log.now_ms() < self._not_before_ms:
            return False
        most = 1 if self._careful else EVENTS_MAX
        waits = self._careful > 0 and self._commit is not None  # one entry a round, and no other on top of it
        took = self._taken < most and not waits and await self._gather()
        if self._spoiled:
            return await self._start_over()
        self._timers.turn(self._read)
        if not self._ahead:  # what was read counts on the calls that were in memory then
            self._lingering.let_go(self.work.layers, self._log.now_ms())
        self._resting.lay(self.work.layers.base, self._log.now_ms())
        full = self._taken >= most
        if self._commit is None and not (self._ahead and not full) and (self._taken or says_anything(self.work.round_)):
            self._start_commit()
            return True
        if full and self._commit is not None:
            await asyncio.wait([self._commit])
            await self._settle()
            return True
        return took

    async def _start_over(self) -> bool:
        """Drop a spoiled round, once the one before it has come to its end, and read its entries again."""
        if self._commit is not None:
            await asyncio.wait([self._commit])
            await self._settle()
        if self._spoiled:
            self._drop(errors.LedgerAway("an event was set aside"))
        return True

    # -- read and advance ----------------------------------------------------------------------------------------------

    async def _gather(self) -> bool:
        """Read on, and advance what was read. Standing at the end is confirmed by the log, not assumed."""
        asked_ms = self._log.now_ms()
        stale = asked_ms - self._end_ms > END_CONFIRM_MS and asked_ms - self._asked_ms > END_ASK_MS
        confirm = stale and not self._ahead and self._timers.near(asked_ms)
        self._asked_ms = asked_ms if confirm else self._asked_ms
        try:
            end = await self._log.end() if confirm else None
            if not self._ahead:
                entries = await self._log.read(self._read, EVENTS_MAX - self._taken)
                ahead = [(entry, _event_in(entry)) for entry in entries]
                await remember(self.work, self._ledger, ahead)
                self._ahead = ahead
        except (errors.LogAway, errors.LedgerAway) as error:
            self._back_off(error)
            return False
        taken = self._take_all(self._ahead[: 1 if self._careful else None])
        self._ahead = self._ahead[taken:]
        if (
            end is not None
            and not self._ahead
            and all(self._read.get(p, 0) >= position for p, position in end.positions.items())
        ):
            self._end_ms = end.at_ms
        self._set_times()
        return taken > 0

    def _take_all(self, events: Sequence[tuple[Entry, Event | str]]) -> int:
        """Advance by these events, as many as the time allows; how many that were."""
        started, self.work.now_ms = time.perf_counter(), self._log.now_ms()
        for count, (entry, event) in enumerate(events, start=1):
            self._read[entry.partition] = entry.position
            self.work.partition_ms[entry.partition] = float(entry.appended_at_ms)
            self._taken += 1
            if (entry.partition, entry.position) in self._poison:
                self.work.dead_letter(
                    entry, DeadLetter.POISON, "the engine failed on it, or the ledger could not take what came of it"
                )
                continue
            try:
                self._take(entry, event)
            except Exception:  # the last line of defence: a defect of ours must not stop the partition
                log.exception("entry set aside", action="poison", partition=entry.partition, position=entry.position)
                self._poison.add((entry.partition, entry.position))
                self._spoiled = True  # what it left half done in this round must not be written
                return count - 1
            if (time.perf_counter() - started) * 1000 > CPU_MAX_MS:
                return count
        return len(events)

    def _take(self, entry: Entry, event: Event | str) -> None:
        if isinstance(event, str):
            self.work.dead_letter(entry, DeadLetter.INVALID, event)
        elif event.family == "switch":
            take_switch(self.work, entry, event, self._log.partition_of)
        elif event.family == "agent" and event.known:
            take_agent(self.work, entry, event)
        elif event.family == "agent":
            self.work.telemetry.ignored(Ignored.UNKNOWN_TYPE if event.version < 2 else Ignored.NEWER_VERSION)
        else:
            take_call(self.work, entry, event)

    def _forget_times(self) -> None:
        """A partition that was not read yet has no time: no timer fires on what it may hold."""
        self.work.partition_ms = dict.fromkeys(self._epochs, 0.0)

    def _set_times(self) -> None:
        """Partition time: the log's clock where we stand at a confirmed end, else the last entry's append time."""
        now = self.work.now_ms = self._log.now_ms()
        if now - self._end_ms <= END_FRESH_MS:
            for partition in self._epochs:
                self.work.partition_ms[partition] = now
        for source in self.work.sources.values():
            if source.clock.lag_ms is None:
                continue
            trusted = source.clock.trusted(now)
            self._telemetry.source(source.tenant, source.name, source.clock.lag_ms, trusted)
            if trusted is source.alarmed:
                source.alarmed = not trusted
                log.warning(
                    "switch clock believed again" if trusted else "switch clock not believed", action="source_trust",
                    source=source.name, tenant=source.tenant, lag_ms=source.clock.lag_ms, trusted=trusted,
                )  # fmt: skip

    # -- commit --------------------------------------------------------------------------------------------------------

    def _start_commit(self) -> None:
        work = self.work
        positions = dict(self._read)
        if not self._taken and not work.round_.commands:
            # A round of outcomes alone would move no mark, and could not be told from one that never stood.
            first = min(self._epochs)
            work.command_nos[first] = work.command_nos.get(first, 0) + 1
        work.round_.fences = [
            Fence(partition, epoch, positions[partition], work.command_nos.get(partition, 0))
            for partition, epoch in self._epochs.items()
        ]
        live = self._telemetry.live_now()
        self._committing = Committing(work.round_, positions, self._taken, work.ended, time.perf_counter(), live)
        work.layers.start_commit()
        work.round_, work.ended, self._taken = Round(), [], 0
        self._commit = asyncio.create_task(self._ledger.commit(self._committing.round_))
        self._commit.add_done_callback(lambda _: self._wake.set())

    async def _settle(self) -> None:
        """Take in what became of the commit."""
        commit, committing = self._commit, self._committing
        assert commit is not None
        assert committing is not None
        self._commit = self._committing = None
        try:
            await commit
        except errors.Fenced:
            self._telemetry.commit_failed("fenced")
            raise
        except errors.OutcomeUnknown as error:
            self._telemetry.commit_failed("outcome_unknown")
            if not await self._stands(committing.round_.fences):
                self._drop(error)
                return
        except errors.LedgerAway as error:
            self._telemetry.commit_failed("ledger_away")
            self._drop(error)
            return
        except Exception as error:  # a round that the ledger cannot take is a defect of ours: find its event
            log.exception("round refused", action="poison_round", entries=committing.taken)
            self._telemetry.commit_failed("poison")
            self._search_poison(committing.positions, committing.taken, error)
            return
        self._careful = max(self._careful - committing.taken, 0)
        self._merge(committing)

    def _search_poison(self, positions: Mapping[int, int], taken: int, error: Exception) -> None:
        """Read the round's entries again one by one; one that fails alone goes to the dead letters.

        Raises the error where there is nothing to set aside: no entry was in the round, or it was set aside already.
        """
        moved = {(partition, at) for partition, at in positions.items() if self._committed[partition] < at}
        if not taken or moved <= self._poison:
            raise error
        if taken == 1:
            self._poison |= moved
        self._careful = max(taken, 1)
        self._drop(errors.LedgerAway(str(error)))

    def _merge(self, done: Committing) -> None:
        layers, now = self.work.layers, self._log.now_ms()
        self._resting.add(layers.committing.calls, now)
        layers.committed()
        self._committed, self._live_committed, self._backoff_ms = done.positions, done.live, 0.0
        self._poison = {place for place in self._poison if place[1] > done.positions[place[0]]}
        self._telemetry.committed(done.taken, time.perf_counter() - done.started)
        self.pulse.committed(done.positions)
        if done.round_.commands or done.round_.outcomes:
            self.pulse.commanded(done.round_.commands, done.round_.outcomes)
        self._lingering.add(done.ended, now)

    async def _stands(self, fences: Sequence[Fence]) -> bool:
        """Whether a commit of unknown outcome took place. Raises errors.Fenced when a partition was taken."""
        found = await self._committed_now()
        while found is None:
            await self._clock.wait(asyncio.Event(), self._clock.now_ms() + self._backoff_ms)
            found = await self._committed_now()
        for fence in fences:
            if found[fence.partition].epoch != fence.epoch:
                raise errors.Fenced(f"partition {fence.partition}")
        return all(found[fence.partition] == fence for fence in fences)

    async def _committed_now(self) -> Mapping[int, Fence] | None:
        try:
            return await self._ledger.committed()
        except errors.LedgerAway as error:
            self._back_off(error)
            return None

    def _drop(self, error: errors.RingbackError) -> None:
        """Forget all that was not committed and read it again."""
        self._back_off(error)
        work = self.work
        self._spoiled = False
        work.layers.dropped()
        self._telemetry.live_again(self._live_committed)
        work.round_, work.ended, self._taken = Round(), [], 0
        for source in work.sources.values():
            source.kinds.clear()
        self._read, self._ahead = dict(self._committed), []
        self._forget_times()
        self._end_ms = self._asked_ms = float("-inf")
        self._timers.start_anew()

    def _back_off(self, error: errors.RingbackError) -> None:
        self._backoff_ms = min(max(self._backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._not_before_ms = self._log.now_ms() + self._backoff_ms
        log.warning("waiting", action="engine_waits", why=str(error), for_ms=self._backoff_ms)

    @property
    def calls(self) -> int:
        """How many calls are held in memory."""
        return len(self.work.layers.base.calls)

    @property
    def positions(self) -> dict[int, int]:
        """What is committed."""
        return dict(self._committed)


def _event_in(entry: Entry) -> Event | str:
    """The entry's event, or why it is none."""
    if entry.event is not None:
        return entry.event
    try:
        return event_of(entry.body)
    except Refused as refused:
        return str(refused)
