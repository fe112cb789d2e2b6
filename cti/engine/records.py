"""Writes the record of an ended call as rows of the round; a revision only if the record has changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

from cti.core.breaches import Breach
from cti.core.record import Identity, Measured, handed_over, measure, queue_of, record_of, tried_ms
from cti.core.rules import RuleBook
from cti.core.times import seconds
from cti.engine.live_calls import LiveCall, log_key
from cti.engine.metrics import CallMetrics
from cti.engine.round_writer import RoundWriter
from cti.rows import BreachRow, RecordRow
from schemas.reasons import FINAL_STATES

_OF_A_BREACH: Final = ("call", "tenant", "source", "subject", "queue", "revision", "profile")


class RecordWriter:
    """Writes records and their breaches."""

    __slots__ = ("_book", "_telemetry", "_writer")

    def __init__(self, writer: RoundWriter, book: RuleBook, telemetry: CallMetrics) -> None:
        self._writer, self._book, self._telemetry = writer, book, telemetry

    def publish(self, live: LiveCall, before: LiveCall) -> None:
        """Write the record of an ended call if it has changed; `live` is the caller's own copy."""
        if before.revision and not self._differs(live, before):
            return
        measured = measure(live.call, self._book, live.done)
        revision = live.revision = live.revision + 1
        record = record_of(_identity(live), live.call, measured, live.done, self._book.name, revision)
        body, round_ = to_json(record), self._writer.round_
        round_.records.append(_record_row(live, measured, revision, body.decode()))
        if revision > 1 and round_.breaches:
            # An earlier revision may be in this very round: its breaches are replaced, not added to.
            round_.breaches[:] = (row for row in round_.breaches if row.call_id != live.call_id)
        if measured.breaches:
            round_.breaches.extend(_breach_rows(live, measured.breaches))
        if self._writer.publishing:
            self._enqueue(live, record, body)
        self._telemetry.recorded(live.call, measured, again=revision > 1)

    def text(self, live: LiveCall) -> str:
        """The record of an ended call as it was last written."""
        return to_json(self._record(live, live.revision)).decode()

    def _enqueue(self, live: LiveCall, record: Mapping[str, Any], body: bytes) -> None:
        tenant, key, row_id = live.source.tenant, log_key(live), f"{live.call_id}:{live.revision}"
        self._writer.enqueue("calls.records", live.partition, tenant, key, row_id, body)
        shared = {name: record[name] for name in _OF_A_BREACH}
        for n, breach in enumerate(record["breaches"]):
            text = to_json(shared | breach)
            self._writer.enqueue("calls.breaches", live.partition, tenant, key, f"{row_id}:{n}", text)

    def _differs(self, live: LiveCall, before: LiveCall) -> bool:
        """Whether the record has changed. If the call's state is the same object, only the outcomes can differ."""
        if live.call is before.call or live.call == before.call:
            return live.done is not before.done and _outcomes(live) != _outcomes(before)
        return self._record(live, 0) != self._record(before, 0)

    def _record(self, live: LiveCall, revision: int) -> dict[str, Any]:
        measured = measure(live.call, self._book, live.done)
        return record_of(_identity(live), live.call, measured, live.done, self._book.name, revision)


def _outcomes(live: LiveCall) -> list[tuple[str, str, str | None]]:
    """The interventions as the record lists them; an open one has no outcome yet."""
    return [(done.id, done.state if done.state in FINAL_STATES else "", done.reason) for done in live.done]


def _identity(live: LiveCall) -> Identity:
    return Identity(live.call_id, live.source.tenant, live.source.name, live.subject)


def _record_row(live: LiveCall, measured: Measured, revision: int, body: str) -> RecordRow:
    call = live.call
    return RecordRow(
        call_id=live.call_id,
        tenant=live.source.tenant,
        source=live.source.name,
        revision=revision,
        opened_at_ms=call.opened_at_ms,
        ended_at_ms=call.ended_ms if call.ended_ms is not None else call.opened_at_ms,
        outcome=measured.outcome._value_,
        direction=call.opening.direction,
        queue=queue_of(call),
        agent=call.first_agent,
        wait_ms=measured.wait_ms,
        queued=int(bool(call.waits)),
        answer_ms=measured.answer_ms,
        talk_ms=measured.talk_ms,
        hold_ms=measured.hold_ms,
        transfers=handed_over(call),
        notices_owed=sum(measured.owed),
        notices_played=sum(measured.played),
        record=body,
        tried_ms=tried_ms(call, measured),
    )


def _breach_rows(live: LiveCall, found: Sequence[Breach]) -> Iterator[BreachRow]:
    for n, breach in enumerate(found):
        limit, actual = breach.limit, breach.actual
        yield BreachRow(
            call_id=live.call_id,
            n=n,
            tenant=live.source.tenant,
            source=live.source.name,
            rule=breach.rule,
            at_ms=breach.at_ms,
            limit_s=limit if breach.counts or limit is None else seconds(limit),
            actual_s=actual if breach.counts or actual is None else seconds(actual),
            agent=breach.agent,
            queue=queue_of(live.call) if breach.offer is None else live.call.offers[breach.offer].queue,
        )
