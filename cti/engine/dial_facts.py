"""What a dialler learns of the calls that its orders made: a row for each order and call, written with the round.

* A row is written at the call's birth, at its first ringing, its answer, its end, and with each revision of its record,
  and whenever late facts change any of these. A call that goes on after a tentative end is live again.
* The dialler deletes a row that it has read, unless the row was written again since. So the revision rises with every
  write, whoever writes: it is the log position that the round commits, with the record's own revision in the low bits
  (a timer may revise a record where the log has not moved).
* An order that two calls carry has two rows. Rows of ids that no dial order has are not kept (`cti.dial.facts`).
* A message that was sent has no call: a report of it is a row without a call id, the report in the place of a record.
* If late facts show that an id belongs to another incarnation of the call id, its row here is taken back.
"""

from collections.abc import Mapping
from typing import Final

from pydantic_core import to_json

from cti.core.call_state import PHASE_NULL, Call
from cti.engine.carried_orders import Orders
from cti.engine.live_calls import LiveCall
from cti.engine.records import RecordWriter
from cti.engine.times import Times
from cti.ports import Entry
from cti.rows import DialFact, Round
from schemas.envelope import Event

NO_CALL: Final = ""
REVISION_BITS: Final = 20  # a record has fewer revisions than a call may have events, and positions stay below 2**43
REVISION_MAX: Final = (1 << REVISION_BITS) - 1

Milestones = tuple[int, int | None, int | None, int | None]


class DialFacts:
    """The calls of dial orders that changed in the round that is being gathered."""

    __slots__ = ("_calls", "_gone", "_reports")

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}  # by call id, as the round leaves them
        self._gone: dict[tuple[str, str, str], None] = {}
        self._reports: dict[tuple[str, str], DialFact] = {}  # by tenant and order, the last one

    def __bool__(self) -> bool:
        return bool(self._calls or self._gone or self._reports)

    def clear(self) -> None:
        """Begin the next round."""
        self._calls, self._gone, self._reports = {}, {}, {}

    def follow(self, live: LiveCall, before: LiveCall, was: Call) -> None:
        """Note the call if anything that a row says has changed; `was`: its state before."""
        call = live.call
        changed = live.orders != before.orders or live.revision != before.revision
        if changed or call.phase is PHASE_NULL or _milestones(call) != _milestones(was):
            self.note(live)

    def note(self, live: LiveCall) -> None:
        """Have the rows of this call written."""
        self._calls[live.call_id] = live

    def report(self, entry: Entry, event: Event) -> None:
        """What became of a message, if the report names the order that sent it."""
        if event.commandid is not None:
            self._reports[entry.tenant, event.commandid] = DialFact(
                tenant=entry.tenant,
                source=event.source,
                commandid=event.commandid,
                call_id=NO_CALL,
                incarnation=0,
                revision=entry.position << REVISION_BITS,
                opened_at_ms=event.at_ms,
                rang_at_ms=None,
                answered_at_ms=None,
                ended_at_ms=event.at_ms,
                record=to_json(event.data).decode(),
                appended_at_ms=entry.appended_at_ms,
            )

    def take_back(self, live: LiveCall, orders: Orders) -> None:
        """The call was of these orders; delete its rows of those that it is not of any more."""
        for order in orders:
            if order not in live.orders:
                self._gone[live.source.tenant, order, live.call_id] = None
                self.note(live)

    def write(self, round_: Round, records: RecordWriter, times: Times, positions: Mapping[int, int]) -> None:
        """Write the rows into the round that is about to commit up to these positions."""
        published = {row.call_id: row.record for row in round_.records}  # the last one of a call is its latest
        for live in self._calls.values():
            record = None
            if live.call.ended_ms is not None:
                record = published.get(live.call_id) or records.text(live)
            appended_ms = int(min(times.partition_ms[live.partition], times.now_ms))
            revision = (positions[live.partition] << REVISION_BITS) + min(live.revision, REVISION_MAX)
            for order in live.orders:
                round_.dial_facts.append(_row(live, order, revision, record, appended_ms))
                self._gone.pop((live.source.tenant, order, live.call_id), None)
        round_.dial_facts.extend(self._reports.values())
        round_.dial_facts_gone.extend(self._gone)


def _milestones(call: Call) -> Milestones:
    return call.opened_at_ms, call.first_delivered_ms, call.answered_ms, call.ended_ms


def _row(live: LiveCall, order: str, revision: int, record: str | None, appended_at_ms: int) -> DialFact:
    call = live.call
    return DialFact(
        tenant=live.source.tenant,
        source=live.source.name,
        commandid=order,
        call_id=live.call_id,
        incarnation=live.incarnation,
        revision=revision,
        opened_at_ms=_opened_ms(live),
        rang_at_ms=call.first_delivered_ms,
        answered_at_ms=call.answered_ms,
        ended_at_ms=call.ended_ms,
        record=record,
        appended_at_ms=appended_at_ms,
    )


def _opened_ms(live: LiveCall) -> int:
    """When the call opened; as long as no fact has opened it, its earliest fact."""
    if live.call.phase is not PHASE_NULL:
        return live.call.opened_at_ms
    return min(fact.at_ms for fact in live.history())
