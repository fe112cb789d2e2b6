"""The round that is being gathered: its rows, and the layers it is built on.

`ingest` (entries), `fire_rules` (timers) and `snapshot` work on one `Gathering`; the engine commits it. A round that
fails is dropped with its layer, and its entries are read again.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from cti.core.breaches import Breach
from cti.core.commands import Command
from cti.core.identity import hash64, key_of
from cti.core.record import Identity, Measured, measure, queue_of, record_of
from cti.core.rules import Intervention, RuleBook
from cti.core.times import rfc3339, seconds
from cti.engine.live_calls import Key, Layers, LiveCall, occurrence_of
from cti.engine.recent_ids import RecentIds
from cti.engine.sources import Source
from cti.ports import Appending, Entry
from cti.rows import BreachRow, CommandRow, DeadLetterRow, OutboxRow, OutcomeRow, RecordRow, Round
from cti.telemetry import Telemetry
from schemas.reasons import FINAL_STATES, DeadLetter, InterventionOutcome

KEYS_KEPT = 8_192  # a call's key comes again with each of its events
UNANSWERED_AFTER_MS = 2_000  # contract, Commands: no result 2 s after the expiry


@dataclass(slots=True)
class Gathering:
    """One engine's work in progress. Times are the log's clock."""

    book: RuleBook
    telemetry: Telemetry
    interventions_on: bool
    call_idle_max_ms: int
    layers: Layers = field(default_factory=Layers)
    sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    recent_ids: RecentIds = field(default_factory=RecentIds)
    round_: Round = field(default_factory=Round)
    command_nos: dict[int, int] = field(default_factory=dict)
    partition_ms: dict[int, float] = field(default_factory=dict)  # partition time (contract, Time)
    now_ms: float = 0.0
    deadlines: list[tuple[float, str, int]] = field(default_factory=list)  # (when unanswered, call, its name), a heap
    ended: list[Key] = field(default_factory=list)  # calls that ended in this round
    publishing: bool = False  # whether integrators read topics of what is decided
    outbox_nos: dict[int, int] = field(default_factory=dict)
    places: dict[tuple[int, str], int] = field(default_factory=dict)  # partitions of keys met lately
    passing: list[Appending] = field(default_factory=list)  # to be appended everywhere before the round may commit

    def source(self, tenant: str, name: str) -> Source:
        found = self.sources.get((tenant, name))
        if found is None:
            found = self.sources[tenant, name] = Source(tenant, name, self.book)
        return found

    def put(self, key: Key, live: LiveCall) -> None:
        self.layers.gathering.calls[key] = live

    def dead_letter(self, entry: Entry, reason: DeadLetter, detail: str) -> None:
        """Set an entry aside, byte for byte; it never stops a partition."""
        self.telemetry.dead_lettered(reason)
        self.round_.dead_letters.append(
            DeadLetterRow(
                entry.partition, entry.position, entry.tenant, reason, detail[:1000], entry.appended_at_ms, entry.body
            )
        )
        name = f"{entry.partition}:{entry.position}"
        self._enqueue("dead-letters", entry.partition, entry.tenant, f"{entry.tenant}:{reason.value}", name, entry.body)

    def _enqueue(self, kind: str, partition: int, tenant: str, key: str, name: str, body: bytes) -> None:
        if self.publishing:
            number = self.outbox_nos[partition] = self.outbox_nos.get(partition, 0) + 1
            self.round_.outbox.append(OutboxRow(partition, number, kind, tenant, key, name, body))

    # -- commands ------------------------------------------------------------------------------------------------------

    def issue(self, live: LiveCall, new: Command) -> Intervention:
        """Write a command that goes to the switch: valid until its use is over, by the log's clock."""
        lag = live.source.clock.lag_ms or 0
        issued, expires = int(self.now_ms), new.intervention.expires_ms + lag
        name, rule, entry, n, step, cause, command, due_ms, _, state, reason = new.intervention
        one = Intervention(name, rule, entry, n, step, cause, command, due_ms, expires, state, reason)
        body = {
            "id": one.id,
            "command": one.command,
            "tenant": live.source.tenant,
            "switch": live.source.switch,
            "call": live.call_id,
            "subject": live.subject,
            "rule": one.rule,
            **{name: value for name, value in new.fields.items() if value is not None},
            "issued_at": rfc3339(issued),
            "expires_at": rfc3339(expires),
            "due_at": rfc3339(one.due_ms),
        }
        text = to_json(body)
        self._command(live, one, issued, text.decode())
        self._enqueue("commands", live.partition, live.source.tenant, _key(live), one.id, text)
        return one

    def note(self, live: LiveCall, one: Intervention) -> Intervention:
        """Write an intervention that goes nowhere: it was overtaken."""
        self._command(live, one, int(self.now_ms), "{}")
        return one

    def _command(self, live: LiveCall, one: Intervention, issued_ms: int, body: str) -> None:
        source, partition = live.source, live.partition
        number = self.command_nos[partition] = self.command_nos.get(partition, 0) + 1
        self._count(one)
        if one.state == "open":
            self.telemetry.late_by(one.rule, max(issued_ms - one.due_ms - (source.clock.lag_ms or 0), 0))
        self.round_.commands.append(
            CommandRow(
                one.id,
                source.tenant,
                source.name,
                live.call_id,
                partition,
                number,
                one.rule,
                one.command,
                occurrence_of(one),
                one.due_ms,
                issued_ms,
                one.expires_ms,
                one.state,
                one.reason,
                body,
            )
        )

    def expect(self, live: LiveCall, key: Key, one: Intervention) -> None:
        """Look whether the switch has answered, when its time is over."""
        name = key if isinstance(key, int) else key[0]
        heapq.heappush(self.deadlines, (one.expires_ms + UNANSWERED_AFTER_MS, live.call_id, name))

    def outcome(self, one: Intervention, at_ms: int) -> None:
        """Write what became of a command."""
        self._count(one)
        self.round_.outcomes.append(OutcomeRow(one.id, one.state, one.reason, at_ms))

    def _count(self, one: Intervention) -> None:
        """Once for each: when it is known what became of it."""
        if one.state in FINAL_STATES:
            self.telemetry.intervention(one.rule, one.command, InterventionOutcome(one.state))

    # -- records -------------------------------------------------------------------------------------------------------

    def publish(self, live: LiveCall, before: LiveCall) -> None:
        """Write the record of an ended call, if it says anything new; `live` is the caller's own copy."""
        if before.revision and not self._differs(live, before):
            return
        measured = measure(live.call, self.book, live.done)
        revision = live.revision = live.revision + 1
        told = record_of(_identity(live), live.call, measured, live.done, self.book.name, revision)
        body, round_ = to_json(told), self.round_
        round_.records.append(_record_row(live, measured, revision, body.decode()))
        if revision > 1 and round_.breaches:
            # An earlier revision may be in this very round: its breaches are replaced, not added to.
            round_.breaches[:] = (row for row in round_.breaches if row.call_id != live.call_id)
        if measured.breaches:
            round_.breaches.extend(_breach_rows(live, measured.breaches))
        if self.publishing:
            self._enqueue_record(live, told, body)
        self.telemetry.recorded(live.call, measured, again=revision > 1)

    def _enqueue_record(self, live: LiveCall, told: Mapping[str, Any], body: bytes) -> None:
        tenant, name = live.source.tenant, f"{live.call_id}:{live.revision}"
        self._enqueue("calls.records", live.partition, tenant, _key(live), name, body)
        known = {name: told[name] for name in ("call", "tenant", "source", "subject", "queue", "revision", "profile")}
        for n, breach in enumerate(told["breaches"]):
            body = to_json(known | breach)
            self._enqueue("calls.breaches", live.partition, tenant, _key(live), f"{name}:{n}", body)

    def _differs(self, live: LiveCall, before: LiveCall) -> bool:
        """Whether the record says anything new. Where the call is the same one, only the outcomes can."""
        if live.call is before.call or live.call == before.call:
            return live.done is not before.done and _outcomes(live) != _outcomes(before)
        return self._told(live) != self._told(before)

    def _told(self, live: LiveCall) -> dict[str, Any]:
        measured = measure(live.call, self.book, live.done)
        return record_of(_identity(live), live.call, measured, live.done, self.book.name, 0)


