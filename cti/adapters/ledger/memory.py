"""The ledger in memory: for tests and tools, with the fences and the refusals of the SQL one; gone with the process."""

from collections.abc import AsyncIterator, Mapping, Sequence

from cti.adapters.ledger.agents import joined
from cti.adapters.ledger.commands import FINAL
from cti.adapters.ledger.memory_reads import MemoryReads
from cti.adapters.ledger.retention import AHEAD_MS, CALLS_A_TIME
from cti.adapters.ledger.rounds import dated, latest_records, recorded_ms
from cti.adapters.ledger.stored import LIVE_SLICE
from cti.errors import Fenced
from cti.rows import (
    AgentRow,
    CallRow,
    Claim,
    DeadLetterFilter,
    DeadLetterLine,
    DeadLetterRow,
    Fence,
    KeyRow,
    OutboxRow,
    OutcomeRow,
    PastCall,
    ResultRow,
    Round,
    SourceRow,
    StoredCall,
    SwitchRow,
    TimelineRow,
)
from cti.snapshot_rows import SnapshotRow


class MemoryLedger(MemoryReads):
    """`Ledger`, `Reads`, `Registry`, `Ownerships` and `DeadLetters` of `cti.ports`."""

    # -- Ledger --------------------------------------------------------------------------------------------------------

    async def commit(self, round_: Round) -> None:
        held = {partition: claim.epoch for partition, claim in self._claims.items()}
        gone = [fence.partition for fence in round_.fences if held.get(fence.partition) != fence.epoch]
        if gone:
            raise Fenced(partitions=gone)
        _refuse_repeats(round_, self._timeline, self._calls)
        for row in round_.timeline:
            self._timeline.setdefault((row.partition, row.born), {})[row.position, row.n] = row
        self._calls |= {row.call_id: row for row in round_.births}
        self._put_records(round_)
        for command in round_.commands:
            self._put_command(command)
        for outcome in round_.outcomes:
            self._set_outcome(outcome)
        for result in round_.results:
            self._set_result(result)
        self._agents |= {(row.tenant, row.source, row.agent): row for row in round_.agents}
        self._sources |= {row[:3]: row for row in round_.sources}
        self._snapshots = {row[:4]: row for row in round_.snapshots} | self._snapshots
        for key in round_.snapshots_gone:
            self._snapshots.pop(key, None)
        for partition, number in round_.published.items():
            self._outbox = {key: row for key, row in self._outbox.items() if key[0] != partition or key[1] > number}
        self._outbox |= {row[:2]: row for row in round_.outbox}
        letters = [dated(row, self._retention_ms or 0) for row in round_.dead_letters]
        self._dead_letters |= {(row.partition, row.position): row for row in letters}
        self._claims |= {fence.partition: Claim(*fence) for fence in round_.fences}

    def _put_records(self, round_: Round) -> None:
        at_ms = recorded_ms(round_, self._retention_ms or 0)
        first = {} if at_ms is None else {row.call_id: at_ms for row in round_.records if row.revision == 1}
        for row in latest_records(round_.records):
            known = self._records.get(row.call_id)
            if known is None or known.revision < row.revision:
                self._records[row.call_id] = row
            self._ended[row.call_id] = row.ended_at_ms
            if row.call_id in first:
                self._recorded[row.call_id] = first[row.call_id]
            self._breaches.pop(row.call_id, None)
        for breach in round_.breaches:
            self._breaches.setdefault(breach.call_id, []).append(breach)

    def _set_outcome(self, outcome: OutcomeRow) -> None:
        command = self._commands.get(outcome.id)
        if command is not None and command.state not in FINAL:
            self._commands[outcome.id] = command._replace(state=outcome.state, reason=outcome.reason)

    def _set_result(self, result: ResultRow) -> None:
        command = self._commands.get(result.id)
        if command is not None and (command.tenant, command.source) == (result.tenant, result.source):
            self._set_outcome(OutcomeRow(*result[2:]))

    async def committed(self) -> Mapping[int, Fence]:
        return {claim.partition: Fence._make(claim) for claim in self._claims.values()}

    async def live_calls(self, partitions: Sequence[int]) -> AsyncIterator[list[StoredCall]]:
        for partition in partitions:
            live = [
                row for row in self._calls.values() if row.partition == partition and row.call_id not in self._ended
            ]
            live.sort(key=lambda row: row.born)
            for at in range(0, len(live), LIVE_SLICE):
                yield [self._stored(row) for row in live[at : at + LIVE_SLICE]]

    async def unanswered_calls(self, partition: int) -> list[str]:
        commands = (command for command in self._commands.values() if command.partition == partition)
        waiting = {command.call_id for command in commands if command.state in ("open", "accepted")}
        return sorted(waiting & self._ended.keys())

    async def past_calls(self, key_hashes: Sequence[int]) -> list[PastCall]:
        wanted = set(key_hashes)
        found = [
            PastCall(
                row,
                self._ended[call_id],
                self._records[call_id].revision,
                call_id not in self._timeline_dropped,
                self._records[call_id].outcome in ("stale", "lost"),
            )
            for call_id, row in self._calls.items()
            if row.key_hash in wanted and call_id in self._ended
        ]
        return sorted(found, key=lambda past: (past.row.opened_at_ms, past.row.call_id))

    async def stored_calls(self, call_ids: Sequence[str]) -> list[StoredCall]:
        rows = [self._calls[call_id] for call_id in set(call_ids) if call_id in self._calls]
        return [self._stored(row) for row in sorted(rows, key=lambda row: (row.partition, row.born))]

    async def agents(self) -> list[AgentRow]:
        return [self._agents[name] for name in sorted(self._agents)]

    async def sources(self) -> list[SourceRow]:
        return joined(self._sources[name] for name in sorted(self._sources))

    async def snapshots(self, partition: int) -> list[SnapshotRow]:
        found = [row for row in self._snapshots.values() if row.partition == partition]
        return sorted(found, key=lambda row: (row.at_ms, row.event_id))

    async def pending_outbox(self, partition: int) -> list[OutboxRow]:
        return [self._outbox[key] for key in sorted(self._outbox) if key[0] == partition]

    async def switches(self) -> list[SwitchRow]:
        return [self._switches[name] for name in sorted(self._switches)]

    async def awaited_sources(self) -> list[tuple[str, str]]:
        return []  # in memory nothing is dialled

    async def retention_ms(self) -> int | None:
        return self._retention_ms

    async def keep_retention_ms(self, at_ms: int) -> None:
        self._retention_ms = at_ms

    async def purge(self, timeline_before_ms: int, records_before_ms: int, latest_ms: int | None = None) -> int:
        """As in SQL: CALLS_A_TIME of each kind a call."""
        ahead = [] if latest_ms is None else [c for c, at in self._recorded.items() if at > latest_ms + AHEAD_MS]
        self._recorded |= dict.fromkeys(ahead[:CALLS_A_TIME], latest_ms or 0)
        since = self._ended | self._recorded
        ended = sorted(self._ended, key=lambda call_id: (since[call_id], call_id))
        kept = [c for c in ended if since[c] < timeline_before_ms and c not in self._timeline_dropped]
        for call_id in kept[:CALLS_A_TIME]:
            row = self._calls[call_id]
            self._timeline.pop((row.partition, row.born), None)
            self._timeline_dropped.add(call_id)
        old = [c for c in ended if since[c] < records_before_ms and c in self._timeline_dropped][:CALLS_A_TIME]
        for call_id in old:
            self._forget(call_id)
        callless = [c.id for c in self._commands.values() if not c.call_id and c.issued_at_ms < records_before_ms]
        for command_id in callless[:CALLS_A_TIME]:
            self._drop_command(command_id)
        letters = [key for key, letter in self._dead_letters.items() if letter.at_ms < records_before_ms]
        for key in letters[:CALLS_A_TIME]:
            del self._dead_letters[key]
        snapshots = [key for key, row in self._snapshots.items() if row.appended_at_ms < timeline_before_ms]
        for name in snapshots[:CALLS_A_TIME]:
            del self._snapshots[name]
        gone = [len(each) for each in (ahead, kept, old, callless, letters, snapshots)]
        return sum(min(count, CALLS_A_TIME) for count in gone)

    def _forget(self, call_id: str) -> None:
        for table in (self._calls, self._ended, self._recorded, self._records, self._breaches):
            table.pop(call_id, None)
        self._timeline_dropped.discard(call_id)
        for _, command_id in list(self._commands_of.get(call_id, [])):
            self._drop_command(command_id)

    # -- Registry ------------------------------------------------------------------------------------------------------

    async def add_key(self, key: KeyRow) -> None:
        if key.id in self._keys:
            raise ValueError(f"there is a key {key.id}")
        self._keys[key.id] = key

    async def key(self, key_id: str) -> KeyRow | None:
        return self._keys.get(key_id)

    async def keys(self) -> list[KeyRow]:
        return sorted(self._keys.values(), key=lambda key: (key.created_at_ms, key.id))

    async def revoke_key(self, key_id: str, at_ms: int) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.revoked_at_ms is not None:
            return False
        self._keys[key_id] = key._replace(revoked_at_ms=at_ms)
        return True

    async def put_switch(self, row: SwitchRow) -> bool:
        taken = {(other.tenant, other.source): other.switch for other in self._switches.values()}
        if taken.get((row.tenant, row.source), row.switch) != row.switch:
            return False
        self._switches[row.tenant, row.switch] = row
        return True

    async def switch(self, tenant: str, switch: str) -> SwitchRow | None:
        return self._switches.get((tenant, switch))

    async def tenant_switches(self, tenant: str) -> list[SwitchRow]:
        return [row for row in await self.switches() if row.tenant == tenant]

    # -- DeadLetters ---------------------------------------------------------------------------------------------------

    async def dead_letters(
        self, wanted: DeadLetterFilter, after: tuple[int, int, int] | None, limit: int
    ) -> list[DeadLetterLine]:
        found = [
            DeadLetterLine(*row[:6], len(row.body), row.replayed_at_ms)
            for row in self._dead_letters.values()
            if wanted.reason in {None, row.reason}
            and wanted.tenant in {None, row.tenant}
            and (wanted.since_ms is None or row.at_ms >= wanted.since_ms)
            and not (wanted.waiting and row.replayed_at_ms is not None)
            and (after is None or (row.at_ms, row.partition, row.position) > after)
        ]
        return sorted(found, key=lambda line: (line.at_ms, line.partition, line.position))[:limit]

    async def dead_letter(self, partition: int, position: int) -> DeadLetterRow | None:
        return self._dead_letters.get((partition, position))

    async def mark_replayed(self, letters: Sequence[tuple[int, int]], at_ms: int) -> int:
        there = [key for key in set(letters) if key in self._dead_letters]
        for key in there:
            self._dead_letters[key] = self._dead_letters[key]._replace(replayed_at_ms=at_ms)
        return len(there)


def _refuse_repeats(
    round_: Round,
    timeline: Mapping[tuple[int, int], Mapping[tuple[int, int], TimelineRow]],
    calls: Mapping[str, CallRow],
) -> None:
    """Primary keys, as the SQL ledger has them: a row written twice is a mistake of the engine."""
    rows = [(row[:2], (row.position, row.n)) for row in round_.timeline]
    births = [row.call_id for row in round_.births]
    if len(set(rows)) < len(rows) or len(set(births)) < len(births):
        raise ValueError("a round holds a row twice")
    if any(key in timeline.get(call, ()) for call, key in rows) or any(call_id in calls for call_id in births):
        raise ValueError("a round repeats a row")
