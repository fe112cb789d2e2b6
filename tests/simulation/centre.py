"""A day through the real engine on the memory store, with the invariants after every step."""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from cti.adapters.clock import VirtualClock
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.store import MemoryStore
from cti.core.call import fold
from cti.core.call_state import Call, Hold, Offer, Wait
from cti.core.clocks import LAG_MAX_MS, STRAGGLER_WINDOW_MS
from cti.core.commands import GOES_ON
from cti.core.facts import Fact, fact
from cti.core.identity import call_id, key_of
from cti.core.record import Identity, measure, record_of
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.errors import LedgerAway, OutcomeUnknown
from cti.gateway.pulse import Pulse
from cti.ports import Appending
from cti.rows import CommandRow, Round, SwitchRow
from cti.telemetry import Telemetry
from cti.wiring import read_book
from schemas.envelope import body_of, read_event
from schemas.records import judged
from tests.scheduler import ALL_BUT_RING_TIMEOUT, START_MS, TENANT, at, event
from tests.simulation.days import DELAY_MS, NOTICE_MS, SOURCES

PARTITIONS = 3
HEARTBEAT_MS = 5_000
TAIL_MS = 30_000
START_ANEW_MS = HEARTBEAT_MS + 2 * DELAY_MS  # until a new engine has heard of every switch
BOOK = read_book("power-95598")
SHAPES = {(rule.id, rule.entry): rule.shape for rule in BOOK.interventions}
Name = tuple[str, str]
"""(source, subject)"""


class ShakyLedger(MemoryLedger):
    """A ledger that goes away during some commits: before it wrote, after it wrote, and nobody knows which."""

    def __init__(self, seed: int, share: float) -> None:
        super().__init__()
        self._chance, self._share = random.Random(f"ledger:{seed}"), share
        self.failed = 0

    async def commit(self, round_: Round) -> None:
        fate = self._chance.random() / self._share if self._share else 3.0
        self.failed += fate < 3
        if fate < 1:
            raise LedgerAway("before it wrote")
        if fate < 2:
            raise OutcomeUnknown("before it wrote")
        await super().commit(round_)
        if fate < 3:
            raise OutcomeUnknown("after it wrote")


