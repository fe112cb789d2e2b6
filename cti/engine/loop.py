"""The engine: one round, one transaction (design, section 5).

A round takes what has arrived over all partitions, at most EVENTS_MAX events, READ_MAX or CPU_MAX_MS of work at a turn.
While one round commits, the next gathers; an idle system commits at once, and one that is behind is not held up by the
commit: its rounds grow instead. A round goes through: read; advance into a layer; **one** ledger transaction, fenced;
merge the layer and wake the waiting tasks. If it fails the layer is dropped and the entries are read again; if its
outcome is unknown, epoch and position are read before anything else.

`step` is one turn and never sleeps: tests drive it with a clock of their own; `run` adds only the waiting.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import structlog

from cti import errors
from cti.core.clocks import END_FRESH_MS
from cti.core.rules import RuleBook
from cti.engine.committing import Commit, Committing, moved, says_anything
from cti.engine.entries import event_in, ingest
from cti.engine.eviction import Eviction
from cti.engine.gathering import Gathering
from cti.engine.loading import Loaded, load_switches, remember
from cti.engine.outbox import Outbox
from cti.engine.partitions import Partitions
from cti.engine.passivation import Passivation
from cti.engine.time_steps import STEP_MS, TimeSteps, heard_by
from cti.engine.timers import Timers
from cti.leases.alone import Alone, new_owner
from cti.ports import Appending, Clock, Entry, EventLog, Ledger, Ownership, Publisher, Pulse
from cti.rows import Claim, Round
from cti.telemetry import Telemetry
from schemas.envelope import Event
from schemas.reasons import DeadLetter

EVENTS_MAX = 2_000  # in a round: some 100 ms of work and of writing
READ_MAX = 1_000  # and of them read at a turn: each reading asks the ledger once for calls that ended
CPU_MAX_MS = 20.0
END_CONFIRM_MS = END_FRESH_MS / 2  # how often a quiet engine makes sure that it stands at the end
END_ASK_MS = 20.0  # and how often one that is behind asks at most
IDLE_LOOK_MS = 1_000.0  # another process may have appended without waking us
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 100.0, 1_000.0  # what was away is back a second later for us too

log = structlog.get_logger()


class Engine:
    """Reads the log, keeps the calls, commits rounds. One per process."""

    def __init__(
        self, event_log: EventLog, ledger: Ledger, clock: Clock, book: RuleBook, telemetry: Telemetry, pulse: Pulse,
        *, interventions: bool = True, call_idle_max_ms: int = 4 * 3600 * 1000, ownership: Ownership | None = None,
        publisher: Publisher | None = None,
    ) -> None:  # fmt: skip
        """`clock` is monotonic. Without `ownership` the engine is alone on the ledger; `publisher` gets copies."""
        self._log, self._ledger, self._clock, self.pulse = event_log, ledger, clock, pulse
        self._ownership = ownership or Alone(ledger, event_log.partitions, new_owner())
        self._telemetry = telemetry
        self.work = Gathering(book, telemetry, interventions, call_idle_max_ms)
        self._timers, self._eviction, self._passivation = Timers(self.work), Eviction(), Passivation()
        self._steps = TimeSteps(self.work, (self._timers, self._eviction, self._passivation))
        self.outbox = None if publisher is None else Outbox(publisher, clock)
        self.work.publishing = publisher is not None
        self._partitions = Partitions(self.work, event_log, ledger, self._ownership)
        self._wake = asyncio.Event()
        self._ahead: list[tuple[Entry, Event | str]] = []  # read, and not yet taken
        self._more = False  # the last reading was full: the end is further on, and need not be asked for
        self._taken = 0  # entries in the round being gathered
        self._end_ms = float("-inf")  # when, by the log's clock, all was last known to be read to the end
        self._asked_ms = float("-inf")  # when the log was last asked for its end
        self._commit: Commit | None = None
        self._live_committed = telemetry.live_now()
        self._spoiled = False  # an event broke off in the middle: the round being gathered is no good
        self._careful = 0  # entries still to be taken one a round, because a round with them was refused
        self._poison: set[tuple[int, int]] = set()  # (partition, position) of entries to be set aside
        self._backoff_ms = 0.0
        self._not_before_ms = float("-inf")

    # -- start ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Own what is to be had, and fold every call that lives there."""
        self._log.wake(self._wake)
        await load_switches(self.work, self._ledger)
        await self._ownership.start()
        self._partitions.take(self._ownership.changes().take, self._wake)
        for claim, loaded in await self._partitions.all_come():
            self._adopt(claim, loaded)
        log.info("engine started", action="engine_started", calls=self.calls, partitions=sorted(self.positions))

    # -- the loop ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Turn until cancelled. Raises errors.Fenced when an engine that was alone has been taken over."""
        while True:
            if await self.step():
                await asyncio.sleep(0)  # a turn may have waited for nothing: the others' turn
            else:
                wait_ms = max(self.next_ms() - self._log.now_ms(), 0.0)
                await self._clock.wait(self._wake, self._clock.now_ms() + wait_ms)

    async def stop(self) -> None:
        """Let the round that commits come to its end, and let go of everything."""
        if self._commit is not None:
            with contextlib.suppress(errors.RingbackError):
                await self._settle()
        await self._partitions.stop()
        await self._ownership.stop()

    async def drain(self) -> None:
        """Turn until nothing is left to do now: what tests and the replay wait for."""
        while await self.step() or self._commit is not None:
            if self._commit is not None:
                await self._settle()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def next_ms(self) -> float:
        """When, by the log's clock, the engine has to turn again even if nothing arrives."""
        now = self._log.now_ms()
        if self._not_before_ms > now:
            return self._not_before_ms
        soonest = min(self._timers.next_ms(), self._eviction.next_ms() or float("inf"))
        return min(max(soonest, now) + 0.001, now + IDLE_LOOK_MS)

    async def step(self) -> bool:
        """One turn; whether anything was done."""
        self._wake.clear()
        if self._commit is not None and self._commit.done:
            await self._settle()
        if self._now_ms() < self._not_before_ms:
            return False
        if await self._reassigned():
            return True
        if self.outbox is not None and self.outbox.too_many:
            return False  # IDLE_LOOK_MS later some may be out
        most = 1 if self._careful else EVENTS_MAX
        waits = self._careful > 0 and self._commit is not None  # one entry a round, and no other on top of it
        took = self._taken < most and not waits and await self._gather()
        if self._spoiled:
            return await self._start_over()
        self._timers.turn(self._partitions.read)
        if not self._ahead:  # what was read counts on the calls that were in memory then
            self._eviction.evict(self.work.layers, self._log.now_ms())
        self._passivation.passivate(self.work.layers.base, self._log.now_ms(), self.work.partition_ms)
        full = self._taken >= most
        if self._commit is None and not (self._ahead and not full) and (self._taken or says_anything(self.work.round_)):
            self._start_commit()
            return True
        if full and self._commit is not None:
            await self._settle()
            return True
        return took

    async def _start_over(self) -> bool:
        """Drop a spoiled round, once the one before it has come to its end, and read its entries again."""
        if self._commit is not None:
            await self._settle()
        if self._spoiled:
            self._drop(errors.LedgerAway("an event was set aside"))
        return True

    # -- partitions come and go ----------------------------------------------------------------------------------------

    async def _reassigned(self) -> bool:
        """Drop, let go and take what ownership says; whether anything changed."""
        changes, come = self._ownership.changes(), self._partitions.come()
        if changes.lost:
            await self._lose(frozenset(changes.lost))
        if changes.release:
            await self._let_go(changes.release)
        self._partitions.take(changes.take, self._wake)
        for claim, loaded in come:
            if claim.partition not in changes.lost and claim.partition not in changes.release:
                self._adopt(claim, loaded)
        return bool(changes.lost or changes.release or come)

    def _adopt(self, claim: Claim, loaded: Loaded) -> None:
        self._partitions.adopt(claim, loaded)
        before = self._telemetry.live_now()
        self._telemetry.calls_came(live.call for live in loaded.calls.values())
        more = (now - then for now, then in zip(self._telemetry.live_now(), before, strict=True))
        self._live_committed = tuple(map(sum, zip(self._live_committed, more, strict=True)))
        now_ms = self._now_ms()
        heard_by(loaded.calls.values(), now_ms, self.work.call_idle_max_ms)
        self._passivation.add(loaded.calls, now_ms)
        self._eviction.add(loaded.ended, now_ms)
        if self.outbox is not None:
            self.outbox.send(loaded.outbox)
        self._timers.look_at_all(loaded.calls)
        self._end_ms = self._asked_ms = float("-inf")  # nobody knows yet how much of it is unread
        log.info("partition taken", action="partition_taken", partition=claim.partition, calls=len(loaded.calls))

    async def _lose(self, lost: frozenset[int]) -> None:
        """Another process has these: drop them, and what is not committed."""
        if self._commit is not None:
            await self._settle()
        self._forget_uncommitted()
        self._leave(lost)
        log.warning("partitions lost", action="partitions_lost", partitions=sorted(lost))

    async def _let_go(self, partitions: Sequence[int]) -> None:
        """Commit what was taken, and give these back. Where that fails ownership names them again."""
        self._ahead = []
        for _ in range(2):  # the round that commits, and the one that was gathered meanwhile
            if self._commit is not None:
                await self._settle()
            if self._taken or says_anything(self.work.round_):
                self._start_commit()
        if self._commit is not None or self._log.now_ms() < self._not_before_ms:
            return
        self._partitions.back()
        self._leave(frozenset(partitions))
        self._ownership.released(partitions)
        log.info("partitions let go", action="partitions_let_go", partitions=sorted(partitions))

    def _leave(self, partitions: frozenset[int]) -> None:
        self._partitions.drop(partitions)
        self._live_committed = self._telemetry.live_now()
        self._poison = {place for place in self._poison if place[0] not in partitions}

    # -- read and advance ----------------------------------------------------------------------------------------------

    async def _gather(self) -> bool:
        """Read on, and advance what was read. Standing at the end is confirmed by the log, not assumed."""
        asked_ms = self._now_ms()
        stale = asked_ms - self._end_ms > END_CONFIRM_MS and asked_ms - self._asked_ms > END_ASK_MS
        needed = self._timers.near(asked_ms) or self._passivation.behind
        confirm = stale and needed and not self._ahead and not self._more
        self._asked_ms = asked_ms if confirm else self._asked_ms
        try:
            end = await self._log.end() if confirm else None
            if not self._ahead:
                most = min(READ_MAX, EVENTS_MAX - self._taken)
                entries = await self._log.read(self._partitions.read, most)
                self._more = len(entries) == most
                ahead = [(entry, event_in(entry)) for entry in entries]
                await remember(self.work, self._ledger, ahead)
                self._ahead = ahead
        except (errors.LogAway, errors.LedgerAway) as error:
            self._back_off(error)
            return False
        taken = self._ingest_all(self._ahead[: 1 if self._careful else None])
        self._ahead = self._ahead[taken:]
        if end is not None and not self._ahead and self._partitions.at_end(end.positions):
            self._end_ms = end.at_ms
        self._set_times()
        return taken > 0

    def _ingest_all(self, events: Sequence[tuple[Entry, Event | str]]) -> int:
        """Advance by these events, as many as the time allows; how many that were."""
        started, now_ms = time.perf_counter(), self._now_ms()
        self.work.now_ms, latest_ms = now_ms, now_ms + STEP_MS
        for count, (entry, event) in enumerate(events, start=1):
            self._partitions.read[entry.partition] = entry.position
            self._taken += 1
            if entry.is_mark:
                continue
            self.work.partition_ms[entry.partition] = self._steps.partition_ms(entry.appended_at_ms, latest_ms)
            if (entry.partition, entry.position) in self._poison:
                self.work.dead_letter(
                    entry, DeadLetter.POISON, "the engine failed on it, or the ledger could not take what came of it"
                )
                continue
            try:
                ingest(self.work, self._log, entry, event)
            except Exception:  # the last line of defence: a defect of ours must not stop the partition
                log.exception("entry set aside", action="poison", partition=entry.partition, position=entry.position)
                self._poison.add((entry.partition, entry.position))
                self._spoiled = True  # what it left half done in this round must not be written
                return count - 1
            if (time.perf_counter() - started) * 1000 > CPU_MAX_MS:
                return count
        return len(events)

    def _set_times(self) -> None:
        """Partition time: the log's clock where we stand at a confirmed end, else the last entry's append time."""
        now = self.work.now_ms = self._now_ms()
        if now - self._end_ms <= END_FRESH_MS:
            for partition in self._partitions.epochs:
                self.work.partition_ms[partition] = now
        for source in self.work.sources.values():
            source.show(self._telemetry, now)

    def _now_ms(self) -> float:
        """The log's clock. Where it was set, everything that is kept by it is moved first."""
        now_ms = self._log.now_ms()
        if by_ms := self._steps.step_ms(now_ms, self._clock.now_ms()):
            self._end_ms = self._asked_ms = float("-inf")
            self._not_before_ms += by_ms
        return now_ms

    # -- commit --------------------------------------------------------------------------------------------------------

    def _start_commit(self) -> None:
        work = self.work
        if not self._taken and not work.round_.commands:
            # A round of outcomes alone would move no mark, and could not be told from one that never stood.
            first = min(self._partitions.epochs)
            work.command_nos[first] = work.command_nos.get(first, 0) + 1
        if self.outbox is not None:
            arrived = self.outbox.arrived()
            work.round_.published = {partition: no for partition, no in arrived.items() if partition in work.outbox_nos}
        work.round_.fences = self._partitions.fences()
        what = Committing(
            work.round_, dict(self._partitions.read), self._taken, work.ended, self._telemetry.live_now(),
            time.perf_counter(),
        )  # fmt: skip
        work.layers.start_commit()
        passing, work.passing = work.passing, []
        work.round_, work.ended, self._taken = Round(), [], 0
        before = self._pass_on(passing) if passing else None
        self._commit = Commit(self._ledger, self._clock, what, self._wake.set, before)

    async def _pass_on(self, items: Sequence[Appending]) -> None:
        await self._log.append(items)

    async def _settle(self) -> None:
        """Take in what became of the commit, once it has come to its end."""
        commit = self._commit
        assert commit is not None
        verdict = await commit.verdict(self._telemetry)
        self._commit = None
        if verdict.stands:
            self._careful = max(self._careful - commit.what.taken, 0)
            self._merge(commit.what)
        elif verdict.refused:
            self._search_poison(commit.what, verdict.error)
        elif not verdict.lost:
            self._drop(verdict.error)
        if verdict.lost:
            self._ownership.lost(verdict.lost)
            await self._lose(verdict.lost)

    def _search_poison(self, what: Committing, error: Exception | None) -> None:
        """Read the round's entries again one by one; one that fails alone goes to the dead letters.

        Raises the error where there is nothing to set aside: no entry was in the round, or it was set aside already.
        """
        entries = set(moved(what.positions, self._partitions.committed))
        if error is not None and (not what.taken or entries <= self._poison):
            raise error
        if what.taken == 1:
            self._poison |= entries
        self._careful = max(what.taken, 1)
        self._drop(error)

    def _merge(self, done: Committing) -> None:
        layers, now = self.work.layers, self._log.now_ms()
        self._passivation.add(layers.committing.calls, now)
        layers.committed()
        self._partitions.stand(done.positions)
        self._live_committed, self._backoff_ms = done.live, 0.0
        self._poison = {place for place in self._poison if place[1] > done.positions.get(place[0], 0)}
        self.pulse.committed(done.positions)
        if done.round_.commands or done.round_.outcomes:
            self.pulse.commanded(done.round_.commands, done.round_.outcomes)
        if self.outbox is not None:
            self.outbox.send(done.round_.outbox)
        self._eviction.add(done.ended, now)

    def _drop(self, error: Exception | None) -> None:
        """Forget all that was not committed, and read it again after a while."""
        self._back_off(error)
        self._forget_uncommitted()

    def _forget_uncommitted(self) -> None:
        work = self.work
        self._spoiled = False
        work.layers.dropped()
        self._telemetry.live_again(self._live_committed)
        self._telemetry.agents_are(work.layers.base.agents.values())
        work.round_, work.ended, work.passing, self._taken = Round(), [], [], 0
        for source in work.sources.values():
            source.kinds.clear()
        self._ahead = []
        self._partitions.back()
        self._end_ms = self._asked_ms = float("-inf")
        self._timers.start_anew()

    def _back_off(self, error: Exception | None) -> None:
        self._backoff_ms = min(max(self._backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._not_before_ms = self._log.now_ms() + self._backoff_ms
        log.warning("waiting", action="engine_waits", why=str(error), for_ms=self._backoff_ms)

    @property
    def calls(self) -> int:
        """How many calls are held in memory."""
        return len(self.work.layers.base.calls)

    @property
    def positions(self) -> dict[int, int]:
        """What is committed of each partition that is worked on."""
        return dict(self._partitions.committed)
