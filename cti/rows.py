"""The plain rows that cross the ports: what a round writes, what the doors read.

All times are integer milliseconds since the Unix epoch, all durations integer milliseconds.
"""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from cti.caller_rows import CallbackRequest
from cti.snapshot_rows import SnapshotKey, SnapshotRow

Resource = TypeVar("Resource")
Claimed = TypeVar("Claimed")

Sources = frozenset[str] | None
"""Of which sources something is asked; None: of all."""


class Claim(NamedTuple):
    """A partition taken over: the epoch that fences its commits, and the position to read from."""

    partition: int
    epoch: int
    position: int  # the last position whose effects are committed
    command_no: int  # the last number given to a command of this partition

    @property
    def resource(self) -> int:
        """What leases call the partition."""
        return self.partition


class Changes(NamedTuple, Generic[Resource, Claimed]):
    """What the owner of leases has to do about them, in this order."""

    lost: list[Resource]  # another has them: drop them, and what is uncommitted there
    release: list[Resource]  # read no further, commit what was read, then say `released`; named again until then
    take: list[Claimed]  # load, and go on: of a partition, after the claim's position


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

    @property
    def log_position(self) -> tuple[int, int]:
        return self.position, self.n


class CallRow(NamedTuple):
    """A call's birth."""

    call_id: str
    key_hash: int  # signed 64 bit, of the record key; calls may share it (`core.identity.stored_hash`)
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
    tried_ms: int | None = None  # how long he waited for an answer, or in vain; null: of an older release


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
    """One intervention. Only those of state `open` go to a switch; those of state `overtaken` are kept and counted."""

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
    state: str  # open | accepted | done | refused | unanswered | overtaken
    reason: str | None
    body: str  # the command's own JSON fields, without valid_for_ms


class OutcomeRow(NamedTuple):
    """A command's outcome."""

    id: str
    state: str  # accepted | done | refused | unanswered
    reason: str | None
    at_ms: int


class ResultRow(NamedTuple):
    """A switch's result without a live call: it settles the command of this id of the same tenant and source."""

    tenant: str
    source: str
    id: str
    state: str  # accepted | done | refused
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
    replayed_at_ms: int | None = None  # when it was last appended to the log again


class OutboxRow(NamedTuple):
    """What integrators shall read from a topic beside the ledger; it waits here until the topic has it."""

    partition: int
    no: int  # rising in a partition
    kind: str  # commands | calls.records | calls.breaches | dead-letters
    tenant: str
    key: str  # "tenant:source:subject": it keeps one call's rows in order
    id: str  # a reader knows by it what it has seen
    body: bytes


class DialFact(NamedTuple):
    """What is known of a call that carries a dial order's id; the last one written stands."""

    tenant: str
    source: str
    commandid: str  # the dial order's
    call_id: str  # "": a message's, which has no call
    incarnation: int
    revision: int  # rises with each write for this call; see `cti.dial.facts.put_facts`
    opened_at_ms: int
    rang_at_ms: int | None
    answered_at_ms: int | None
    ended_at_ms: int | None
    record: str | None  # the call's record, canonical JSON, None while it is live; a message's report
    appended_at_ms: int  # log clock: how far the partition was read when this was written


class SourceWordRow(NamedTuple):
    """How far a partition has read a source that is dialled on; the last one written stands."""

    tenant: str
    source: str
    partition: int
    appended_at_ms: int  # log clock: all that was appended to this partition before is committed with the word
    lag_ms: int  # of the source's clock: appended minus said
    trusted: int  # 1: the source's clock is believed
    word_at_ms: int  # log clock: when the source was last heard of, to the second; 0: not since the engine started


@dataclass(slots=True)
class Round:
    """All that one round decided; committed in one transaction or not at all. The fences go last."""

    timeline: list[TimelineRow] = field(default_factory=list)
    births: list[CallRow] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    breaches: list[BreachRow] = field(default_factory=list)
    commands: list[CommandRow] = field(default_factory=list)  # inserted ON CONFLICT DO NOTHING
    outcomes: list[OutcomeRow] = field(default_factory=list)  # never over a final state
    results: list[ResultRow] = field(default_factory=list)  # the same
    agents: list[AgentRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    snapshots: list[SnapshotRow] = field(default_factory=list)  # one that is there already stays
    snapshots_gone: list[SnapshotKey] = field(default_factory=list)  # deleted
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    published: dict[int, int] = field(default_factory=dict)  # by partition: outbox rows up to this number have arrived
    dial_facts: list[DialFact] = field(default_factory=list)  # those that carry no dial order's id are not kept
    dial_facts_gone: list[tuple[str, str, str]] = field(default_factory=list)  # (tenant, commandid, call_id): deleted
    source_words: list[SourceWordRow] = field(default_factory=list)
    callback_requests: list[CallbackRequest] = field(default_factory=list)  # an id that is there already stays
    fences: list[Fence] = field(default_factory=list)


class PastCall(NamedTuple):
    """A call that has ended, as far as a late event needs it."""

    row: CallRow
    ended_at_ms: int
    revision: int
    kept: bool = True  # its timeline is
    given_up: bool = False  # it ended as stale or lost, and was never cleared


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
    expires_at_ms: int | None = None  # by the clock of the log


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
    sources: Sources = None  # of one of these


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
    sources: Sources = None  # of one of these


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
    abandoned_short: int  # inbound; within 5 s of being queued (RING-3 leaves them out)
    answered_in_service: int  # inbound; answered within `service_ms` of queued (of offered if never queued)
    answered_in_time: int  # first delivered to established within `ring_ms`
    answer_known: int  # answered calls that had a delivered event
    wait_answered_ms: int  # inbound
    talk_ms: int
    hold_ms: int
    transfers: int
    notices_owed: int
    notices_played: int
    answered_inbound: int
    abandoned_inbound: int


class TotalsFilter(NamedTuple):
    """Which calls are summed; None = any. `sources`: those that a key may read, or the one asked for."""

    from_ms: int | None = None
    to_ms: int | None = None
    sources: Sources = None
    direction: str | None = None
    queue: str | None = None


class DeadLetterLine(NamedTuple):
    """One line of a listing of dead letters, the oldest first: keyset (at_ms, partition, position)."""

    partition: int
    position: int
    tenant: str
    reason: str
    detail: str
    at_ms: int
    size: int  # bytes of its body
    replayed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters; None = any."""

    reason: str | None = None
    tenant: str | None = None
    since_ms: int | None = None  # appended to the log at or after
    waiting: bool = True  # only those that were never replayed
