"""From the log into the round: entries are read ahead, and taken in turn, a few of each partition.

* The next entries are read while the last ones are taken: on SQL a reading waits for a thread, and once a batch for the
  ledger.
* No partition waits for another: entries queue by partition, and each gets its share of a turn's time.
* A partition whose calls cost much rests for a moment (`late.pause_ms`); the others go on.
* Partition time (docs/integrators.md, Time) is the append time of the last entry taken; where all of a partition has
  been taken up to an end that the log confirmed END_FRESH_MS ago at most, it is the log's clock. Each partition has its
  own end: one that lags holds up no other's time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from cti.core.clocks import END_FRESH_MS
from cti.engine.entries import event_in, ingest
from cti.engine.gathering import Gathering
from cti.engine.late import pause_ms
from cti.engine.loading import remember
from cti.engine.quarantine import Quarantine
from cti.engine.time_steps import TimeSteps
from cti.ports import Entry, EventLog, Ledger
from schemas.envelope import Event
from schemas.reasons import DeadLetter

READ_MAX: Final = 1_000  # entries at a time: each reading asks the ledger once for calls that ended
QUEUED_MAX: Final = 4_000  # entries read ahead, including those of resting partitions
TURN_ENTRIES: Final = 32  # of one partition before the next one has its turn: some 2 ms
END_CONFIRM_MS: Final = END_FRESH_MS / 2  # how often a partition's end is confirmed while something waits for it
END_ASK_MS: Final = 20.0  # how often the log is asked for its ends at most
END_ASK_LAGGING_MS: Final = 100.0  # the same while entries queue: on Kafka an answer takes as long as a reading
NEVER_MS: Final = float("-inf")

Read = tuple[Entry, Event | str]
"""An entry, and the event in it, or why there is none."""

log: Final = structlog.get_logger()


class Intake:
    """What has been read of each partition, and up to where the engine has ingested it."""

    def __init__(
        self, work: Gathering, event_log: EventLog, ledger: Ledger, quarantine: Quarantine, log_time: TimeSteps
    ) -> None:
        self._work, self._log, self._ledger, self._quarantine = work, event_log, ledger, quarantine
        self._time = log_time
        self.positions: dict[int, int] = {}  # the last entry taken of each partition
        self.taken = 0  # entries in the round that is being gathered
        self._fetched: dict[int, int] = {}  # the last entry read of each partition
        self._queues: dict[int, deque[tuple[Entry, Event | str]]] = {}
        self._turns: deque[int] = deque()  # the partitions, the next one first
        self._resting_ms: dict[int, float] = {}  # until when, by the log's clock
        self._more: set[int] = set()  # the last read returned its limit for these: more entries follow
        self._end_ms: dict[int, float] = {}  # when, by the log's clock, each was last known to be ingested to its end
        self._taken_ms: dict[int, float] = {}  # when the last entry taken of each was appended
        self._asked_ms = self._ends_at_ms = NEVER_MS
        self._reading: asyncio.Task[list[Read]] | None = None  # entries on their way into the queues

    # -- partitions ----------------------------------------------------------------------------------------------------

    def add(self, partition: int, position: int) -> None:
        """Read this partition after `position`."""
        self.positions[partition] = self._fetched[partition] = position
        self._queues[partition] = deque()
        self._turns.append(partition)
        self._end_ms[partition] = self._taken_ms[partition] = self._asked_ms = NEVER_MS  # its end is not known yet

    def remove(self, partitions: Iterable[int]) -> None:
        """Stop reading these partitions."""
        self.stop_reading()
        for partition in partitions:
            del self.positions[partition], self._fetched[partition], self._queues[partition]
            del self._end_ms[partition], self._taken_ms[partition]
            self._turns.remove(partition)
            self._resting_ms.pop(partition, None)

    def start_over(self, committed: Mapping[int, int]) -> None:
        """Read again from the committed positions."""
        self.stop_reading()
        for partition, position in committed.items():
            self.positions[partition] = self._fetched[partition] = position
            self._queues[partition].clear()
            self._end_ms[partition] = self._taken_ms[partition] = NEVER_MS
        self._asked_ms, self.taken = NEVER_MS, 0

    def move(self, by_ms: float) -> None:
        """Shift all times, as the log's clock was set; no partition's end is confirmed any more."""
        self._end_ms = dict.fromkeys(self._end_ms, NEVER_MS)
        self._taken_ms = dict.fromkeys(self._taken_ms, NEVER_MS)
        self._asked_ms = self._ends_at_ms = NEVER_MS
        self._resting_ms = {partition: at_ms + by_ms for partition, at_ms in self._resting_ms.items()}

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether all that was read has been taken, and nothing is being read."""
        return self._reading is None and not any(self._queues.values())

    @property
    def idle(self) -> bool:
        """Whether, as far as is known, there is nothing to ingest now."""
        now_ms = self._work.times.now_ms
        return self._reading is None and not any(
            (queue or partition in self._more) and not self._rests(partition, now_ms)
            for partition, queue in self._queues.items()
        )

    def read_until_ms(self, partition: int) -> float:
        """All that was appended to the partition before this time is in a round, committed or gathered; NEVER_MS:
        nothing is known.
        """
        return min(max(self._end_ms[partition], self._taken_ms[partition]), self._work.times.now_ms)

    def resumes_ms(self) -> float:
        """When the first resting partition is read again; infinite if none rests."""
        return min((at for partition, at in self._resting_ms.items() if self._queues[partition]), default=float("inf"))

    def _rests(self, partition: int, now_ms: float) -> bool:
        return self._resting_ms.get(partition, NEVER_MS) > now_ms

    def rest(self, concluded: Mapping[int, int]) -> None:
        """Pause partitions whose calls took many facts to conclude."""
        for partition, facts in concluded.items():
            if (ms := pause_ms(facts)) > 0:
                self._resting_ms[partition] = self._time.now_ms() + ms

    async def turn(self, most: int, *, needs_ends: bool, read_on: bool) -> int:
        """Read on, and ingest up to `most` entries; return how many. Without `read_on` what is being read already is
        the last.

        `needs_ends`: something is due that must know whether a partition is at its end. Raises `errors.LogAway`,
        `errors.LedgerAway`; then nothing was ingested.
        """
        now_ms = self._work.times.now_ms = self._time.now_ms()
        ends = await self._asked_ends(now_ms) if needs_ends else None
        if read_on or self.empty:
            await self._read_on(now_ms)
        elif self._reading is not None and not any(self._queues.values()):
            self._queue(await self._read_ahead(self._reading))
        taken = self._take(most)
        for partition, end in ends.items() if ends is not None else ():
            if not self._queues[partition] and self._fetched[partition] >= end:
                self._end_ms[partition] = self._ends_at_ms
        self._set_times()
        return taken

    async def _asked_ends(self, now_ms: float) -> Mapping[int, int] | None:
        """Every partition's end, if at least one partition that seems to be at its end needs a confirmation."""
        every_ms = END_ASK_MS if self.empty else END_ASK_LAGGING_MS
        if abs(now_ms - self._asked_ms) <= every_ms or not any(self._is_stale(queue, now_ms) for queue in self._queues):
            return None
        self._asked_ms = now_ms
        end = await self._log.end()
        self._ends_at_ms = end.at_ms
        return {partition: end.positions.get(partition, 0) for partition in self._queues}

    def _is_stale(self, partition: int, now_ms: float) -> bool:
        at_its_end = not self._queues[partition] and partition not in self._more
        return at_its_end and now_ms - self._end_ms[partition] > END_CONFIRM_MS

    async def _read_on(self, now_ms: float) -> None:
        """Queue what has been read, and start the next reading; wait for it only if there is nothing to take."""
        if self._reading is not None and self._reading.done():
            self._queue(await self._read_ahead(self._reading))
        ready = self._ready(now_ms)
        if self._reading is None and ready < READ_MAX and sum(map(len, self._queues.values())) < QUEUED_MAX:
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None and not ready:
            self._queue(await self._read_ahead(self._reading))

    def _ready(self, now_ms: float) -> int:
        """How many entries may be taken now."""
        return sum(len(queue) for partition, queue in self._queues.items() if not self._rests(partition, now_ms))

    async def _read(self) -> list[Read]:
        entries = await self._log.read(dict(self._fetched), READ_MAX)  # a copy: partitions may come meanwhile
        events = [(entry, event_in(entry)) for entry in entries]
        await remember(self._work.layers, self._work.sources, self._ledger, events)
        return events

    async def _read_ahead(self, reading: asyncio.Task[list[Read]]) -> list[Read]:
        """What a reading has found, once it has ended."""
        try:
            return await reading
        finally:
            self._reading = None

    def _queue(self, events: list[Read]) -> None:
        """Entries that were read, for their partitions."""
        counts: dict[int, int] = {}
        for read in events:
            partition = read[0].partition
            self._queues[partition].append(read)
            counts[partition] = counts.get(partition, 0) + 1
            self._fetched[partition] = read[0].position
        share = max(1, READ_MAX // max(1, len(self._queues)))
        self._more = {partition for partition, count in counts.items() if count >= share}

    def stop_reading(self) -> None:
        """Drop what is being read: it is of the partitions as they were."""
        reading, self._reading = self._reading, None
        if reading is not None and not reading.cancel() and not reading.cancelled():
            reading.exception()  # an error of a reading that nobody waits for any more is no news

    # -- taking --------------------------------------------------------------------------------------------------------

    def _take(self, most: int) -> int:
        """Ingest what was read, TURN_ENTRIES of each partition in turn, until the turn's time is used up."""
        until = time.perf_counter() + self._work.turn_time.cpu_ms / 1000
        now_ms = self._work.times.now_ms = self._time.now_ms()
        taken, turns, idle, times = 0, self._turns, 0, self._work.times.partition_ms
        while idle < len(turns) and taken < most and not self._work.late.full:
            partition = turns[0]
            turns.rotate(-1)
            queue = self._queues[partition]
            if not queue or self._rests(partition, now_ms):
                idle += 1
                continue
            idle, before_ms = 0, times[partition]
            taken += self._take_some(partition, queue, min(TURN_ENTRIES, len(queue), most - taken), until)
            if times[partition] != before_ms:  # else only marks were taken, or nothing newer
                self._taken_ms[partition] = times[partition]
            if self._quarantine.spoiled or time.perf_counter() > until:
                break
        return taken

    def _take_some(self, partition: int, queue: deque[tuple[Entry, Event | str]], most: int, until: float) -> int:
        """Ingest entries of one partition; return how many."""
        work, poison, times = self._work, self._quarantine.poison, self._work.times.partition_ms
        positions, event_log, ingested_ms = self.positions, self._log, -1
        looks_every = work.turn_time.looks_every
        for count in range(1, most + 1):
            entry, event = queue.popleft()
            positions[partition] = entry.position
            self.taken += 1
            if entry.is_mark:
                continue
            if entry.appended_at_ms != ingested_ms:  # the entries of one request have one
                ingested_ms = entry.appended_at_ms
                times[partition] = self._time.partition_ms(ingested_ms)
            if poison and (partition, entry.position) in poison:
                why = "the engine failed on it, or the ledger could not take what came of it"
                work.dead_letter(entry, DeadLetter.POISON, why)
                continue
            try:
                ingest(work, event_log, entry, event)
            except Exception:  # the last resort: a defect in our code must not stop the partition
                log.exception("entry set aside", action="poison", partition=partition, position=entry.position)
                self._quarantine.entry_failed((partition, entry.position))
                return count
            if count % looks_every == 0 and time.perf_counter() > until:
                return count
        return most

    def _set_times(self) -> None:
        """Set the time of partitions at a confirmed end to the log's clock."""
        now_ms = self._work.times.now_ms = self._time.now_ms()
        for partition, end_ms in self._end_ms.items():
            if now_ms - end_ms <= END_FRESH_MS and not self._queues[partition]:
                self._work.times.partition_ms[partition] = now_ms
