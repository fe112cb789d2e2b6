"""Calls as the engine holds them between rounds, and the layers that let a round be dropped whole.

Every value here is immutable; a round writes into its own layer, and only a committed layer becomes the base.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from cti.core.agent import Agent
from cti.core.call import fold
from cti.core.call_state import ENDED, Call
from cti.core.fact_data import is_refusal
from cti.core.facts import PRESENT, Fact, find, join, pack, rank_of, unpack
from cti.core.identity import call_id, key_of
from cti.core.rules import Intervention
from cti.engine.carried_orders import NO_ORDERS, Orders, orders_of
from cti.engine.history import SEALED_AT, SEALED_BYTES, Sealed, sealed_with
from cti.engine.interventions import INDEXED_FROM, InterventionIndex
from cti.engine.sources import Source
from cti.rows import CallRow, CommandRow, StoredCall, TimelineRow
from schemas.reasons import FINAL_STATES


@dataclass(slots=True, init=False)
class LiveCall:
    """One call, its packed facts and its interventions. Ended calls stay for a while, for late events.

    A call in a layer is never changed: work on a copy, and put that into the round's layer.
    A passive call has no state: it is the fold of its facts.
    """

    source: Source
    call_id: str
    incarnation: int
    partition: int
    born: int
    subject: str
    state: Call | None
    newest: bytes  # packed facts, those that are not sealed
    sealed: Sealed | None
    facts: int
    done: tuple[Intervention, ...]
    revision: int
    earlier_until_ms: int | None  # facts up to then belong to the previous incarnation
    heard_ms: int  # when the log got the last event that shows that the call goes on
    in_snapshot: bool
    timeline_gone: bool  # retention removed its facts; only its end is still known
    last: tuple[int, int, int, str] | None  # the order of the last fact folded in
    scheduled_ms: int | None  # when the source's schedule has it next
    index: InterventionIndex | None  # of `done`, once that is long
    orders: Orders  # ids of dial orders that its facts carry; hardly any call has one

    def __init__(
        self,
        source: Source,
        call_id: str,
        incarnation: int,
        partition: int,
        born: int,
        subject: str,
        state: Call | None,
        newest: bytes = b"",
        sealed: Sealed | None = None,
        facts: int = 0,
        done: tuple[Intervention, ...] = (),
        revision: int = 0,
        earlier_until_ms: int | None = None,
        heard_ms: int = 0,
        in_snapshot: bool = False,
        timeline_gone: bool = False,
        last: tuple[int, int, int, str] | None = None,
        scheduled_ms: int | None = None,
        index: InterventionIndex | None = None,
        orders: Orders = NO_ORDERS,
    ) -> None:
        self.source = source
        self.call_id = call_id
        self.incarnation = incarnation
        self.partition = partition
        self.born = born
        self.subject = subject
        self.state = state
        self.newest = newest
        self.sealed = sealed
        self.facts = facts
        self.done = done
        self.revision = revision
        self.earlier_until_ms = earlier_until_ms
        self.heard_ms = heard_ms
        self.in_snapshot = in_snapshot
        self.timeline_gone = timeline_gone
        self.last = last
        self.scheduled_ms = scheduled_ms
        self.index = index
        self.orders = orders

    def copy(self) -> "LiveCall":
        """A copy that the caller may change. Written out for speed: each event makes one."""
        return LiveCall(
            self.source,
            self.call_id,
            self.incarnation,
            self.partition,
            self.born,
            self.subject,
            self.call,
            self.newest,
            self.sealed,
            self.facts,
            self.done,
            self.revision,
            self.earlier_until_ms,
            self.heard_ms,
            self.in_snapshot,
            self.timeline_gone,
            self.last,
            self.scheduled_ms,
            self.index,
            self.orders,
        )

    @property
    def call(self) -> Call:
        """Its state."""
        return self.state if self.state is not None else fold(self.subject, self.history()).call

    def history(self) -> list[Fact]:
        """Every fact, in the order of arrival."""
        newest = unpack(self.newest)
        return newest if self.sealed is None else self.sealed.unpack() + newest

    def known_hash(self, event_id: str) -> int | None:
        """The body hash of this call's event with this id, or None."""
        if self.sealed is not None and (known := self.sealed.find(event_id)) is not None:
            return known
        return find(self.newest, event_id)

    def add(self, fact: Fact, data: bytes) -> None:
        """Keep one more fact; `data` is its data as JSON. The state stays what it was."""
        newest = self.newest = join(self.newest, pack(fact, data))
        self.facts += 1
        if self.facts % SEALED_AT == 0 or len(newest) >= SEALED_BYTES:
            self.sealed, self.newest = sealed_with(self.sealed, newest), b""

    @property
    def size(self) -> int:
        """Bytes of its packed facts."""
        return len(self.newest) if self.sealed is None else len(self.newest) + self.sealed.size

    def position_of(self, command_id: str) -> int | None:
        """The index in `done` of the command with this id, or None."""
        if len(self.done) > INDEXED_FROM:
            return self._indexed().position(self.done, command_id)
        for position, done in enumerate(self.done):
            if done.id == command_id:
                return position
        return None

    def done_about(self, causes: Sequence[str] | None) -> Sequence[Intervention]:
        """The interventions for the intervals that these events opened; None: all of them."""
        if causes is None:
            return self.done
        return self._indexed().of_causes(self.done, causes)

    def _indexed(self) -> InterventionIndex:
        if self.index is None:
            self.index = InterventionIndex()
        return self.index

    @property
    def ended(self) -> bool:
        return self.state is not None and self.state.phase is ENDED

    @property
    def has_open_commands(self) -> bool:
        return any(done.state not in FINAL_STATES for done in self.done)