class Centre:
    """The product, two switches, and what the test knows. `on_time`: every notice must have been ordered in time;
    `shaky`: the share of commits that fail, in each of three ways.
    """

    def __init__(self, seed: int, on_time: bool, shaky: float = 0.0) -> None:
        self._seed, self._on_time = seed, on_time
        self._clock = VirtualClock(START_MS)
        self.store = MemoryStore(self._clock, PARTITIONS)
        self.ledger = self.store.ledger = ShakyLedger(seed, shaky)
        self._telemetry, self._pulse = CallMetrics(Telemetry()), Pulse()
        self._engine = self._new_engine()
        self._coming: list[tuple[int, int, dict[str, Any]]] = []
        self._number = 0
        self._facts: dict[Name, dict[str, Fact]] = {}
        self._calls: dict[Name, list[Call]] = {}
        self._unchecked: set[Name] = set()
        self._held: set[Name] = set()
        self._heard_ms: dict[Name, float] = {}  # when the last word of a call arrived: a hold may be told late
        self._distrusted_ms: dict[str, float] = {}  # until when a switch gets no orders (contract, Time)
        self._marks = dict.fromkeys(range(PARTITIONS), 0)
        self.orders: dict[str, CommandRow] = {}
        self._orders_of: dict[str, list[CommandRow]] = {}
        self._causes: dict[tuple[str, str, str], str] = {}
        self._restarted_ms = float("-inf")

    def _new_engine(self) -> Engine:
        log, ledger = self.store.log, self.store.ledger
        return Engine(log, ledger, self._clock, BOOK, self._telemetry, self._pulse)

    # -- the day -------------------------------------------------------------------------------------------------------

    async def live(self, words: Sequence[tuple[int, dict[str, Any]]], restarts_ms: Sequence[int] = ()) -> None:
        """The whole day; at `restarts_ms` another engine takes over on the same store."""
        await self._engine.start()
        for at_ms, one in words:
            self._comes(at_ms, one)
        end_ms = max(at_ms for at_ms, _ in words) + TAIL_MS
        for source in SOURCES:
            await self._declare(source)
            for beat, at_ms in enumerate(range(0, end_ms, HEARTBEAT_MS)):
                self._comes(at_ms, _heartbeat(source, beat, at_ms))
        restarts = sorted(restarts_ms, reverse=True)
        while (now_ms := self._clock.now_ms() - START_MS) < end_ms:
            if restarts and restarts[-1] <= now_ms:
                restarts.pop()
                await self._restart()
            await self._step(end_ms)
        assert not self._unchecked, "the day ended before everything was committed"

    async def _declare(self, name: str) -> None:
        """As the door does it: for good, and through the log."""
        declaration = {"commands": list(ALL_BUT_RING_TIMEOUT), "facts": None, "if_other_ready": True}
        row = SwitchRow(TENANT, name, f"/switches/{name}", to_json(declaration).decode())
        await self.store.ledger.put_switch(row)
        await self._append(event(name, name, "switchDeclared", 0.0, declaration, family="switch"))

    def _comes(self, at_ms: float, one: dict[str, Any]) -> None:
        self._number += 1
        heapq.heappush(self._coming, (round(at_ms), self._number, one))

    async def _step(self, end_ms: int) -> None:
        """To the next instant at which anything happens."""
        next_ms = min(self._engine.next_ms() - START_MS, self._coming[0][0] if self._coming else end_ms, end_ms)
        self._clock.move_to(max(START_MS + next_ms, self._clock.now_ms()))
        while self._coming and self._coming[0][0] <= next_ms:
            self._unchecked |= await self._append(heapq.heappop(self._coming)[2])
        await self._engine.drain()
        for row in await self.store.ledger.commands_after(self._marks, 10_000):
            self._marks[row.partition] = row.no
            await self._ordered(row)
        if self._engine.positions == (await self.store.log.end()).positions:  # else the ledger is away
            while self._unchecked:
                await self._check_records(self._unchecked.pop())
        for name in self._held:
            self._check_notices(name)

    async def _restart(self) -> None:
        await self._engine.stop()
        self._engine = self._new_engine()
        await self._engine.start()
        self._restarted_ms = self._clock.now_ms()

    async def _append(self, one: dict[str, Any]) -> set[Name]:
        """A word arrives; the calls it speaks of."""
        known = read_event(one)
        everywhere = known.family == "switch"
        key = key_of(TENANT, known.source, known.subject)
        await self.store.log.append([Appending(TENANT, key, body_of(one), None, everywhere)])
        if known.family != "call":
            return set()
        name = (known.source, known.subject)
        now_ms = self._heard_ms[name] = self._clock.now_ms()
        if now_ms - known.at_ms > LAG_MAX_MS and known.kind != "commandResult":
            self._distrusted_ms[known.source] = now_ms + STRAGGLER_WINDOW_MS
        facts = self._facts.setdefault(name, {})
        if known.id not in facts:
            facts[known.id] = fact(known.at_ms, known.sequence, known.id, known.kind, 0, known.data)
            self._calls[name] = list(_incarnations(known.subject, list(facts.values())))
            held = any(hold.end_ms is None and hold.by_agent for call in self._calls[name] for hold in call.holds)
            (self._held.add if held else self._held.discard)(name)
        return {name}

    # -- the switch's side ---------------------------------------------------------------------------------------------

    async def _ordered(self, row: CommandRow) -> None:
        self._check_order(row)
        self.orders[row.id] = row
        self._orders_of.setdefault(row.call_id, []).append(row)
        if row.state != "open":
            return
        command, chance = from_json(row.body), random.Random(f"{self._seed}:{row.id}")
        answers_ms = self._clock.now_ms() - START_MS + chance.randint(20, 400)
        wish = chance.random()
        if wish < 0.05:
            return  # unanswered
        refused = self._passed(command) or (chance.choice(["noOtherAgent", "busy", "error"]) if wish < 0.15 else None)
        if refused is None and wish > 0.6:
            self._comes(answers_ms, _result(command, row.source, "accepted", None, answers_ms))
        final = _result(command, row.source, "done" if refused is None else "refused", refused, answers_ms + 30)
        self._comes(answers_ms + 30, final)
        if wish > 0.9:
            self._comes(answers_ms + 500, final)

    def _passed(self, command: Mapping[str, Any]) -> str | None:
        """Why the switch refuses, if the leg is no longer as ordered (as far as has arrived)."""
        wanted = command.get("if_state")
        call = self._call_of(command["call"])
        state = next((leg.state.value for leg in call.legs if leg.id == command.get("connection")), "null")
        return None if wanted in (None, state) else "invalidConnectionState"

    def _call_of(self, name: str) -> Call:
        for (source, subject), calls in self._calls.items():
            for incarnation, call in enumerate(calls):
                if call_id(TENANT, source, subject, incarnation) == name:
                    return call
        raise AssertionError(f"an order for a call that nobody spoke of: {name}")

    # -- the invariants ------------------------------------------------------------------------------------------------

    def _check_order(self, row: CommandRow) -> None:
        """One id a cause; the next step only after a refusal; never for a state that is over."""
        cause = (row.call_id, row.rule, row.occurrence)
        assert self._causes.setdefault(cause, row.id) == row.id, f"{cause} has two ids"
        assert row.id not in self.orders, f"{row.id} twice"
        entry, n, _, opened_by = row.occurrence.split(":", 3)
        for other in self._orders_of.get(row.call_id, ()):
            if other.rule == row.rule and other.occurrence.split(":", 3)[::3] == [entry, opened_by]:
                same = other.occurrence.split(":", 3)[1] == n
                assert not same or self._refused(other), f"{row.id} beside {other.id}"
        if row.state == "open" and SHAPES[row.rule, int(entry)] == "while":
            call = self._call_of(row.call_id)
            lived: tuple[Offer | Hold | Wait, ...] = (*call.offers, *call.holds, *call.waits)
            running = [one for one in lived if one.cause == opened_by and one.end_ms is None]
            assert running, f"{row.rule} {row.command} ordered for a state that is over: {row.occurrence}"

    def _refused(self, row: CommandRow) -> bool:
        facts = self._facts.values()
        answers = [one[f"result-{row.id}-refused"] for one in facts if f"result-{row.id}-refused" in one]
        return any(one.data["reason"] in GOES_ON for one in answers)

    async def _check_records(self, name: Name) -> None:
        """Each call's record is what its events, in order, make of it; a call that lives has none."""
        source, subject = name
        for incarnation, call in enumerate(self._calls[name]):
            ours = call_id(TENANT, source, subject, incarnation)
            stored = await self.store.ledger.call(TENANT, ours)
            record = None if stored is None or stored.record is None else from_json(stored.record.record)
            if call.ended_ms is None:
                assert record is None, f"{name} lives and has a record"
                continue
            assert record is not None, f"{name} has ended without a record"
            expected = record_of(
                Identity(ours, TENANT, source, subject), call, measure(call, BOOK, ()), (), BOOK.name, 1
            )
            assert judged(record) == judged(expected), name

    def _check_notices(self, name: Name) -> None:
        """A notice at least every 15 s of a hold: each is settled by now, and in time while the switch is trusted."""
        now_ms = self._clock.now_ms()
        for incarnation, call in enumerate(self._calls[name]):
            ours = call_id(TENANT, *name, incarnation)
            for hold in call.holds:
                if hold.end_ms is None and hold.by_agent:
                    since_ms = max(self._heard_ms[name], self._distrusted_ms.get(name[0], 0.0))
                    self._check_hold(ours, hold.cause, hold.at_ms, now_ms - since_ms)

    def _check_hold(self, call: str, cause: str, began_ms: int, calm_ms: float) -> None:
        now_ms, grace_ms = self._clock.now_ms(), DELAY_MS + 10 if self._on_time else 9_000
        if now_ms - self._restarted_ms < HEARTBEAT_MS:
            grace_ms += HEARTBEAT_MS
        settled = {
            int(row.occurrence.split(":")[1]): row
            for row in self._orders_of.get(call, ())
            if row.rule == "HOLD-2" and row.occurrence.endswith(f":{cause}")
        }
        n = 1
        while began_ms + n * NOTICE_MS + grace_ms < now_ms and calm_ms > grace_ms:
            assert n in settled, f"notice {n} of the hold {cause} of {call} was forgotten"
            assert not self._on_time or settled[n].state != "overtaken", f"notice {n} of {cause} came too late"
            n += 1

    # -- what came of it -----------------------------------------------------------------------------------------------

    async def records(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """What is a pure function of the events, by (source, subject, opened_at)."""
        texts = await self.store.ledger.records(TENANT, "", 100_000)
        told = [from_json(text) for text in texts]
        return {(one["source"], one["subject"], one["opened_at"]): judged(one) for one in told}

    async def interventions(self) -> dict[str, tuple[str, str | None]]:
        """What became of each order whose state outlasted its use: when an engine starts plays no part in these."""
        found = {}
        for name, row in self.orders.items():
            entry, _, _, opened_by = row.occurrence.split(":", 3)
            call = self._call_of(row.call_id)
            lived: tuple[Offer | Hold | Wait, ...] = (*call.offers, *call.holds, *call.waits)
            ended = [one.end_ms for one in lived if one.cause == opened_by and one.end_ms is not None]
            on_a_state = SHAPES[row.rule, int(entry)] == "while"
            if not on_a_state or not ended or ended[0] > row.due_at_ms + START_ANEW_MS:
                now = await self.store.ledger.command(TENANT, name)
                assert now is not None
                found[name] = (now.state, now.reason)
        return found

    async def kept(self) -> Counter[tuple[str, str]]:
        """How often each (subject, event id) of a switch is in a timeline."""
        found: Counter[tuple[str, str]] = Counter()
        for (source, subject), calls in self._calls.items():
            for incarnation in range(len(calls)):
                stored = await self.store.ledger.call(TENANT, call_id(TENANT, source, subject, incarnation))
                assert stored is not None, (source, subject, incarnation)
                ours = [row.event_id for row in stored.timeline if row.kind != "commandResult"]
                found.update((subject, name) for name in ours)
        return found

    async def set_aside(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(row.reason for row in self.ledger._dead_letters.values())


def _incarnations(subject: str, facts: list[Fact]) -> Iterator[Call]:
    while facts:
        folded = fold(subject, facts)
        yield folded.call
        facts = list(folded.beyond)


def _heartbeat(source: str, number: int, at_ms: int) -> dict[str, Any]:
    return event(source, source, "switchHeartbeat", at_ms / 1000, family="switch", id=f"beat-{number}")


def _result(command: Mapping[str, Any], source: str, state: str, reason: str | None, at_ms: float) -> dict[str, Any]:
    data = {"commandid": command["id"], "state": state} | ({} if reason is None else {"reason": reason})
    return {
        **event("", command["subject"], "commandResult", 0.0, data, id=f"result-{command['id']}-{state}"),
        "source": source,
        "time": at(at_ms / 1000),
    }
