"""What the loops need from outside, as Protocols and the plain rows that cross them.

Two things are outside: the **event log**, a pipe that keeps what switches said in order, and the **ledger**, the SQL
store that decides. Every adapter (memory, SQLite, PostgreSQL, Kafka) passes one contract suite, `tests/contract`.
All times are integer milliseconds since the Unix epoch, all durations integer milliseconds.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schemas.envelope import Event


class Clock(Protocol):
    """Where "now" comes from: the machine, a scaled machine, or a test."""

    def now_ms(self) -> float:
        """The time in ms since the epoch; never goes back."""

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        """Return when `event` is set or the clock has reached `until_ms` (None: only the event)."""


# -- the event log ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Appending:
    """One event on its way into the log. `everywhere`: into every partition (switch events)."""

    tenant: str
    key: str  # "tenant:source:subject", what the partition is computed from (murmur2)
    body: bytes  # structured CloudEvents JSON, as it will be read again
    event: Event | None = None  # what the door already read of `body`, to spare the engine of this process the parsing
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the log keeps it."""

    partition: int
    position: int  # rising by one from 1 in a partition
    appended_at_ms: int  # by the log's clock, never falling within a partition
    tenant: str
    body: bytes
    event: Event | None = None


class LogEnd(NamedTuple):
    """The last position of every partition, and when, by the log's clock, that was certain."""

    positions: Mapping[int, int]
    at_ms: float


class EventLog(Protocol):
    """Append, read from a position, confirm the end. Durable before `append` returns."""

    @property
    def partitions(self) -> int: ...

    def now_ms(self) -> float:
        """The log's own clock."""

    def partition_of(self, key: str) -> int:
        """Where a record key goes (murmur2, as Kafka's default partitioner has it)."""

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        """Keep the items, in order; (partition, position) of each. Raises `errors.LogAway`; then nothing is promised."""

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """Up to `limit` entries behind the given position of each named partition, in order within a partition.

        Raises `errors.LogTruncated` when the log no longer holds what follows a position.
        """

    async def end(self) -> LogEnd: ...

    def wake(self, event: asyncio.Event) -> None:
        """Set `event` whenever something has been appended (by this process at least)."""

    async def purge(self, before_ms: int) -> int:
        """Drop what was appended earlier (bounded work a call); how many entries went."""


# -- the ledger: what a round writes -----------------------------------------------------------------------------------


class Claim(NamedTuple):
    """A partition taken over: what fences its commits and where reading goes on."""

    partition: int
    epoch: int
    position: int  # the last position whose effects are committed
    command_no: int  # the last number given to a command of this partition


class Fence(NamedTuple):
    """The last statement of a round: only the owner of this epoch moves a partition on."""

    partition: int
    epoch: int
    position: int
    command_no: int


class TimelineRow(NamedTuple):
    """One event of one call (or agent). (partition, born) names the call, `born` = the position that opened it."""

    partition: int
    born: int
    position: int
    n: int  # 0 the event itself; > 0 what the engine derived there (a snapshot's or a silence's closing)
    at_ms: int  # event time, switch clock
    appended_at_ms: int
    sequence: int | None
    kind: str
    event_id: str
    body_hash: int  # signed 64 bit
    data: str  # compact JSON object


class CallRow(NamedTuple):
    """A call's birth."""

    call_id: str
    key_hash: int  # signed 64 bit, of (tenant, source, subject)
    tenant: str
    source: str
    subject: str
    incarnation: int
    partition: int
    born: int
    opened_at_ms: int
    direction: str | None


class RecordRow(NamedTuple):
    """A call's end: its record, and the columns that queries and indicators need. A higher revision replaces."""

    call_id: str
    tenant: str
    source: str
    revision: int
    opened_at_ms: int
    ended_at_ms: int
    outcome: str
    direction: str | None
    queue: str | None
    agent: str | None  # who answered first
    wait_ms: int
    queued: int  # 1 when the call was ever queued
    answer_ms: int | None
    talk_ms: int
    hold_ms: int
    transfers: int
    notices_owed: int
    notices_played: int
    record: str  # the whole record, canonical JSON


