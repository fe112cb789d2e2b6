"""The engine: one round, one transaction (docs/architecture.md, Rounds).

A round ingests what has arrived in all partitions. While one round commits, the next gathers; an idle system commits at
once, and one that lags lets its rounds grow, to ROUND_MAX_MS or EVENTS_MAX. A round goes through: read; advance into a
layer; conclude what came late; **one** ledger transaction, fenced; merge the layer and wake the waiters. If the
transaction fails the layer is dropped and the entries are read again; if its outcome is unknown, epoch and position are
read before anything else.

`step` is one turn and never sleeps: tests drive it with a clock of their own; `run` adds only the waiting.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import structlog

from cti import errors
from cti.core.rules import RuleBook
from cti.engine.callers import AsksParts, Callers, asked_about
from cti.engine.committing import Commit, Committing, says_anything
from cti.engine.eviction import Eviction
from cti.engine.gathering import LIMITS, CallLimits, Gathering
from cti.engine.ingest import conclude_late
from cti.engine.intake import Intake
from cti.engine.loading import Loaded, load_switches
from cti.engine.metrics import CallMetrics
from cti.engine.outbox import Outbox
from cti.engine.partitions import Partitions
from cti.engine.passivation import Passivation
from cti.engine.quarantine import Quarantine
from cti.engine.source_words import SourceWords
from cti.engine.sources import only_tenant
from cti.engine.time_steps import TimeSteps, heard_by
from cti.engine.timers import Timers
from cti.leases.alone import Alone, new_owner
from cti.ports import Appending, Clock, EventLog, Ledger, Ownership, Publisher, Pulse
from cti.rows import Claim, OutcomeRow
from cti.sql.trouble import MALFORMED

EVENTS_MAX: Final = 2_000  # in a round: some 100 ms of work and of writing
ROUND_MAX_MS: Final = 100.0  # a round is committed after so long, even if more is to be read
EVICTION_LATE_MS: Final = 2_000.0  # if evictions are overdue by so much, the engine first ingests all that was read
SHOWN_EVERY_MS: Final = 500.0  # how often the switches' clocks are measured where there are many
FEW_SOURCES: Final = 100
IDLE_LOOK_MS: Final = 1_000.0  # another process may have appended without waking us
BACKOFF_MIN_MS: Final = 100.0
BACKOFF_MAX_MS: Final = 1_000.0  # at most a second after the ledger is back, the engine notices

log: Final = structlog.get_logger()


class Engine:
    """Reads the log, keeps the calls, commits rounds. One per process."""

    def __init__(
        self, event_log: EventLog, ledger: Ledger, clock: Clock, book: RuleBook, telemetry: CallMetrics, pulse: Pulse,
        *, interventions: bool = True, limits: CallLimits = LIMITS, ownership: Ownership | None = None,
        publisher: Publisher | None = None, knows_callers: AsksParts | None = None,
    ) -> None:  # fmt: skip
        """`clock` is monotonic. Without `ownership` the engine is alone on the ledger; `publisher` gets the outbox.
        `knows_callers`: the parts that are asked who calls.
        """
        self._log, self._ledger, self._clock, self.pulse = event_log, ledger, clock, pulse
        self._ownership = ownership or Alone(ledger, event_log.partitions, new_owner())
        self._telemetry = telemetry
        self.work = Gathering(book, telemetry, interventions, limits)
        self.quarantine = Quarantine()
        work = self.work
        layers, sources, writer, times = work.layers, work.sources, work.writer, work.times
        self._partitions = Partitions(layers, sources, writer, times, telemetry, event_log, ledger)
        self._time = TimeSteps(layers, sources, times, event_log, clock, enabled=interventions)
        self._intake = Intake(self.work, event_log, ledger, self.quarantine, self._time)
        self._timers, self._eviction, self._passivation = Timers(self.work), Eviction(), Passivation()
        self._words = SourceWords(sources, writer, times, event_log, ledger, self._intake, enabled=interventions)
        work.callers.asked = knows_callers is not None and interventions
        self._callers = Callers(work.callers, layers, times, telemetry, knows_callers, self.wake)
        self._time.move_with(
            self, self._intake, self._timers, self._eviction, self._passivation, self._words, self._callers
        )
        self.outbox = None if publisher is None else Outbox(publisher, clock)
        self.work.writer.publishing = publisher is not None
        self._wake = asyncio.Event()
        self._commit: Commit | None = None
        self._live_committed = telemetry.live_now()
        self._began_ms: float | None = None  # when the round that is being gathered took its first entry
        self._shown_ms = float("-inf")
        self._backoff_ms = 0.0
        self._not_before_ms = float("-inf")

    # -- start, run, stop ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the free partitions, and load their live calls."""
        self._log.wake(self._wake)
        await load_switches(self.work.sources, self._ledger)
        await self._ownership.start()
        self._partitions.take(self._ownership.changes().take, self._wake)
        for claim, loaded in await self._partitions.all_loaded():
            self._adopt(claim, loaded)
        log.info("engine started", action="engine_started", calls=self.calls, partitions=sorted(self.positions))

    async def run(self) -> None:
        """Turn until cancelled. Raises errors.Fenced when an engine that was alone has been taken over."""
        while True:
            if await self.step():
                await asyncio.sleep(0)  # a turn may not have awaited anything: let other tasks run
            else:
                wait_ms = max(self.next_ms() - self._time.now_ms(), 0.0)
                await self._clock.wait(self._wake, self._clock.now_ms() + wait_ms)

    async def stop(self) -> None:
        """Wait for the round that commits, then release everything."""
        self._intake.stop_reading()
        if self._commit is not None:
            with contextlib.suppress(errors.RingbackError):
                await self._settle()
        await self._partitions.stop()
        await self._callers.stop()
        await self._ownership.stop()

    async def drain(self) -> None:
        """Turn until nothing is left to do now: what tests and the replay wait for."""
        while await self.step() or self._commit is not None or self._callers.under_way:
            if self._commit is not None:
                await self._settle()
            await self._callers.landed()

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        self._not_before_ms += by_ms
        self._began_ms = None if self._began_ms is None else self._began_ms + by_ms
        self._shown_ms = float("-inf")

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    @property
    def calls(self) -> int:
        """How many calls are held in memory."""
        return len(self.work.layers.base.calls)

    @property
    def positions(self) -> dict[int, int]:
        """What is committed of each partition that is worked on."""
        return dict(self._partitions.committed)

    def next_ms(self) -> float:
        """When, by the log's clock, the engine has to turn again even if nothing arrives."""
        now_ms = self._time.now_ms()
        if self._not_before_ms > now_ms:
            return self._not_before_ms
        soonest = min(self._timers.next_ms(), self._eviction.next_ms(), self._intake.resumes_ms())
        soonest = min(soonest, self._words.next_ms(now_ms), self._callers.next_ms())
        return min(max(soonest, now_ms) + 0.001, now_ms + IDLE_LOOK_MS)

    # -- one turn ------------------------------------------------------------------------------------------------------

    async def step(self) -> bool:
        """One turn; whether anything was done."""
        self._wake.clear()
        if self._commit is not None and self._commit.done:
            await self._settle()
        if self._time.now_ms() < self._not_before_ms:
            return False
        if await self._reassigned():
            return True
        if self.outbox is not None and self.outbox.too_many:
            return False  # IDLE_LOOK_MS later some may be out
        taken = await self._gather()
        if self.quarantine.spoiled:
            return await self._start_over()
        self._timers.turn(self._intake.positions)
        self._callers.turn(idle=self._intake.idle)
        self._tidy()
        return await self._commit_when_due() or taken > 0

    async def _gather(self) -> int:
        """Read on, and advance by what was read; how many entries."""
        most = (1 if self.quarantine.searching else EVENTS_MAX) - self._intake.taken
        if most <= 0 or (self.quarantine.searching and self._commit is not None):
            return 0
        now_ms = self._time.now_ms()
        needs_ends = self._timers.near(now_ms) or self._passivation.lags or self._words.due(now_ms)
        overdue = self._eviction.next_ms() < now_ms - EVICTION_LATE_MS
        try:
            await self._words.ask(now_ms)
            taken = await self._intake.turn(most, needs_ends=needs_ends, read_on=not overdue)
        except (errors.LogAway, errors.LedgerAway) as error:
            self._back_off(error)
            return 0
        if taken and self._began_ms is None:
            self._began_ms = now_ms
        self._show_sources()
        return taken

    def _show_sources(self) -> None:
        """Measure the switches' clocks, and tell the gateway who is there."""
        now_ms = self.work.times.now_ms
        if len(self.work.sources.all()) > FEW_SOURCES and now_ms - self._shown_ms < SHOWN_EVERY_MS:
            return
        self._shown_ms = now_ms
        for source in self.work.sources.all():
            source.show(self._telemetry, now_ms)
        # With some partitions only, it does not hear who waits for another engine's rounds.
        whole = len(self._partitions.committed) == self._log.partitions
        self.pulse.present(only_tenant(self.work.sources.all(), now_ms) if whole else None)

    def _tidy(self) -> None:
        """Passivate quiet calls and evict ended ones."""
        now_ms = self._time.now_ms()
        if self._intake.empty:  # entries already read expect their calls to stay in memory
            self._eviction.evict(self.work.layers, now_ms)
        self._passivation.passivate(self.work.layers.base, now_ms, self.work.times.partition_ms)

    async def _start_over(self) -> bool:
        """Drop a spoiled round after the previous one has ended, and read its entries again."""
        if self._commit is not None:
            await self._settle()
        if self.quarantine.spoiled:
            self._drop(errors.LedgerAway("an event was set aside"))
        return True

    # -- partitions come and go ----------------------------------------------------------------------------------------

    async def _reassigned(self) -> bool:
        """Lose, release and take the partitions that ownership names; return whether anything changed."""
        changes, loaded = self._ownership.changes(), self._partitions.loaded()
        if changes.lost:
            await self._lose(frozenset(changes.lost))
        if changes.release:
            await self._release(changes.release)
        self._partitions.take(changes.take, self._wake)
        for claim, found in loaded:
            if claim.partition not in changes.lost and claim.partition not in changes.release:
                self._adopt(claim, found)
        return bool(changes.lost or changes.release or loaded)

    def _adopt(self, claim: Claim, loaded: Loaded) -> None:
        self._partitions.adopt(claim, loaded)
        self._intake.add(claim.partition, claim.position)
        before = self._telemetry.live_now()
        self._telemetry.calls_came(live.call for live in loaded.calls.values())
        more = (now - then for now, then in zip(self._telemetry.live_now(), before, strict=True))
        self._live_committed = tuple(map(sum, zip(self._live_committed, more, strict=True)))
        now_ms = self._time.now_ms()
        heard_by(loaded.calls.values(), now_ms, self.work.limits.idle_ms)
        self._passivation.add(loaded.calls, now_ms)
        self._eviction.add(loaded.ended, now_ms)
        if self.outbox is not None:
            self.outbox.enqueue(loaded.outbox)
        self._timers.schedule_all(loaded.calls)
        self._callers.ask(each for key, live in loaded.calls.items() for each in asked_about(key, live))
        log.info("partition taken", action="partition_taken", partition=claim.partition, calls=len(loaded.calls))

    async def _lose(self, lost: frozenset[int]) -> None:
        """Drop these partitions, which another process has taken, and all that is not committed."""
        if self._commit is not None:
            await self._settle()
        self._forget_uncommitted()
        self._leave(lost)
        log.warning("partitions lost", action="partitions_lost", partitions=sorted(lost))

    async def _release(self, partitions: Sequence[int]) -> None:
        """Commit what was ingested, and release these. If that fails, ownership names them again."""
        for _ in range(2):  # the round that commits, and the one that was gathered meanwhile
            if self._commit is not None:
                await self._settle()
            if self._has_round():
                self._start_commit()
        if self._commit is not None or self._time.now_ms() < self._not_before_ms:
            return
        self._read_again()
        self._leave(frozenset(partitions))
        self._ownership.released(partitions)
        log.info("partitions released", action="partitions_let_go", partitions=sorted(partitions))

    def _leave(self, partitions: frozenset[int]) -> None:
        self._intake.remove(self._partitions.drop(partitions))
        self._callers.forget()
        self._live_committed = self._telemetry.live_now()
        self.quarantine.forget(partitions)

    # -- commit --------------------------------------------------------------------------------------------------------

    def _has_round(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._intake.taken or self.work.late or says_anything(self.work.round_))

    async def _commit_when_due(self) -> bool:
        """Commit the round, if no other commits and it is due; if it is full, wait for the other first."""
        most = 1 if self.quarantine.searching else EVENTS_MAX
        full = self._intake.taken >= most or self.work.late.full
        if self._commit is not None:
            if full:
                await self._settle()
            return full
        old = self._began_ms is not None and self._time.now_ms() - self._began_ms >= ROUND_MAX_MS
        spoken = self._words.ready(self.work.times.now_ms)
        if not (self._has_round() or spoken) or not (full or old or self._intake.idle):
            return False
        self._start_commit()
        return True

    def _start_commit(self) -> None:
        work, intake = self.work, self._intake
        intake.rest(conclude_late(work))
        if self._words.ready(work.times.now_ms):
            self._words.write(work.times.now_ms)
        if not intake.taken and not work.round_.commands and self._partitions.epochs and says_anything(work.round_):
            # A round of outcomes alone moves no position and no number, so a lost reply to it could not be verified.
            work.writer.next_command_no(min(self._partitions.epochs))
        if self.outbox is not None:
            acknowledged, ours = self.outbox.acknowledged(), work.writer.outbox_nos
            work.round_.published = {partition: no for partition, no in acknowledged.items() if partition in ours}
        if work.dial_facts and work.commands.enabled:
            work.dial_facts.write(work.round_, work.records, work.times, intake.positions)
        work.round_.fences = self._partitions.fences(intake.positions)
        what = Committing(
            work.round_, dict(intake.positions), intake.taken, work.layers.gathering.ended, self._telemetry.live_now(),
            time.perf_counter(), work.callers.new,
        )  # fmt: skip
        work.layers.start_commit()
        before = self._pass_on(work.passing) if work.passing else None
        work.begin_round()
        intake.taken, self._began_ms = 0, None
        self._commit = Commit(self._ledger, self._clock, what, self._wake.set, before)

    async def _pass_on(self, items: Sequence[Appending]) -> None:
        await self._log.append(items)

    async def _settle(self) -> None:
        """Apply the outcome of the commit, once it has ended."""
        commit = self._commit
        assert commit is not None
        verdict = await commit.verdict(self._telemetry)
        self._commit = None
        if verdict.committed:
            self._merge(commit.what)
        elif verdict.refused:
            last = self._partitions.moved(commit.what.positions)
            if not self.quarantine.round_refused(commit.what.taken, last) and verdict.error is not None:
                raise verdict.error
            self._drop(verdict.error)
        elif not verdict.lost:
            self._drop(verdict.error)
        if verdict.lost:
            self._ownership.lost(verdict.lost)
            await self._lose(verdict.lost)

    def _merge(self, done: Committing) -> None:
        work, now_ms = self.work, self._time.now_ms()
        self._passivation.add(work.layers.committing.calls, now_ms)
        work.committed(done.round_)
        self._partitions.commit(done.positions)
        self._live_committed, self._backoff_ms = done.live, 0.0
        self.quarantine.round_committed(done.taken, done.positions)
        self.pulse.committed(done.positions)
        settled = [*done.round_.outcomes, *(OutcomeRow(*row[2:]) for row in done.round_.results)]
        if done.round_.commands or settled:
            self.pulse.commanded(done.round_.commands, settled)
        if self.outbox is not None:
            self.outbox.enqueue(done.round_.outbox)
        self._eviction.add(done.ended, now_ms)
        self._callers.ended(done.ended)
        self._callers.ask(done.callers)

    def _drop(self, error: Exception | None) -> None:
        """Drop all that was not committed, and read it again after a back-off."""
        self._back_off(error)
        self._forget_uncommitted()

    def _forget_uncommitted(self) -> None:
        self.quarantine.round_dropped()
        self.work.start_over()
        self._telemetry.live_again(self._live_committed)
        self._telemetry.agents_are(self.work.layers.base.agents.values())
        self._read_again()
        self._timers.start_over()

    def _read_again(self) -> None:
        """Read again from the committed positions."""
        self._intake.start_over(self._partitions.committed)
        self._partitions.start_over()
        self._began_ms = None

    def _back_off(self, error: Exception | None) -> None:
        """Wait before the next try. Raises the error where waiting cannot help: a malformed database stays so."""
        if isinstance(error, errors.RingbackError) and error.word == MALFORMED:
            raise error
        self._backoff_ms = min(max(self._backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._not_before_ms = self._time.now_ms() + self._backoff_ms
        log.warning("waiting", action="engine_waits", why=str(error), for_ms=self._backoff_ms)
