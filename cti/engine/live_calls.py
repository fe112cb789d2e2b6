"""Calls as the engine holds them between rounds, and the layers that let a round be dropped whole.

Every value here is immutable; a round writes into its own layer, and only a committed layer becomes the base.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from cti.core.agent import Agent
from cti.core.call import fold
from cti.core.call_state import ENDED, Call
from cti.core.facts import PRESENT, Fact, join, pack, rank_of, unpack
from cti.core.identity import call_id
from cti.core.rules import Intervention
from cti.engine.sources import Source
from cti.rows import CallRow, CommandRow, StoredCall, TimelineRow
from schemas.reasons import FINAL_STATES


@dataclass(slots=True, init=False)
class LiveCall:
    """One call, its packed facts and what was done about it. Ended calls stay a little for what comes late.

    Nobody changes one that a layer holds: who works on a call works on a copy, and puts that into the round's layer.
    The state of a call that rests is not kept: it is the fold of the history.
    """

    source: Source
    call_id: str
    incarnation: int
    partition: int
    born: int
    subject: str
    state: Call | None
    history: bytes
    facts: int
    done: tuple[Intervention, ...]
    revision: int
    earlier_until_ms: int | None  # facts up to then are the incarnation's before this one
    heard_ms: int  # when the log got the last sign of life
    in_snapshot: bool
    timeline_gone: bool  # only when it ended is known still
    last: tuple[int, int, int, str] | None  # the order of the last fact folded in
    scheduled_ms: int | None  # when the source's schedule will look at it

    def __init__(
        self,
        source: Source,
        call_id: str,
        incarnation: int,
        partition: int,
        born: int,
        subject: str,
        state: Call | None,
        history: bytes = b"",
        facts: int = 0,
        done: tuple[Intervention, ...] = (),
        revision: int = 0,
        earlier_until_ms: int | None = None,
        heard_ms: int = 0,
        in_snapshot: bool = False,
        timeline_gone: bool = False,
        last: tuple[int, int, int, str] | None = None,
        scheduled_ms: int | None = None,
    ) -> None:
        self.source = source
        self.call_id = call_id
        self.incarnation = incarnation
        self.partition = partition
        self.born = born
        self.subject = subject
        self.state = state
        self.history = history
        self.facts = facts
        self.done = done
        self.revision = revision
        self.earlier_until_ms = earlier_until_ms
        self.heard_ms = heard_ms
        self.in_snapshot = in_snapshot
        self.timeline_gone = timeline_gone
        self.last = last
        self.scheduled_ms = scheduled_ms

    def copy(self) -> "LiveCall":
        """One's own to change. Spelt out: it is made once for every event."""
        return LiveCall(
            self.source,
            self.call_id,
            self.incarnation,
            self.partition,
            self.born,
            self.subject,
            self.call,
            self.history,
            self.facts,
            self.done,
            self.revision,
            self.earlier_until_ms,
            self.heard_ms,
            self.in_snapshot,
            self.timeline_gone,
            self.last,
            self.scheduled_ms,
        )

    @property
    def call(self) -> Call:
        """Its state."""
        return self.state if self.state is not None else fold(self.subject, unpack(self.history)).call

    @property
    def ended(self) -> bool:
        return self.state is not None and self.state.phase is ENDED

    @property
    def has_open_commands(self) -> bool:
        return any(one.state not in FINAL_STATES for one in self.done)


Key = int | tuple[int, int]
"""A call by the hash of its key; an earlier incarnation of it by (hash, incarnation)."""
AgentKey = tuple[str, str, str]


class Layer:
    """What one round changed."""

    __slots__ = ("agents", "calls")

    def __init__(self) -> None:
        self.calls: dict[Key, LiveCall] = {}
        self.agents: dict[AgentKey, Agent] = {}


class Layers:
    """The base (committed), the round that commits, and the round that is being gathered."""

    def __init__(self) -> None:
        self.base, self.committing, self.gathering = Layer(), Layer(), Layer()

    def call(self, key: Key) -> LiveCall | None:
        for layer in (self.gathering, self.committing, self.base):
            found = layer.calls.get(key)
            if found is not None:
                return found
        return None

    def named(self, name: int, call_id: str) -> tuple[Key, LiveCall | None]:
        """The call with this id, and its key: it may have become an earlier incarnation meanwhile."""
        key: Key = name
        live = self.call(key)
        while live is not None and live.call_id != call_id:
            key = (name, live.incarnation - 1)
            live = self.call(key)
        return key, live

    def agent(self, key: AgentKey) -> Agent | None:
        for layer in (self.gathering, self.committing, self.base):
            found = layer.agents.get(key)
            if found is not None:
                return found
        return None

    def calls(self) -> Iterator[tuple[Key, LiveCall]]:
        """Every call, each once, as it stands now."""
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
        """The round that committed did not: it and what was gathered on top of it are gone."""
        self.committing, self.gathering = Layer(), Layer()


def newborn(source: Source, subject: str, incarnation: int, partition: int, born: int) -> LiveCall:
    """A call that has no facts yet."""
    name = call_id(source.tenant, source.name, subject, incarnation)
    return LiveCall(source, name, incarnation, partition, born, subject, Call(subject))


def expired(row: CallRow, ended_at_ms: int, source: Source) -> LiveCall:
    """An ended call whose timeline is no longer kept: it takes no more facts, but its name was used."""
    live = newborn(source, row.subject, row.incarnation, row.partition, row.born)
    live.state, live.timeline_gone = Call(row.subject, ENDED, ended_ms=ended_at_ms), True
    return live


def loaded(stored: StoredCall, source: Source) -> LiveCall:
    """A call out of the ledger: the fold of its timeline."""
    row = stored.row
    facts = [(fact_of(one), one.data.encode()) for one in stored.timeline]
    history = b""
    for fact, data in facts:
        history = join(history, pack(fact, data))
    state = fold(row.subject, (fact for fact, _ in facts)).call
    live = newborn(source, row.subject, row.incarnation, row.partition, row.born)
    live.state, live.history, live.facts = state, history, len(facts)
    live.done = tuple(intervention_of(one) for one in stored.commands)
    live.revision = 0 if stored.record is None else stored.record.revision
    live.last = max((fact.order for fact, _ in facts), default=None)
    live.heard_ms = max((one.appended_at_ms for one in stored.timeline), default=row.opened_at_ms)
    live.in_snapshot = any(one.kind == PRESENT for one in stored.timeline)
    return live


def fact_of(row: TimelineRow) -> Fact:
    sequence = -1 if row.sequence is None else row.sequence
    return Fact(row.at_ms, sequence, rank_of(row.kind), row.event_id, row.kind, row.body_hash, from_json(row.data))


def occurrence_of(one: Intervention) -> str:
    """How the ledger names an occurrence: entry:n:step:cause."""
    return f"{one.entry}:{one.n}:{one.step}:{one.cause}"


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


def replaced(done: Sequence[Intervention], new: Intervention) -> tuple[Intervention, ...]:
    """The interventions with this one in place of its namesake."""
    return tuple(new if one.id == new.id else one for one in done)
