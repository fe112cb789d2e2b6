"""What the loops need from outside, as Protocols; the rows that cross them are in `rows`.

Two things are outside: the **event log**, a pipe that keeps what switches said in order, and the **ledger**, the SQL
store that decides. Every adapter (memory, SQLite, PostgreSQL, Kafka) passes one contract suite, `tests/contract`.
All times are integer milliseconds since the Unix epoch, all durations integer milliseconds.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from cti.rows import (
    AgentRow,
    BreachFilter,
    BreachRow,
    CallFilter,
    CallListing,
    CallRow,
    Changes,
    Claim,
    CommandRow,
    DeadLetterFilter,
    DeadLetterLine,
    DeadLetterRow,
    Fence,
    KeyRow,
    OutboxRow,
    OutcomeRow,
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
from schemas.envelope import Event, Family
from schemas.reasons import DeadLetter


class Clock(Protocol):
    """Where "now" comes from: the machine, a scaled machine, or a test."""

    def now_ms(self) -> float:
        """The time in ms since the epoch, or since some start for a monotonic clock. It goes back only where the
        machine's clock was set back.
        """

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        """Return when `event` is set or the clock has reached `until_ms` (None: only the event)."""


class WallClock(Protocol):
    """The date and the time of day, as the machine shows them now. It jumps, either way, when the machine's clock is
    set: calling hours are judged by it, nothing waits or is ordered by it.
    """

    def wall_ms(self) -> float:
        """The time in ms since the epoch; may go back."""


# -- the event log ---------------------------------------------------------------------------------------------------


class Appending(NamedTuple):
    """One event on its way into the log. `everywhere`: into every partition of calls and agents (switch events)."""

    tenant: str
    key: str  # "tenant:source:subject", what the partition is computed from (murmur2)
    body: bytes  # structured CloudEvents JSON, as it will be read again
    event: Event | None = None  # `body` as the HTTP API has parsed it, for the engine of this process
    everywhere: bool = False


class Entry(NamedTuple):
    """One event as the log keeps it."""

    partition: int
    position: int  # from 1, rising in a partition; not necessarily by one
    appended_at_ms: int  # by the log's clock; within a partition it falls only where that clock was set back
    tenant: str
    body: bytes
    event: Event | None = None
    unfit: tuple[DeadLetter, str] | None = None  # why it is to be set aside unread, for a log others write to
    copied: bool = False  # one of the copies of a switch event for every partition, on a log with topics by family

    @property
    def is_mark(self) -> bool:
        """A position that the log uses for itself: nothing but the position moves."""
        return not self.body and self.unfit is None


class LogEnd(NamedTuple):
    """The last position of every partition, and when, by the log's clock, that was certain."""

    positions: Mapping[int, int]
    at_ms: float


class EventLog(Protocol):
    """Append, read from a position, confirm the end. Durable before `append` returns."""

    @property
    def partitions(self) -> int: ...

    @property
    def kinds(self) -> int:
        """How many kinds of partitions there are, in turn: each is shared among engines by itself."""

    def now_ms(self) -> float:
        """The log's own clock."""

    def partition_of(self, key: str, family: Family = "call") -> int:
        """Where an event of this key goes (murmur2, as Kafka's default partitioner has it).

        Kafka keeps a topic each for calls, agents and switches; SQL and memory keep the families together.
        """

    def passes_on(self, partition: int) -> bool:
        """Whether switches write what concerns all partitions into this one alone: Kafka's topic of switch events.

        Its owner appends each entry again, `everywhere`; nothing else is done with it.
        """

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        """Keep the items, in order; (partition, position) of each.

        Raises `errors.LogAway`; then nothing is promised.
        """

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """Up to `limit` entries after the given position of each named partition, in order within a partition.

        What is at hand, without waiting for more: on Kafka an empty answer does not say that the log ends here.
        Raises `errors.LogTruncated` when the log no longer holds what follows a position.
        """

    async def end(self) -> LogEnd:
        """The high-water mark of every partition, confirmed. Raises `errors.LogAway`. May be asked during a `read`."""

    def wake(self, event: asyncio.Event) -> None:
        """Set `event` whenever something has been appended (by this process at least)."""

    async def purge(self, before_ms: int, latest_ms: int | None = None) -> int:
        """Drop what was appended earlier (bounded work a call); how many entries went.

        Nothing goes that follows an entry which is not old: a clock that was set back for a while makes no entry old.
        One dated later than `latest_ms`, by a clock that was set ahead, is as old as the next that is not.
        """