class BreachRow(NamedTuple):
    """One breach of one call's latest record; all of a call's are replaced together."""

    call_id: str
    n: int
    tenant: str
    source: str
    rule: str
    at_ms: int
    limit_s: float | None
    actual_s: float | None
    agent: str | None
    queue: str | None


class CommandRow(NamedTuple):
    """One intervention. Only those of state `open` go to a switch; `overtaken` and `observed` are kept and counted."""

    id: str
    tenant: str
    source: str  # the switch instance
    call_id: str  # "" for a command that concerns an agent alone
    partition: int
    no: int  # rising by one in a partition: the order of sending
    rule: str
    command: str
    occurrence: str  # which interval and which occurrence of it: "hold:2:1", "offer:0"
    due_at_ms: int  # switch clock
    issued_at_ms: int  # log clock
    expires_at_ms: int  # log clock
    state: str  # open | accepted | done | refused | unanswered | overtaken | observed
    reason: str | None
    body: str  # the command's own JSON fields, without valid_for_ms


class OutcomeRow(NamedTuple):
    """What became of a command."""

    id: str
    state: str  # accepted | done | refused | unanswered
    reason: str | None
    at_ms: int


class AgentRow(NamedTuple):
    """An agent's state after an event; the last one stands."""

    tenant: str
    source: str
    agent: str
    partition: int
    state: str
    since_ms: int
    device: str | None
    reason: str | None


class SourceRow(NamedTuple):
    """Which facts a source has ever sent: space-separated event kinds, sorted."""

    tenant: str
    source: str
    partition: int
    kinds: str


class DeadLetterRow(NamedTuple):
    """An entry that could not be used, byte for byte."""

    partition: int
    position: int
    tenant: str
    reason: str
    detail: str
    at_ms: int
    body: bytes


@dataclass(slots=True)
class Round:
    """All that one round decided; committed in one transaction or not at all. The fences go last."""

    timeline: list[TimelineRow] = field(default_factory=list)
    births: list[CallRow] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    breaches: list[BreachRow] = field(default_factory=list)
    commands: list[CommandRow] = field(default_factory=list)  # inserted ON CONFLICT DO NOTHING
    outcomes: list[OutcomeRow] = field(default_factory=list)  # never over a final state
    agents: list[AgentRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)


class PastCall(NamedTuple):
    """A call that has ended, as far as a late event needs it."""

    row: CallRow
    ended_at_ms: int
    revision: int


class StoredCall(NamedTuple):
    """A call with all that is kept of it."""

    row: CallRow
    timeline: list[TimelineRow]
    commands: list[CommandRow]
    record: RecordRow | None


class SwitchRow(NamedTuple):
    """A switch's declaration of itself."""

    tenant: str
    switch: str
    source: str
    declaration: str  # JSON


class Ledger(Protocol):
    """What the engine needs of the ledger."""

    async def claim(self, owner: str, partitions: int) -> list[Claim]:
        """Raise every partition's epoch and own it. The count is fixed for life: another raises `errors.WrongPartitions`."""

    async def commit(self, round_: Round) -> None:
        """Write one round. Raises `errors.Fenced` (another owns a partition; nothing was written), `errors.LedgerAway`
        (nothing was written) or `errors.OutcomeUnknown` (the connection broke during COMMIT)."""

    async def committed(self) -> Mapping[int, tuple[int, int]]:
        """(epoch, position) of every partition."""

    def live_calls(self, partitions: Sequence[int]) -> AsyncIterator[list[StoredCall]]:
        """Every call without a record, in slices."""

    async def past_calls(self, key_hashes: Sequence[int]) -> list[PastCall]:
        """Ended calls under these keys, as far back as the timeline is kept."""

    async def stored_calls(self, call_ids: Sequence[str]) -> list[StoredCall]: ...

    async def agents(self) -> list[AgentRow]: ...

    async def sources(self) -> list[SourceRow]: ...

    async def switches(self) -> list[SwitchRow]: ...

    async def purge(self, timeline_before_ms: int, records_before_ms: int) -> int:
        """Retention: drop ended calls' timelines, and old records; bounded work a call."""


# -- the ledger: what the doors read -----------------------------------------------------------------------------------