def _outcomes(live: LiveCall) -> list[tuple[str, str, str | None]]:
    """What a record tells of the interventions; one under way has no outcome yet."""
    return [(one.id, one.state if one.state in FINAL_STATES else "", one.reason) for one in live.done]


@lru_cache(maxsize=KEYS_KEPT)
def hash_of(tenant: str, source: str, subject: str) -> int:
    """The engine's key of a call."""
    return hash64(key_of(tenant, source, subject).encode())


def _key(live: LiveCall) -> str:
    return key_of(live.source.tenant, live.source.name, live.subject)


def _identity(live: LiveCall) -> Identity:
    return Identity(live.call_id, live.source.tenant, live.source.name, live.subject)


def _record_row(live: LiveCall, measured: Measured, revision: int, body: str) -> RecordRow:
    call = live.call
    return RecordRow(
        live.call_id,
        live.source.tenant,
        live.source.name,
        revision,
        call.opened_at_ms,
        call.ended_ms if call.ended_ms is not None else call.opened_at_ms,
        measured.outcome._value_,
        call.opening.direction,
        queue_of(call),
        call.first_agent,
        measured.wait_ms,
        int(bool(call.waits)),
        measured.answer_ms,
        measured.talk_ms,
        measured.hold_ms,
        len(call.transfers),
        sum(measured.owed),
        sum(measured.played),
        body,
    )


def _breach_rows(live: LiveCall, found: Sequence[Breach]) -> Iterator[BreachRow]:
    for n, one in enumerate(found):
        limit, actual = one.limit, one.actual
        yield BreachRow(
            live.call_id,
            n,
            live.source.tenant,
            live.source.name,
            one.rule,
            one.at_ms,
            limit if one.counts or limit is None else seconds(limit),
            actual if one.counts or actual is None else seconds(actual),
            one.agent,
            queue_of(live.call) if one.offer is None else live.call.offers[one.offer].queue,
        )