def call_partitions(event_log: EventLog) -> list[int]:
    """The partitions of calls: all, unless the log keeps kinds of events apart."""
    kinds = event_log.kinds
    kind = event_log.partition_of("", "call") % kinds
    return list(range(kind, event_log.partitions, kinds))


class Pulse(Protocol):
    """What an engine wakes after a commit: the HTTP API of its process."""

    def committed(self, positions: Mapping[int, int]) -> None: ...

    def present(self, only_tenant: str | None) -> None: ...

    def commanded(self, rows: Sequence[CommandRow], outcomes: Sequence[OutcomeRow]) -> None: ...


class Publisher(Protocol):
    """Topics that integrators read beside the log."""

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Return when all have arrived. Raises `errors.LogAway`; then some may have, and all may be sent again."""


# -- the ledger: what a round writes -----------------------------------------------------------------------------------


class Ledger(Protocol):
    """What the engine needs of the ledger."""

    async def claim(self, owner: str, partitions: int) -> list[Claim]:
        """Raise every partition's epoch and own it. The count is fixed for life: another raises
        `errors.WrongPartitions`.
        """

    async def commit(self, round_: Round) -> None:
        """Write one round. Raises `errors.Fenced` (another owns a partition; nothing was written), `errors.LedgerAway`
        (nothing was written) or `errors.OutcomeUnknown` (the connection broke during COMMIT)."""

    async def committed(self) -> Mapping[int, Fence]:
        """Epoch, position and command number of every partition, as the last commit left them."""

    def live_calls(self, partitions: Sequence[int]) -> AsyncIterator[list[StoredCall]]:
        """Every call without a record, in slices."""

    async def unanswered_calls(self, partition: int) -> list[str]:
        """Ids of a partition's ended calls with a command that is still open."""

    async def past_calls(self, key_hashes: Sequence[int]) -> list[PastCall]:
        """Ended calls under these keys, as far back as the timeline is kept."""

    async def pending_outbox(self, partition: int) -> list[OutboxRow]:
        """The outbox rows of a partition that its topics may not have acknowledged, in order."""

    async def stored_calls(self, call_ids: Sequence[str]) -> list[StoredCall]: ...

    async def agents(self) -> list[AgentRow]: ...

    async def sources(self) -> list[SourceRow]: ...

    async def snapshots(self, partition: int) -> list[SnapshotRow]:
        """What the partition keeps of its switches' snapshots, the oldest first."""

    async def switches(self) -> list[SwitchRow]: ...

    async def awaited_sources(self) -> list[tuple[str, str]]:
        """(tenant, source) of the switches with a dial order that is not settled, as they were when it was made."""

    async def retention_ms(self) -> int | None:
        """What now is for retention, as it was last kept; records that are written from now on are not dated before."""

    async def keep_retention_ms(self, at_ms: int) -> None: ...

    async def purge(self, timeline_before_ms: int, records_before_ms: int, latest_ms: int | None = None) -> int:
        """Drop the timelines of calls whose first record was written earlier, snapshots that were appended earlier, and
        old records; bounded work a call.

        What was recorded more than a day later than `latest_ms`, by a clock that was set ahead, is dated `latest_ms`.
        """


# -- ownership: who reads which partition ------------------------------------------------------------------------------


