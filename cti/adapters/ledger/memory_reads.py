"""What the memory ledger holds, and the doors' questions to it, answered as the SQL ledger answers them."""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any, TypeVar

from cti.adapters.ledger.agents import joined
from cti.adapters.ledger.totals import HALF_HOUR_MS
from cti.core.indicators import SHORT_ABANDON_MS
from cti.leases.memory import MemoryLeases
from cti.rows import (
    AgentRow,
    BreachFilter,
    BreachRow,
    CallFilter,
    CallListing,
    CallRow,
    CommandRow,
    DeadLetterRow,
    KeyRow,
    OutboxRow,
    RecordRow,
    SourceRow,
    Sources,
    StoredCall,
    SwitchRow,
    TimelineRow,
    Totals,
    TotalsFilter,
)
from cti.snapshot_rows import SnapshotKey, SnapshotRow

Row = TypeVar("Row")


class MemoryReads(MemoryLeases):
    """`Reads` of `cti.ports` over dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[str, CallRow] = {}
        self._ended: dict[str, int] = {}
        self._recorded: dict[str, int] = {}  # when the first record was written, by the log's clock
        self._retention_ms: int | None = None
        self._timeline: dict[tuple[int, int], dict[tuple[int, int], TimelineRow]] = {}
        self._timeline_dropped: set[str] = set()
        self._records: dict[str, RecordRow] = {}
        self._breaches: dict[str, list[BreachRow]] = {}
        self._commands: dict[str, CommandRow] = {}
        self._commands_of: dict[str, list[tuple[int, str]]] = {}  # by call id: (number, id), rising
        self._commands_in: dict[int, list[tuple[int, str]]] = {}  # by partition
        self._agents: dict[tuple[str, str, str], AgentRow] = {}
        self._sources: dict[tuple[str, str, int], SourceRow] = {}
        self._snapshots: dict[SnapshotKey, SnapshotRow] = {}
        self._outbox: dict[tuple[int, int], OutboxRow] = {}
        self._switches: dict[tuple[str, str], SwitchRow] = {}
        self._dead_letters: dict[tuple[int, int], DeadLetterRow] = {}
        self._keys: dict[str, KeyRow] = {}

    def _stored(self, row: CallRow) -> StoredCall:
        rows = self._timeline.get((row.partition, row.born), {})
        commands = [self._commands[command_id] for _, command_id in self._commands_of.get(row.call_id, [])]
        return StoredCall(row, [rows[position] for position in sorted(rows)], commands, self._records.get(row.call_id))

    def _put_command(self, command: CommandRow) -> None:
        if command.id not in self._commands:
            self._commands[command.id] = command
            insort(self._commands_of.setdefault(command.call_id, []), (command.no, command.id))
            insort(self._commands_in.setdefault(command.partition, []), (command.no, command.id))

    def _drop_command(self, command_id: str) -> None:
        command = self._commands.pop(command_id)
        self._commands_of[command.call_id].remove((command.no, command_id))
        self._commands_in[command.partition].remove((command.no, command_id))

    async def positions(self) -> Mapping[int, int]:
        return {claim.partition: claim.position for claim in self._claims.values()}

    async def call(self, tenant: str, call_id: str) -> StoredCall | None:
        row = self._calls.get(call_id)
        return None if row is None or row.tenant != tenant else self._stored(row)

    async def call_since(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[StoredCall, int] | None:
        stored = await self.call(tenant, call_id)
        if stored is None:
            return None
        later = [event for event in stored.timeline if event.log_position > after]
        return stored._replace(timeline=later[:limit]), len(stored.timeline)

    async def timeline_page(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[CallRow, list[TimelineRow]] | None:
        stored = await self.call(tenant, call_id)
        if stored is None:
            return None
        return stored.row, [event for event in stored.timeline if event.log_position > after][:limit]

    async def still_live(self, call_ids: Collection[str]) -> set[str]:
        return (set(call_ids) & self._calls.keys()) - self._ended.keys()

    async def calls(
        self, tenant: str, wanted: CallFilter, after: tuple[int, str] | None, limit: int
    ) -> list[CallListing]:
        rows = [CallListing(row, self._records.get(row.call_id)) for row in self._calls.values()]
        found = [line for line in rows if line.row.tenant == tenant and self._wanted(line, wanted)]
        return _page(found, lambda line: (line.row.opened_at_ms, line.row.call_id), after, limit)

    def _wanted(self, line: CallListing, wanted: CallFilter) -> bool:
        row, record = line
        given: dict[str, str | None] = {"source": row.source, "subject": row.subject}
        given |= {"queue": record.queue, "agent": record.agent, "outcome": record.outcome} if record else {}
        rules = {breach.rule for breach in self._breaches.get(row.call_id, [])}
        state = "ended" if row.call_id in self._ended else "live"
        return (
            all(
                _same(given.get(name), getattr(wanted, name))
                for name in ("source", "subject", "queue", "agent", "outcome")
            )
            and wanted.state in {None, state}
            and (wanted.rule is None or wanted.rule in rules)
            and _within(row.opened_at_ms, wanted.from_ms, wanted.to_ms)
            and _of(row, wanted.sources)
        )

    async def breaches(
        self, tenant: str, wanted: BreachFilter, after: tuple[int, str, int] | None, limit: int
    ) -> list[BreachRow]:
        found = [
            row
            for row in self._tenant_breaches(tenant, wanted.from_ms, wanted.to_ms)
            if _of(row, wanted.sources)
            and all(_same(getattr(row, name), getattr(wanted, name)) for name in ("rule", "agent", "queue", "source"))
        ]
        return _page(found, lambda row: (row.at_ms, row.call_id, row.n), after, limit)

    def _tenant_breaches(self, tenant: str, from_ms: int | None, to_ms: int | None) -> list[BreachRow]:
        rows = (row for rows in self._breaches.values() for row in rows)
        return [row for row in rows if row.tenant == tenant and _within(row.at_ms, from_ms, to_ms)]

    async def records(self, tenant: str, after: str, limit: int, sources: Sources = None) -> list[str]:
        found = [
            row for row in self._records.values() if row.tenant == tenant and row.call_id > after and _of(row, sources)
        ]
        return [row.record for row in sorted(found, key=lambda row: row.call_id)[:limit]]

    async def totals(
        self,
        tenant: str,
        wanted: TotalsFilter,
        by: str,
        service_ms: int,
        ring_ms: int,
    ) -> list[Totals]:
        groups: dict[str, list[RecordRow]] = {"": []} if by == "none" else {}
        for row in self._records.values():
            if row.tenant == tenant and _is_wanted(row, wanted):
                groups.setdefault(_group(row, by), []).append(row)
        return [_sums(group, groups[group], service_ms, ring_ms) for group in sorted(groups)]

    async def breach_counts(self, tenant: str, wanted: TotalsFilter) -> Mapping[str, int]:
        rows = self._tenant_breaches(tenant, wanted.from_ms, wanted.to_ms)
        counted = Counter(row.rule for row in rows if _of(row, wanted.sources) and self._is_of(row.call_id, wanted))
        return dict(sorted(counted.items()))

    def _is_of(self, call_id: str, wanted: TotalsFilter) -> bool:
        """Whether the call is of the direction and the queue, as far as they are asked for."""
        if wanted.direction is None and wanted.queue is None:
            return True
        record = self._records.get(call_id)
        return record is not None and _is_wanted(record, TotalsFilter(None, None, None, wanted.direction, wanted.queue))

    async def intervention_counts(
        self, tenant: str, wanted: TotalsFilter
    ) -> list[tuple[str, str, str, str | None, int]]:
        counted = Counter(
            (row.rule, row.command, row.state, row.reason)
            for row in self._commands.values()
            if row.tenant == tenant
            and _within(row.due_at_ms, wanted.from_ms, wanted.to_ms)
            and _of(row, wanted.sources)
            and self._is_of(row.call_id, wanted)
        )
        return sorted([(*kind, n) for kind, n in counted.items()], key=lambda row: (row[:3], row[3] or ""))

    async def tenant_sources(self, tenant: str) -> list[SourceRow]:
        return joined(self._sources[name] for name in sorted(self._sources) if name[0] == tenant)

    async def open_commands(self, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
        found = [
            row
            for row in self._commands.values()
            if (row.tenant, row.source) == (tenant, source)
            and row.state in {"open", "accepted"}
            and row.expires_at_ms > int(now_ms)
        ]
        return sorted(found, key=lambda row: (row.issued_at_ms, row.partition, row.no))[:limit]

    async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
        share = max(1, limit // max(1, len(marks)))
        found: list[CommandRow] = []
        for partition, mark in sorted(marks.items()):
            sent = self._commands_in.get(partition, [])
            start = bisect_right(sent, mark, key=itemgetter(0))
            found += [self._commands[command_id] for _, command_id in sent[start : start + share]]
        return found

    async def command_marks(self) -> Mapping[int, int]:
        return {claim.partition: claim.command_no for claim in self._claims.values()}

    async def command(self, tenant: str, command_id: str) -> CommandRow | None:
        row = self._commands.get(command_id)
        return row if row is not None and row.tenant == tenant else None


def _same(value: Any, wanted: Any) -> bool:
    return wanted is None or value == wanted


def _of(row: CallRow | RecordRow | BreachRow | CommandRow, sources: Sources) -> bool:
    return sources is None or row.source in sources


def _within(at_ms: int, from_ms: int | None, to_ms: int | None) -> bool:
    return (from_ms is None or at_ms >= from_ms) and (to_ms is None or at_ms < to_ms)


def _page(rows: Iterable[Row], key: Callable[[Row], Any], after: Any, limit: int) -> list[Row]:
    """The newest first, after `after`."""
    return sorted((row for row in rows if after is None or key(row) < after), key=key, reverse=True)[:limit]


def _group(row: RecordRow, by: str) -> str:
    groups = {"none": "", "queue": row.queue or "", "agent": row.agent or ""}
    if by == "half_hour":
        return str(row.opened_at_ms - row.opened_at_ms % HALF_HOUR_MS)
    if by not in groups:
        raise ValueError(f"totals by {by!r}")
    return groups[by]


def _is_wanted(row: RecordRow, wanted: TotalsFilter) -> bool:
    return (
        _within(row.opened_at_ms, wanted.from_ms, wanted.to_ms)
        and _of(row, wanted.sources)
        and wanted.direction in (None, row.direction or "inbound")
        and wanted.queue in (None, row.queue)
    )


def _sums(group: str, rows: list[RecordRow], service_ms: int, ring_ms: int) -> Totals:
    answered = [row for row in rows if row.outcome == "answered"]
    abandoned = [row for row in rows if row.outcome == "abandoned"]
    outcomes = Counter(row.outcome for row in rows)
    answered_in = [row for row in answered if row.direction in (None, "inbound")]
    abandoned_in = [row for row in abandoned if row.direction in (None, "inbound")]
    return Totals(
        group=group,
        calls=len(rows),
        answered=len(answered),
        abandoned=len(abandoned),
        failed=outcomes["failed"],
        lost=outcomes["lost"],
        stale=outcomes["stale"],
        abandoned_from_queue=sum(row.queued for row in abandoned),
        abandoned_short=sum(_tried_ms(row) <= SHORT_ABANDON_MS for row in abandoned_in),
        answered_in_service=sum(_tried_ms(row) <= service_ms for row in answered_in),
        answered_in_time=sum(row.answer_ms is not None and row.answer_ms <= ring_ms for row in answered),
        answer_known=sum(row.answer_ms is not None for row in answered),
        wait_answered_ms=sum(row.wait_ms for row in answered_in),
        talk_ms=sum(row.talk_ms for row in rows),
        hold_ms=sum(row.hold_ms for row in rows),
        transfers=sum(row.transfers for row in rows),
        notices_owed=sum(row.notices_owed for row in rows),
        notices_played=sum(row.notices_played for row in rows),
        answered_inbound=len(answered_in),
        abandoned_inbound=len(abandoned_in),
    )


def _tried_ms(row: RecordRow) -> int:
    """How long the caller waited for an answer, or in vain: since queued, since offered if he never was."""
    if row.tried_ms is not None:
        return row.tried_ms
    return row.wait_ms if row.queued else row.ended_at_ms - row.talk_ms - row.opened_at_ms
