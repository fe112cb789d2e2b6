"""How far each source that is dialled on has been read: one row a source and partition, once a second.

A dialler calls an order's call silent only where every partition's word is past that time, so a word never says more
than what the round commits with it: all that was appended to the partition before `appended_at_ms`. An idle partition's
word goes on with the log's end, once that is confirmed; an engine that lags says how far it is.

* The words are in the round's own transaction, under its fence. They cause a round where nothing else does.
* A word goes back only where the log's clock was set: what was said before is then no time of that clock.
* Calls alone are dialled: where the log keeps kinds of events apart, only partitions of calls have words.
* Who is dialled on, the ledger says; it is asked every SOURCES_EVERY_MS. That is who declares it, and who has a dial
  order that is not settled: where a switch declares anew meanwhile, its order would have no end without words.
  An engine without such a source writes nothing, and is not woken.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic_core import from_json

from cti.dial.declared import is_outbound
from cti.engine.intake import END_ASK_MS, END_CONFIRM_MS, NEVER_MS, Intake
from cti.engine.round_writer import RoundWriter
from cti.engine.sources import Source, Sources
from cti.engine.times import Times
from cti.ports import EventLog, Ledger, call_partitions
from cti.rows import SourceWordRow, SwitchRow

WORD_EVERY_MS: Final = 1_000.0
SOURCES_EVERY_MS: Final = 5_000.0
CONFIRM_MS: Final = 200.0  # the words of one second wait so long for the ends of idle partitions


class SourceWords:
    """The words of one engine. Times by the log's clock."""

    def __init__(
        self, sources: Sources, writer: RoundWriter, times: Times, event_log: EventLog, ledger: Ledger, intake: Intake,
        *, enabled: bool,
    ) -> None:  # fmt: skip
        """`enabled`: False where a log is replayed: nobody is dialled then."""
        self._known, self._writer, self._times, self._enabled = sources, writer, times, enabled
        self._ledger, self._intake = ledger, intake
        self._partitions_of_calls = frozenset(call_partitions(event_log))
        self._sources: list[Source] = []
        self._asked_ms = NEVER_MS
        self._due_ms = NEVER_MS
        self._outdated: set[int] = set()  # partitions whose word is of the time before the clock was set

    # -- when ----------------------------------------------------------------------------------------------------------

    async def ask(self, now_ms: float) -> None:
        """Ask the ledger, now and then, which sources are dialled on. Raises errors.LedgerAway."""
        if not self._enabled or now_ms - self._asked_ms < SOURCES_EVERY_MS:
            return
        declared = [(row.tenant, row.source) for row in await self._ledger.switches() if is_dialled_on(row)]
        awaited = await self._ledger.awaited_sources()
        self._asked_ms = now_ms
        self._sources = [self._known.get(*source) for source in dict.fromkeys((*declared, *awaited))]

    def due(self, now_ms: float) -> bool:
        """Whether words are to be written."""
        return bool(self._sources) and now_ms >= self._due_ms

    def ready(self, now_ms: float) -> bool:
        """Whether they can be written: every partition's end is known, or was waited for."""
        if not self.due(now_ms):
            return False
        if now_ms >= self._due_ms + CONFIRM_MS:
            return True
        fresh_ms = self._due_ms - END_CONFIRM_MS
        return all(self._intake.read_until_ms(partition) >= fresh_ms for partition in self._partitions())

    def next_ms(self, now_ms: float) -> float:
        """When the engine has to turn for them; infinite if it has not."""
        if not self._sources:
            return float("inf")
        return self._due_ms if now_ms < self._due_ms else now_ms + END_ASK_MS

    def move(self, by_ms: float) -> None:
        """The log's clock was set: say how far the log is read by the new time, or that it is not known."""
        del by_ms
        self._asked_ms = self._due_ms = NEVER_MS
        self._outdated.update(self._intake.positions)

    # -- what ----------------------------------------------------------------------------------------------------------

    def write(self, now_ms: float) -> None:
        """Write the words into the round that is about to commit; the next are due in a second."""
        self._due_ms = now_ms + WORD_EVERY_MS
        self._writer.round_.source_words = list(self._rows())

    def _rows(self) -> Iterator[SourceWordRow]:
        for partition in self._partitions():
            until_ms = self._intake.read_until_ms(partition)
            if until_ms > NEVER_MS:
                self._outdated.discard(partition)
                for source in self._sources:
                    yield _word(source, partition, int(until_ms), self._times.partition_ms[partition])
            elif partition in self._outdated:
                for source in self._sources:
                    yield SourceWordRow(source.tenant, source.name, partition, 0, 0, 0, 0)
            # Else the word that is there holds: this engine has read nothing since it took the partition.

    def _partitions(self) -> Iterable[int]:
        return [partition for partition in self._intake.positions if partition in self._partitions_of_calls]


def _word(source: Source, partition: int, until_ms: int, partition_ms: float) -> SourceWordRow:
    clock = source.clock
    return SourceWordRow(
        tenant=source.tenant,
        source=source.name,
        partition=partition,
        appended_at_ms=until_ms,
        lag_ms=0 if clock.lag_ms is None else clock.lag_ms,
        trusted=int(clock.trusted(partition_ms)),
        word_at_ms=0 if clock.heard_ms is None else clock.heard_ms,
    )


def is_dialled_on(switch: SwitchRow) -> bool:
    """Whether the switch declares that it takes dial orders."""
    return '"outbound"' in switch.declaration and is_outbound(from_json(switch.declaration))