Key = int | tuple[int, int]
"""A call by the hash of its key; an earlier incarnation of it by (hash, incarnation)."""
AgentKey = tuple[str, str, str]


class Layer:
    """What one round changed."""

    __slots__ = ("agents", "calls", "ended")

    def __init__(self) -> None:
        self.calls: dict[Key, LiveCall] = {}
        self.agents: dict[AgentKey, Agent] = {}
        self.ended: list[Key] = []  # calls that ended in it, or that it holds for late events


class Layers:
    """The base (committed), the round that commits, and the round that is being gathered."""

    def __init__(self) -> None:
        self.base, self.committing, self.gathering = Layer(), Layer(), Layer()

    def put(self, key: Key, live: LiveCall) -> None:
        """Into the round that is being gathered."""
        self.gathering.calls[key] = live

    def call(self, key: Key) -> LiveCall | None:
        for layer in (self.gathering, self.committing, self.base):
            found = layer.calls.get(key)
            if found is not None:
                return found
        return None

    def by_id(self, key_hash: int, call_id: str) -> tuple[Key, LiveCall | None]:
        """The call with this id, and its key: it may have become an earlier incarnation meanwhile."""
        key: Key = key_hash
        live = self.call(key)
        while live is not None and live.call_id != call_id:
            key = (key_hash, live.incarnation - 1)
            live = self.call(key)
        return key, live

    def agent(self, key: AgentKey) -> Agent | None:
        for layer in (self.gathering, self.committing, self.base):
            found = layer.agents.get(key)
            if found is not None:
                return found
        return None

    def calls(self) -> Iterator[tuple[Key, LiveCall]]:
        """The current version of every call."""
        seen: set[Key] = set()
        for layer in (self.gathering, self.committing, self.base):
            for key, live in list(layer.calls.items()):
                if key not in seen:
                    seen.add(key)
                    yield key, live

    def start_commit(self) -> None:
        assert not self.committing.calls, "one round commits at a time"
        self.committing, self.gathering = self.gathering, Layer()

    def committed(self) -> None:
        self.base.calls.update(self.committing.calls)
        self.base.agents.update(self.committing.agents)
        self.committing = Layer()

    def dropped(self) -> None:
        """Drop the round whose commit failed, and the round that was gathered on top of it."""
        for layer in (self.committing, self.gathering):
            for live in layer.calls.values():
                if live.index is not None:
                    live.index.clear()
        self.committing, self.gathering = Layer(), Layer()


def log_key(live: LiveCall) -> str:
    """The record key of its events in the log."""
    return key_of(live.source.tenant, live.source.name, live.subject)


def newborn(source: Source, subject: str, incarnation: int, partition: int, born: int) -> LiveCall:
    """A call that has no facts yet."""
    name = call_id(source.tenant, source.name, subject, incarnation)
    return LiveCall(source, name, incarnation, partition, born, subject, Call(subject))


def expired(row: CallRow, ended_at_ms: int, source: Source) -> LiveCall:
    """An ended call whose timeline is no longer kept: it takes no more facts, but its id was used."""
    live = newborn(source, row.subject, row.incarnation, row.partition, row.born)
    live.state, live.timeline_gone = Call(row.subject, ENDED, ended_ms=ended_at_ms), True
    return live


def loaded(stored: StoredCall, source: Source) -> LiveCall:
    """A call loaded from the ledger: the fold of its timeline."""
    row = stored.row
    facts = [fact_of(event) for event in stored.timeline]
    live = newborn(source, row.subject, row.incarnation, row.partition, row.born)
    folded = fold(row.subject, facts)
    live.state = folded.call
    for fact, written in zip(facts, stored.timeline, strict=True):
        live.add(fact, written.data.encode())
    live.done = tuple([intervention_of(command) for command in stored.commands])
    live.orders = orders_of(folded.call, facts, folded.beyond, live.done)
    live.revision = 0 if stored.record is None else stored.record.revision
    live.last = max([fact.order for fact in facts], default=None)
    heard = [event.appended_at_ms for fact, event in zip(facts, stored.timeline, strict=True) if not is_refusal(fact)]
    live.heard_ms = max(heard, default=row.opened_at_ms)
    live.in_snapshot = any(event.kind == PRESENT for event in stored.timeline)
    return live


def fact_of(row: TimelineRow) -> Fact:
    sequence = -1 if row.sequence is None else row.sequence
    return Fact(row.at_ms, sequence, rank_of(row.kind), row.event_id, row.kind, row.body_hash, from_json(row.data))


def occurrence_of(intervention: Intervention) -> str:
    """How the ledger names an occurrence: entry:n:step:cause."""
    return f"{intervention.entry}:{intervention.n}:{intervention.step}:{intervention.cause}"


def intervention_of(row: CommandRow) -> Intervention:
    entry, n, step, cause = row.occurrence.split(":", 3)
    return Intervention(
        row.id,
        row.rule,
        int(entry),
        int(n),
        int(step),
        cause,
        row.command,
        row.due_at_ms,
        row.expires_at_ms,
        row.state,
        row.reason,
    )
