"""The ledger on SQLite and PostgreSQL: a writer's thread for rounds, a few reader threads for queries."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

import psycopg
from sqlalchemy import Connection

from cti.adapters.ledger import (
    agents,
    breaches,
    calls,
    commands,
    dead_letters,
    keys,
    partitions,
    records,
    retention,
    snapshots,
    switches,
)
from cti.adapters.ledger.beside import BesideRounds, PartFailed, Write
from cti.adapters.ledger.outbox import pending_outbox
from cti.adapters.ledger.rounds import Asked, write_rounds
from cti.adapters.ledger.stored import LIVE_SLICE, call_since, live_slice, stored_calls, timeline_page
from cti.adapters.ledger.timeline_days import drop_days, unneeded_day
from cti.adapters.ledger.totals import totals
from cti.dial.orders import awaited_sources
from cti.errors import Fenced
from cti.leases.sql import SqlLeases
from cti.parts.health import PartHealth
from cti.rows import (
    AgentRow,
    BreachFilter,
    BreachRow,
    CallFilter,
    CallListing,
    CallRow,
    Claim,
    CommandRow,
    DeadLetterFilter,
    DeadLetterLine,
    DeadLetterRow,
    Fence,
    KeyRow,
    OutboxRow,
    PastCall,
    Round,
    SourceRow,
    Sources,
    StoredCall,
    SwitchRow,
    TimelineRow,
    Totals,
    TotalsFilter,
)
from cti.snapshot_rows import SnapshotRow
from cti.sql.bulk import slices
from cti.sql.reader import SqlReader
from cti.sql.writer import SqlWriter


class SqlLedger(SqlLeases[int, Claim]):
    """`Ledger`, `Reads`, `Registry` and `DeadLetters` of `cti.ports`; the engines' `Leases` of `cti.leases.ports`."""

    def __init__(
        self,
        writer: SqlWriter,
        reader: SqlReader,
        heartbeats: SqlWriter,
        commanded: Callable[[Connection], None] | None = None,
        dialled: Callable[[Connection], None] | None = None,
        called_back: Callable[[Connection], None] | None = None,
    ) -> None:
        """`heartbeats`: for the engines' leases, so that a heartbeat waits neither for a long round nor for readers.
        `commanded` is called in a transaction that holds commands, `dialled` in one with facts of dialled calls,
        `called_back` in one with requests for callbacks.
        """
        super().__init__(heartbeats, partitions.ENGINES)
        self._writer = writer
        self._reader = reader
        self._commanded, self._dialled, self._called_back = commanded, dialled, called_back
        self._retention_ms = 0  # as it was last read or kept: no record of ours is dated before it
        self._beside = BesideRounds()
        self._notify_dialled: Callable[[], None] = _nobody
        self._notify_called_back: Callable[[], None] = _nobody

    def beside_rounds(self, part: str, write: Write, health: PartHealth) -> None:
        """Call `write` in the transaction of every round from now on, before its fence: both are committed, or none.
        A part that fails is left out for a while (`cti.adapters.ledger.beside`).
        """
        self._beside.add(part, write, health)

    def subscribe_dialled(self, callback: Callable[[], None]) -> None:
        """Call `callback` in this process after the commit of a round with facts of dialled calls."""
        self._notify_dialled = callback

    def subscribe_called_back(self, callback: Callable[[], None]) -> None:
        """Call `callback` in this process after the commit of a round with requests for callbacks."""
        self._notify_called_back = callback

    # -- Ledger --------------------------------------------------------------------------------------------------------

    async def claim(self, owner: str, resources: int) -> list[Claim]:
        """Claim on the rounds' writer; heartbeats have a writer of their own."""
        return await self._writer.run(_claims, (owner, resources))

    async def commit(self, round_: Round) -> None:
        try:
            left_out = await self._written(round_)
        except (psycopg.IntegrityError, sqlite3.IntegrityError) as fault:
            # A former owner repeats what the new one has written: the rows collide before the fence is reached.
            gone = partitions.outdated(round_.fences, await self.committed())
            if gone:
                raise Fenced(str(fault), gone) from fault
            raise
        if round_.dial_facts:
            self._notify_dialled()
        if round_.callback_requests:
            self._notify_called_back()
        if left_out:
            self._beside.committed_without(left_out)

    async def _written(self, round_: Round) -> Sequence[str]:
        """Write the round, without those parts that fail beside it; who was left out."""
        without: tuple[str, ...] = ()
        while True:
            try:
                return await self._writer.run(self._write, Asked(round_, without), weight=len(round_.timeline) + 1)
            except PartFailed as failed:
                without = (*without, failed.part)  # each part once: this ends

    def _write(self, connection: Connection, rounds: Sequence[Asked]) -> Sequence[Sequence[str]]:
        """In the writer's thread."""
        if self._commanded is not None and any(asked.round_.commands for asked in rounds):
            self._commanded(connection)
        if self._dialled is not None and any(asked.round_.dial_facts for asked in rounds):
            self._dialled(connection)
        if self._called_back is not None and any(asked.round_.callback_requests for asked in rounds):
            self._called_back(connection)
        return write_rounds(connection, rounds, self._retention_ms, self._beside)

    async def committed(self) -> Mapping[int, Fence]:
        return await self._reader.run(partitions.committed)

    async def live_calls(self, partitions: Sequence[int]) -> AsyncIterator[list[StoredCall]]:
        for partition in partitions:
            after = 0
            while found := await self._reader.run(live_slice, partition, after, LIVE_SLICE):
                yield found
                after = found[-1].row.born

    async def unanswered_calls(self, partition: int) -> list[str]:
        return await self._reader.run(commands.unanswered_calls, partition)

    async def past_calls(self, key_hashes: Sequence[int]) -> list[PastCall]:
        found: list[PastCall] = []
        for some in slices(list(key_hashes)):
            found += await self._reader.run(calls.past_calls, some)
        return found

    async def pending_outbox(self, partition: int) -> list[OutboxRow]:
        return await self._reader.run(pending_outbox, partition)

    async def stored_calls(self, call_ids: Sequence[str]) -> list[StoredCall]:
        return await self._reader.run(stored_calls, call_ids)

    async def agents(self) -> list[AgentRow]:
        return await self._reader.run(agents.list_agents)

    async def sources(self) -> list[SourceRow]:
        return await self._reader.run(agents.list_sources)

    async def snapshots(self, partition: int) -> list[SnapshotRow]:
        return await self._reader.run(snapshots.list_snapshots, partition)

    async def switches(self) -> list[SwitchRow]:
        return await self._reader.run(switches.list_switches)

    async def awaited_sources(self) -> list[tuple[str, str]]:
        return await self._reader.run(awaited_sources)

    async def retention_ms(self) -> int | None:
        found = await self._reader.run(retention.retention_ms)
        self._retention_ms = found or 0
        return found

    async def keep_retention_ms(self, at_ms: int) -> None:
        await self._writer.run(retention.keep_retention_ms, at_ms)
        self._retention_ms = at_ms

    async def purge(self, timeline_before_ms: int, records_before_ms: int, latest_ms: int | None = None) -> int:
        gone = await self._writer.run(retention.purge, (timeline_before_ms, records_before_ms, latest_ms))
        day = None if gone else await self._reader.run(unneeded_day, timeline_before_ms)
        if day is not None:
            gone = int(await self._writer.run(drop_days, day))
        return gone

    # -- Reads ---------------------------------------------------------------------------------------------------------

    async def positions(self) -> Mapping[int, int]:
        return await self._reader.run(partitions.positions)

    async def call(self, tenant: str, call_id: str) -> StoredCall | None:
        found = await self._reader.run(stored_calls, [call_id], tenant)
        return found[0] if found else None

    async def call_since(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[StoredCall, int] | None:
        return await self._reader.run(call_since, tenant, call_id, after, limit)

    async def timeline_page(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[CallRow, list[TimelineRow]] | None:
        return await self._reader.run(timeline_page, tenant, call_id, after, limit)

    async def still_live(self, call_ids: Collection[str]) -> set[str]:
        return await self._reader.run(calls.still_live, call_ids)

    async def calls(
        self, tenant: str, wanted: CallFilter, after: tuple[int, str] | None, limit: int
    ) -> list[CallListing]:
        return await self._reader.run(calls.list_calls, tenant, wanted, after, limit)

    async def breaches(
        self, tenant: str, wanted: BreachFilter, after: tuple[int, str, int] | None, limit: int
    ) -> list[BreachRow]:
        return await self._reader.run(breaches.list_breaches, tenant, wanted, after, limit)

    async def records(self, tenant: str, after: str, limit: int, sources: Sources = None) -> list[str]:
        return await self._reader.run(records.record_texts, tenant, after, limit, sources)

    async def totals(
        self,
        tenant: str,
        wanted: TotalsFilter,
        by: str,
        service_ms: int,
        ring_ms: int,
    ) -> list[Totals]:
        return await self._reader.run(totals, tenant, wanted, by, service_ms, ring_ms)

    async def breach_counts(self, tenant: str, wanted: TotalsFilter) -> Mapping[str, int]:
        return await self._reader.run(breaches.breach_counts, tenant, wanted)

    async def intervention_counts(
        self, tenant: str, wanted: TotalsFilter
    ) -> list[tuple[str, str, str, str | None, int]]:
        return await self._reader.run(commands.intervention_counts, tenant, wanted)

    async def tenant_sources(self, tenant: str) -> list[SourceRow]:
        return await self._reader.run(agents.list_sources, tenant)

    async def open_commands(self, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
        return await self._reader.run(commands.open_commands, tenant, source, now_ms, limit)

    async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
        return await self._reader.run(commands.commands_after, marks, limit)

    async def command_marks(self) -> Mapping[int, int]:
        return await self._reader.run(partitions.command_marks)

    async def command(self, tenant: str, command_id: str) -> CommandRow | None:
        return await self._reader.run(commands.command, tenant, command_id)

    # -- Registry ------------------------------------------------------------------------------------------------------

    async def add_key(self, key: KeyRow) -> None:
        await self._writer.run(keys.add_keys, key)

    async def key(self, key_id: str) -> KeyRow | None:
        return await self._reader.run(keys.key, key_id)

    async def keys(self) -> list[KeyRow]:
        return await self._reader.run(keys.keys)

    async def revoke_key(self, key_id: str, at_ms: int) -> bool:
        return await self._writer.run(keys.revoke_keys, (key_id, at_ms))

    async def put_switch(self, row: SwitchRow) -> bool:
        return await self._writer.run(switches.put_switches, row)

    async def switch(self, tenant: str, switch: str) -> SwitchRow | None:
        return await self._reader.run(switches.switch, tenant, switch)

    async def tenant_switches(self, tenant: str) -> list[SwitchRow]:
        return await self._reader.run(switches.list_switches, tenant)

    # -- DeadLetters ---------------------------------------------------------------------------------------------------

    async def dead_letters(
        self, wanted: DeadLetterFilter, after: tuple[int, int, int] | None, limit: int
    ) -> list[DeadLetterLine]:
        return await self._reader.run(dead_letters.list_dead_letters, wanted, after, limit)

    async def dead_letter(self, partition: int, position: int) -> DeadLetterRow | None:
        return await self._reader.run(dead_letters.dead_letter, partition, position)

    async def mark_replayed(self, letters: Sequence[tuple[int, int]], at_ms: int) -> int:
        return await self._writer.run(dead_letters.mark_replayed, (letters, at_ms))


def _claims(connection: Connection, asked: Sequence[tuple[str, int]]) -> Sequence[list[Claim]]:
    return [partitions.ENGINES.claim(connection, owner, count) for owner, count in asked]


def _nobody() -> None:
    """Nobody in this process dials."""