class KeyRow(NamedTuple):
    """An API key; `digest` is a hash of its secret, the secret itself is nowhere."""

    id: str
    digest: str
    tenant: str
    scopes: str  # space-separated
    switches: str  # space-separated ids, or "*"
    label: str
    created_at_ms: int
    revoked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What GET /v1/calls asks for; None = any."""

    state: str | None = None  # live | ended
    source: str | None = None
    subject: str | None = None
    queue: str | None = None
    agent: str | None = None
    outcome: str | None = None
    rule: str | None = None  # breached
    from_ms: int | None = None  # opened at or after
    to_ms: int | None = None  # opened before


class CallListing(NamedTuple):
    """One line of GET /v1/calls, newest first: keyset (opened_at_ms, call_id)."""

    row: CallRow
    record: RecordRow | None


@dataclass(frozen=True, slots=True)
class BreachFilter:
    rule: str | None = None
    agent: str | None = None
    queue: str | None = None
    source: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class Totals(NamedTuple):
    """Sums over records, from which `core.indicators` makes the figures. Times in ms."""

    group: str  # "" | queue | agent | half hour as epoch ms
    calls: int
    answered: int
    abandoned: int
    failed: int
    lost: int
    stale: int
    abandoned_from_queue: int
    abandoned_short: int  # within 5 s of being queued (RING-3 leaves them out)
    answered_in_service: int  # answered within `service_ms` of queued (of offered if never queued)
    answered_in_time: int  # first delivered to established within `ring_ms`
    answer_known: int  # answered calls that had a delivered event
    wait_answered_ms: int
    talk_ms: int
    hold_ms: int
    transfers: int
    notices_owed: int
    notices_played: int


class Reads(Protocol):
    """What the doors ask; every query is bound to a tenant."""

    async def positions(self) -> Mapping[int, int]: ...

    async def call(self, tenant: str, call_id: str) -> StoredCall | None: ...

    async def calls(
        self, tenant: str, wanted: CallFilter, after: tuple[int, str] | None, limit: int
    ) -> list[CallListing]: ...

    async def breaches(
        self, tenant: str, wanted: BreachFilter, after: tuple[int, str, int] | None, limit: int
    ) -> list[BreachRow]: ...

    async def records(self, tenant: str, after: str, limit: int) -> list[str]:
        """Latest records behind a call id, in call-id order, as canonical JSON."""

    async def totals(
        self, tenant: str, from_ms: int | None, to_ms: int | None, by: str, service_ms: int, ring_ms: int
    ) -> list[Totals]: ...

    async def breach_counts(self, tenant: str, from_ms: int | None, to_ms: int | None) -> Mapping[str, int]: ...

    async def intervention_counts(
        self, tenant: str, from_ms: int | None, to_ms: int | None
    ) -> list[tuple[str, str, str, str | None, int]]:
        """(rule, command, state, reason, count), by the time they were due."""

    async def tenant_sources(self, tenant: str) -> list[SourceRow]: ...

    async def tenant_agents(self, tenant: str) -> list[AgentRow]: ...

    async def open_commands(self, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
        """Commands without a final result that have not expired, in the order of sending."""

    async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
        """Commands of every tenant behind each partition's number, in order within a partition."""

    async def command_marks(self) -> Mapping[int, int]:
        """The last command number of every partition."""

    async def command(self, tenant: str, command_id: str) -> CommandRow | None: ...


class Registry(Protocol):
    """Keys and switches: the few rows that the doors write themselves."""

    async def add_key(self, key: KeyRow) -> None: ...

    async def key(self, key_id: str) -> KeyRow | None: ...

    async def keys(self) -> list[KeyRow]: ...

    async def revoke_key(self, key_id: str, at_ms: int) -> bool: ...

    async def put_switch(self, row: SwitchRow) -> None: ...

    async def switch(self, tenant: str, switch: str) -> SwitchRow | None: ...

    async def tenant_switches(self, tenant: str) -> list[SwitchRow]: ...


class CommandOutbox(Protocol):
    """Where the outbound side will put its orders, in one transaction with its own rows."""

    async def order(self, commands: Sequence[CommandRow]) -> None: ...