class Ownership(Protocol):
    """What the engine asks of its lease group; `changes`, `released` and `lost` do not wait. `run` is a task beside the
    engine. What keeps the leases is in `cti.leases`.
    """

    async def start(self) -> None:
        """Raises `errors.WrongPartitions`, `errors.LedgerAway`."""

    async def run(self) -> None:
        """Until cancelled."""

    def changes(self) -> Changes[int, Claim]:
        """The changes since the previous call; cheap enough for every turn of the engine."""

    def released(self, partitions: Iterable[int]) -> None:
        """Nothing of these is read or uncommitted any more."""

    def lost(self, partitions: Iterable[int]) -> None:
        """A commit was fenced on these, and the engine has dropped them. Raises `errors.Fenced` where that is the end
        of an engine that was alone.
        """

    async def stop(self) -> None:
        """Release everything, once the engine's last round has ended; `run` has been cancelled."""


# -- the ledger: what the doors read -----------------------------------------------------------------------------------


class Reads(Protocol):
    """What the doors ask; every query is bound to a tenant."""

    async def positions(self) -> Mapping[int, int]: ...

    async def call(self, tenant: str, call_id: str) -> StoredCall | None: ...

    async def call_since(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[StoredCall, int] | None:
        """A call with at most so many of its events after (position, n), and how many events it has in all."""

    async def timeline_page(
        self, tenant: str, call_id: str, after: tuple[int, int], limit: int
    ) -> tuple[CallRow, list[TimelineRow]] | None:
        """A call and its events after (position, n), in that order; None: there is no such call."""

    async def still_live(self, call_ids: Collection[str]) -> set[str]:
        """Those of these calls that have not ended."""

    async def calls(
        self, tenant: str, wanted: CallFilter, after: tuple[int, str] | None, limit: int
    ) -> list[CallListing]: ...

    async def breaches(
        self, tenant: str, wanted: BreachFilter, after: tuple[int, str, int] | None, limit: int
    ) -> list[BreachRow]: ...

    async def records(self, tenant: str, after: str, limit: int, sources: Sources = None) -> list[str]:
        """Latest records after a call id, in call-id order, as canonical JSON."""

    async def totals(
        self,
        tenant: str,
        wanted: TotalsFilter,
        by: str,
        service_ms: int,
        ring_ms: int,
    ) -> list[Totals]: ...

    async def breach_counts(self, tenant: str, wanted: TotalsFilter) -> Mapping[str, int]: ...

    async def intervention_counts(
        self, tenant: str, wanted: TotalsFilter
    ) -> list[tuple[str, str, str, str | None, int]]:
        """(rule, command, state, reason, count), by the time they were due."""

    async def tenant_sources(self, tenant: str) -> list[SourceRow]: ...

    async def open_commands(self, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
        """Commands without a final result that have not expired, in the order of sending."""

    async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
        """Commands of every tenant after each partition's number, in order within a partition."""

    async def command_marks(self) -> Mapping[int, int]:
        """The last command number of every partition."""

    async def command(self, tenant: str, command_id: str) -> CommandRow | None: ...


class Registry(Protocol):
    """Keys and switches: the few rows that the doors write themselves."""

    async def add_key(self, key: KeyRow) -> None: ...

    async def key(self, key_id: str) -> KeyRow | None: ...

    async def keys(self) -> list[KeyRow]: ...

    async def revoke_key(self, key_id: str, at_ms: int) -> bool: ...

    async def put_switch(self, row: SwitchRow) -> bool:
        """False, and nothing is written, where another switch of the tenant has this source."""

    async def switch(self, tenant: str, switch: str) -> SwitchRow | None: ...

    async def tenant_switches(self, tenant: str) -> list[SwitchRow]: ...


class DeadLetters(Protocol):
    """Dead letters of all tenants, for those who operate the service."""

    async def dead_letters(
        self, wanted: DeadLetterFilter, after: tuple[int, int, int] | None, limit: int
    ) -> list[DeadLetterLine]:
        """A page, the oldest first, after (at_ms, partition, position)."""

    async def dead_letter(self, partition: int, position: int) -> DeadLetterRow | None: ...

    async def mark_replayed(self, letters: Sequence[tuple[int, int]], at_ms: int) -> int:
        """Note that these (partition, position) were appended again; how many of them exist."""
