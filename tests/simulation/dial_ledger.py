"""A ledger in memory that keeps what rounds say to a dialler, and an engine on it that may be killed at any moment."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.ledger.memory import MemoryLedger
from cti.core.identity import key_of
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.gateway.pulse import Pulse
from cti.ports import Appending, Entry
from cti.rows import DialFact, Round, SourceWordRow, SwitchRow
from cti.telemetry import Telemetry
from cti.wiring import read_book
from schemas.envelope import body_of, read_event
from tests.scheduler import ALL_BUT_RING_TIMEOUT, START_MS, TENANT, event
from tests.simulation.centre import ShakyLedger

BOOK = read_book("power-95598")
PARTITIONS = 3
Key = tuple[str, str]
"""(commandid, call_id)"""


class LogClock:
    """The log's clock: the test's, and what somebody has set it off by."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.off_ms = 0.0

    def now_ms(self) -> float:
        return self._clock.now_ms() + self.off_ms

    wait = VirtualClock.wait


class HeldLog(MemoryEventLog):
    """A log of which one partition is read only some time after its entries are appended, as if much were to read."""

    held: int | None = None
    by_ms = float("inf")

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        known_ms = self.now_ms() - self.by_ms
        found = await super().read(after, limit)
        return [entry for entry in found if entry.partition != self.held or entry.appended_at_ms <= known_ms]

    async def unread(self, position: int, partition: int) -> list[Entry]:
        """All entries of a partition after a position, held or not."""
        return await super().read({partition: position}, 100_000)


class DialLedger(MemoryLedger):
    """Checks each row that is committed, and keeps the last of each key."""

    log: HeldLog

    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[Key, DialFact] = {}  # as the rounds left them, whatever was acknowledged
        self.revisions: dict[Key, int] = {}
        self.rows: list[DialFact] = []
        self.words: dict[tuple[str, int], SourceWordRow] = {}
        self.said: list[list[SourceWordRow]] = []  # of each round that said any
        self.awaited: list[tuple[str, str]] = []  # (tenant, source) of orders that are not settled
        self.rounds = 0

    async def awaited_sources(self) -> list[tuple[str, str]]:
        return self.awaited

    async def commit(self, round_: Round) -> None:
        await super().commit(round_)
        self.rounds += 1
        for row in round_.dial_facts:
            key = (row.commandid, row.call_id)
            assert row.revision > self.revisions.get(key, -1), f"{key} goes back to {row.revision}"
            self.revisions[key] = row.revision
            self.facts[key] = row
            self.rows.append(row)
        for _, commandid, call_id in round_.dial_facts_gone:
            self.facts.pop((commandid, call_id), None)
        read = {fence.partition: fence.position for fence in round_.fences}
        for word in round_.source_words:
            after = await self.log.unread(read[word.partition], word.partition)
            assert all(entry.appended_at_ms >= word.appended_at_ms for entry in after), "not all of that is committed"
            self.words[word.source, word.partition] = word
        if round_.source_words:
            self.said.append(round_.source_words)

    def told(self) -> dict[Key, DialFact]:
        """The rows, without what depends on when they were written."""
        return {key: row._replace(revision=0, appended_at_ms=0, record=_judged(row)) for key, row in self.facts.items()}


class ShakyDialLedger(ShakyLedger, DialLedger):
    """The same, away during some commits."""

    def __init__(self, seed: int, share: float) -> None:
        DialLedger.__init__(self)
        ShakyLedger.__init__(self, seed, share)


class DialSite:
    """A log and a ledger in memory, and one engine at a time. Seconds count from START."""

    def __init__(self, ledger: DialLedger | None = None, *, on: bool = True) -> None:
        """`on` False: an engine without interventions, as a rebuild has it."""
        self.clock = VirtualClock(START_MS)
        self.log_clock = LogClock(self.clock)
        self.log = HeldLog(self.log_clock, PARTITIONS)
        self.ledger = ledger or DialLedger()
        self.ledger.log = self.log
        self._on = on
        self.engine = self._new_engine()

    def _new_engine(self) -> Engine:
        return Engine(
            self.log, self.ledger, self.clock, BOOK, CallMetrics(Telemetry()), Pulse(), interventions=self._on
        )

    async def declare(self, *names: str, outbound: bool = True) -> None:
        for name in names:
            declaration: dict[str, Any] = {"commands": [*ALL_BUT_RING_TIMEOUT, "makeCall"], "facts": None}
            declaration |= {"outbound": 1} if outbound else {}
            await self.ledger.put_switch(SwitchRow(TENANT, name, f"/switches/{name}", to_json(declaration).decode()))

    async def take_over(self) -> None:
        """Another engine takes the partitions, and loads what is committed; the old one was stopped in its round, which
        it goes on to commit.
        """
        under_way = self.engine._commit
        self.engine = self._new_engine()
        await self.engine.start()
        if under_way is not None:
            await asyncio.gather(under_way._task, return_exceptions=True)

    async def say(self, *events: Mapping[str, Any]) -> None:
        """Events arrive in the log."""
        for each in events:
            known = read_event(dict(each))
            key = key_of(TENANT, known.source, known.subject)
            everywhere = known.family == "switch"
            await self.log.append([Appending(TENANT, key, body_of(dict(each)), None, everywhere)])

    async def beat(self, name: str, off_s: float = 0.0) -> None:
        """A heartbeat of a switch whose clock is off by so much."""
        now_s = (self.clock.now_ms() - START_MS) / 1000
        await self.say(event(name, name, "switchHeartbeat", now_s + off_s, family="switch"))

    async def to(self, seconds: float) -> None:
        """Move the time on; the engine turns when it wants to."""
        goal_ms = START_MS + seconds * 1000
        while True:
            await self.engine.drain()
            if self.clock.now_ms() >= goal_ms:
                return
            next_ms = self.engine.next_ms() - self.log_clock.off_ms
            self.clock.move_to(min(max(next_ms, self.clock.now_ms()), goal_ms))


def _judged(row: DialFact) -> str | None:
    """The record without its revision, which depends on the order of arrival."""
    if row.record is None:
        return None
    head, _, rest = row.record.partition('"revision":')
    return head + rest.lstrip("0123456789")


def call_of(subject: str, order: str, at_s: float, switch: str = "s1") -> list[dict[str, Any]]:
    """An outbound call that the switch made of an order, answered by a person: only its first event names the order."""
    leg, started = {"connection": "c"}, {"direction": "outbound", "called": "+8613800001234", "connection": "c"}
    return [
        event(switch, subject, "originated", at_s, started, commandid=order),
        event(switch, subject, "networkReached", at_s + 1, leg),
        event(switch, subject, "delivered", at_s + 2, leg),
        event(switch, subject, "established", at_s + 10, leg),
        event(switch, subject, "announcementEnded", at_s + 15, {**leg, "message": "opening"}),
        event(switch, subject, "digitsGenerated", at_s + 16, {**leg, "digits": "1"}),
        event(switch, subject, "connectionCleared", at_s + 30, {**leg, "cause": "normalClearing", "q850": 16}),
        event(switch, subject, "callCleared", at_s + 30),
    ]
