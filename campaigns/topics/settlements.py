"""`campaigns.settlements` is read: each payment as if it had come over HTTP, once.

Partitions are shared by leases. A record's effects, its dead letter and the position after it are one transaction,
with a compare-and-set on the position at its end: of two processes that read the same, one commits. What is read again
is a payment of the same reference, so nothing happens twice in any case.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import Done, count, run_each
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import Stale
from campaigns.leased_task import LeasedTask, lease_changes
from campaigns.ledger import outbox, topic_positions
from campaigns.ledger.topic_positions import Position
from campaigns.settlements.asked import note
from campaigns.settlements.feed import BATCH_ROWS, ROWS_OF_ONE
from campaigns.settlements.settling import SettlementOutcome, settle
from campaigns.topics.names import SETTLEMENTS
from campaigns.topics.records import OTHER_PAYMENT, Read, dead_letters_of, read_records, set_aside
from cti.errors import LedgerAway, LogAway, LogTruncated, OutcomeUnknown, WrongPartitions, WrongTopic
from cti.hosting import Host
from cti.ports import Entry
from cti.topics import DeadLetterBox, PartTopics, SetAside, TopicReader
from schemas.reasons import DeadLetter

READERS = "campaign_settlements"  # the lease group, with a resource for each partition
WHO = "topic campaigns.settlements"
LOOK_MS = 1_000.0  # without being woken
LAG_MS = 5_000.0
AGAIN_MS = 5_000.0  # Kafka, or the ledger, is away
TAKEN_MAX = 4 * BATCH_ROWS  # records read at a time, of all partitions
STOP_S = 0.4  # a part has half a second
NOTHING = Read((), ())
AWAY = (LogAway, LedgerAway, OutcomeUnknown, WrongTopic, WrongPartitions)

log = structlog.get_logger()


class Ended(NamedTuple):
    """What became of records that were committed. `outcomes`: one for each payment."""

    outcomes: Sequence[SettlementOutcome]
    aside: Sequence[SetAside]


class SettlementsTopic(LeasedTask):
    """Reads the partitions that this process owns."""

    waits_after_work = False

    def __init__(self, context: Context, host: Host, topics: PartTopics, dead_letters: DeadLetterBox) -> None:
        wake, names = asyncio.Event(), [name_of(partition) for partition in range(topics.partitions)]
        super().__init__(host.clock, host.ownership(READERS, names, changed=wake.set), wake)
        self._context, self._topics, self._dead_letters = context, topics, dead_letters
        self._tenants_of = host.tenants
        self._ours: set[int] = set()
        self._after: dict[int, Position] = {}  # of ours, as committed
        self._tenants: set[str] = set()
        self._reader: TopicReader | None = None
        self._look_ms = self._lag_ms = self._again_ms = float("-inf")

    def next_ms(self) -> float:
        return max(self._look_ms, self._again_ms)

    async def stop(self) -> None:
        await self._close()
        await super().stop()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _work(self) -> bool:
        now_ms = self._clock.now_ms()
        self._look_ms = now_ms + LOOK_MS
        self._apply_lease_changes()
        if not self._ours or now_ms < self._again_ms:
            return False
        try:
            reader = await self._opened()
            await self._find_positions(reader)
            wrote = await self._read(reader)
            await self._tell_lag(reader, now_ms)
        except AWAY as error:
            self._after.clear()  # whether the last commit stands is read first
            self._again_ms = now_ms + AGAIN_MS
            self._context.metrics.topic_away(SETTLEMENTS.name, away=True)
            log.warning("payments on the topic wait", action="settlements_topic_waits", why=str(error))
            return False
        self._context.metrics.topic_away(SETTLEMENTS.name, away=False)
        return wrote

    def _apply_lease_changes(self) -> None:
        changes = lease_changes(self.ownership)
        gone = {partition_of(name) for name in changes.gone}
        taken = {partition_of(lease.resource) for lease in changes.taken}
        self._ours = (self._ours - gone) | taken
        for partition in gone | taken:
            self._after.pop(partition, None)
        if not self._ours:
            self._context.metrics.behind(0)

    async def _opened(self) -> TopicReader:
        if self._reader is None:
            self._reader = await self._topics.open(SETTLEMENTS.name)
            self._reader.wake(self._wake)
        return self._reader

    async def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(TimeoutError, LogAway):
                await asyncio.wait_for(reader.stop(), STOP_S)

    async def _find_positions(self, reader: TopicReader) -> None:
        """Of partitions that are new here: as the ledger has them. One that was never read begins where it begins."""
        missing = self._ours - self._after.keys()
        if not missing:
            return
        known = await self._context.reader.run(topic_positions.of_topic, SETTLEMENTS.name)
        firsts = {} if missing <= known.keys() else (await reader.offsets()).firsts
        for partition in missing:
            if partition in known:
                self._after[partition] = known[partition]
            else:
                await self._commit(partition, None, Position(firsts.get(partition, 0)), NOTHING)

    async def _read(self, reader: TopicReader) -> bool:
        after = {partition: position.offset for partition, position in self._after.items()}
        try:
            entries = await reader.read(after, TAKEN_MAX)
        except LogTruncated:
            return await self._pass_lost(reader)
        wrote = False
        for partition in sorted({entry.partition for entry in entries}):
            of_it = [entry for entry in entries if entry.partition == partition]
            for first in range(0, len(of_it), BATCH_ROWS):
                wrote = await self._take(partition, of_it[first : first + BATCH_ROWS]) or wrote
        return wrote

    async def _pass_lost(self, reader: TopicReader) -> bool:
        """Kafka has deleted what was not read, or the topic is another one: that is set aside, and reading goes on."""
        offsets, passed = await reader.offsets(), False
        for partition, was in list(self._after.items()):
            first, end = offsets.firsts.get(partition, 0), offsets.ends.get(partition, 0)
            if first <= was.offset <= end:
                continue
            anew = was.offset > end
            now = Position(was.position + 1, was.position + 1) if anew else Position(first + was.base, was.base)
            detail = f"offsets {was.offset} to {first - 1} were deleted before they were read"
            if anew:
                detail = f"the topic ends at offset {end - 1} and was read to {was.offset - 1}: another one, read anew"
            log.error("records of the topic are lost", action="settlements_lost", partition=partition, why=detail)
            lost = SetAside(
                dead_letters_of(partition), was.position + 1, "", DeadLetter.LOST, detail, self._context.now_ms(), b""
            )
            passed = await self._commit(partition, was, now, Read((), (lost,))) or passed
        if not passed:
            await self._close()
            raise LogAway("the topic has what follows our positions after all: it is opened anew")
        return True

    async def _tell_lag(self, reader: TopicReader, now_ms: float) -> None:
        if now_ms < self._lag_ms + LAG_MS:
            return
        self._lag_ms = now_ms
        ends = (await reader.offsets()).ends
        self._context.metrics.behind(topic_positions.behind(self._after, ends))

    # -- taking --------------------------------------------------------------------------------------------------------

    async def _take(self, partition: int, entries: Sequence[Entry]) -> bool:
        """Records of one partition, in order; the one that our own code fails on is found and set aside."""
        was = self._after.get(partition)
        if was is None or not entries:
            return False  # it was lost meanwhile
        now = Position(entries[-1].position + was.base, was.base)
        try:
            read = read_records(entries, was.base, await self._known(entries), self._context.now_ms())
            return await self._commit(partition, was, now, read)
        except AWAY:
            raise
        except Exception as fault:  # the last resort: a defect of ours must not hold up the payments behind it
            if len(entries) > 1:
                half = len(entries) // 2
                await self._take(partition, entries[:half])
                return await self._take(partition, entries[half:])
            log.exception("a payment is set aside", action="settlement_poison", partition=partition)
            poison = set_aside(entries[0], was.base, DeadLetter.POISON, repr(fault))
            return await self._commit(partition, was, now, Read((), (poison,)))

    async def _known(self, entries: Sequence[Entry]) -> set[str]:
        """The tenants that have keys; asked anew only where one is not among them."""
        if not {entry.tenant for entry in entries} <= self._tenants:
            self._tenants = await self._tenants_of()
        return self._tenants

    async def _commit(self, partition: int, was: Position | None, now: Position, read: Read) -> bool:
        """Whether it stands. Raises LedgerAway, OutcomeUnknown."""
        now_ms = self._context.now_ms()

        def act(connection: Connection) -> Done[Ended]:
            took, outcomes, aside = Withdrawn(), list[SettlementOutcome](), list(read.aside)
            for tenant in sorted({payment.entry.tenant for payment in read.payments}):
                mine = [payment for payment in read.payments if payment.entry.tenant == tenant]
                done = settle(connection, self._context, tenant, [paid.reported for paid in mine], WHO, now_ms)
                note(connection, tenant, done.each, WHO, now_ms)
                for payment, kept in zip(mine, done.each, strict=True):
                    if kept.how is SettlementOutcome.OTHER:
                        aside.append(set_aside(payment.entry, now.base, DeadLetter.ID_CONFLICT, OTHER_PAYMENT))
                outcomes += [kept.how for kept in done.each]
                took = Withdrawn((*took.orders, *done.took.orders))
            self._dead_letters.put(connection, aside)
            outbox.put_dead_letters(
                connection, [(f"{letter.partition}:{letter.position}", letter.tenant) for letter in aside], now_ms
            )
            topic_positions.move(connection, SETTLEMENTS.name, partition, was, now)
            return Done(Ended(outcomes, aside), took)

        try:
            weight = 1 + ROWS_OF_ONE * (len(read.payments) + len(read.aside))
            done: Done[Ended] = await self._context.write(run_each, act, weight)
        except Stale:
            self._ours.discard(partition)
            self._after.pop(partition, None)
            self.ownership.lost([name_of(partition)])
            return False
        self._after[partition] = now
        count(self._context, done.took)
        for outcome in done.made.outcomes:
            self._context.metrics.settled(outcome)
        settled = sum(outcome is not SettlementOutcome.OTHER for outcome in done.made.outcomes)
        self._context.metrics.records(settled, [letter.reason for letter in done.made.aside])
        return True


def name_of(partition: int) -> str:
    """What leases call a partition."""
    return f"{SETTLEMENTS.name}-{partition}"


def partition_of(name: str) -> int:
    """The partition that leases call so."""
    return int(name.rpartition("-")[2])
