"""The simulated switch in a scene: its pure exchange at the real door, stepped on the scene's virtual clock.

switch = await DiallingSwitch.declared(it, {TO: ["busy", "reached"]})
await put(it, switch, "d1")             # an order, as a dialler makes it
await switch.to(40)                     # the scene's time moves on; orders, facts and results each at their instant
switch.received                         # every makeCall that came in: (time, id, number, valid_for_ms)
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cti.dial.rows import DialFact, DialOrderRow, OrderState
from cti.dial.store import WRITER
from cti.switches.simulated.commands import LOST, SILENT, Verdict
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.misbehaviour import HeldBack, Misbehaviour, Spoiler
from cti.switches.simulated.options import FACTS
from cti.switches.simulated.outbox import result_body
from cti.switches.simulated.pbx import Fact, rfc3339
from cti.switches.simulated.trunks import CALLS, MESSAGES, Outbound, TrunkGroup
from schemas.dial_orders import read_dial_order
from tests.scheduler import START_MS, TENANT, Scene

POLL_MS = 1_000  # the pace of a poll: one second's orders
HEARTBEAT_MS = 5_000
GROUPS = {"main": TrunkGroup(5, 50, "95598")}


class Received(NamedTuple):
    """A makeCall as the switch's log notes it."""

    at_ms: int
    id: str
    number: str
    valid_for_ms: int


class DiallingSwitch:
    """`fast_ms`: how far its clock is ahead. While `gone` nothing leaves, and nothing is fetched."""

    def __init__(self, it: Scene, name: str, outbound: Outbound, wish: Misbehaviour, *, agents: int, seed: int) -> None:
        self.it, self.name, self.wish = it, name, wish
        self.fast_ms = round(wish.clock_s * 1000)
        self.exchange = Exchange.opened(Site(name, agents, 0.0, seed, "brisk", outbound=outbound), self.now_ms)
        self.received: list[Received] = []
        self.results: list[tuple[str, str, int]] = []  # (order, state, HTTP status)
        self.verdicts: list[tuple[str, Verdict]] = []
        self.gone = False
        self._spoiler = Spoiler(wish, seed)
        self._facts: HeldBack[Fact] = HeldBack()
        self._results: HeldBack[tuple[str, str, str]] = HeldBack()
        self._poll_ms = self._beat_ms = self.now_ms
        self._cursor = ""

    @classmethod
    async def declared(
        cls, it: Scene, scripts: Mapping[str, Sequence[str]], *, name: str = "s1", messages: bool = False,
        wish: Misbehaviour | None = None, agents: int = 0, seed: int = 1, memory: bool = True,
        agent_first: bool = False,
    ) -> "DiallingSwitch":  # fmt: skip
        """`messages`: a message gateway. It declares itself, says its first heartbeat and polls."""
        outbound = Outbound(MESSAGES if messages else CALLS, {} if messages else GROUPS, scripts, memory, agent_first)
        switch = cls(it, name, outbound, wish or Misbehaviour(), agents=agents, seed=seed)
        declaration = {"commands": list(outbound.commands), "facts": list(FACTS), **outbound.declaration()}
        status, answer = await it.call("PUT", f"/v1/switches/{name}", declaration)
        assert status == 200, answer
        await switch._step()
        return switch

    @property
    def now_ms(self) -> int:
        """By the switch's clock."""
        return round(self.it.clock.now_ms()) + self.fast_ms

    async def to(self, seconds: float) -> None:
        """Move the scene's time on; everything of the switch happens at its instant."""
        goal_ms = START_MS + round(seconds * 1000) + self.fast_ms
        while self.now_ms < goal_ms:
            held = () if self.gone else (self._facts.next_ms, self._results.next_ms)
            due = (self._poll_ms, self._beat_ms, self.exchange.next_ms, *held)
            next_ms = min(goal_ms, *(moment for moment in due if moment is not None))
            at_ms = max(ceil(next_ms), self.now_ms)  # whole milliseconds, as the switch's clock
            await self.it.to((at_ms - self.fast_ms - START_MS) / 1000)
            await self._step()

    async def _step(self) -> None:
        self._hear(self.exchange.advance(self.now_ms))
        if self._beat_ms <= self.now_ms:
            self._beat_ms += HEARTBEAT_MS
            if not self.gone:
                self._hear([self.exchange.heartbeat(self.now_ms)])
        if self._poll_ms <= self.now_ms:
            self._poll_ms += POLL_MS
            if not self.gone:
                await self._poll()
        if not self.gone:
            await self._send()

    async def _poll(self) -> None:
        after = f"&after={self._cursor}" if self._cursor else ""
        status, answer = await self.it.call("GET", f"/v1/switches/{self.name}/commands?wait_s=0{after}")
        assert status == 200, answer
        self._cursor = answer["cursor"]
        for command in answer["commands"]:
            self.take(command)

    def take(self, command: dict[str, Any]) -> None:
        """An order comes in."""
        verdict, facts = self.exchange.obey(command, self.now_ms)
        if verdict.state == LOST:
            return
        id_ = str(command["id"])
        if command["command"] == "makeCall":
            self.received.append(Received(self.now_ms, id_, command["to"], command["valid_for_ms"]))
        self.verdicts.append((id_, verdict))
        if verdict.state == "done":
            self._answer(id_, Verdict("accepted"))
        if verdict.state != SILENT:
            self._answer(id_, verdict)
        self._hear(facts)

    def _answer(self, id_: str, verdict: Verdict) -> None:
        told = {name: value for name, value in verdict._asdict().items() if name not in {"state", "reason"}}
        body = result_body(verdict.state, rfc3339(self.now_ms), verdict.reason, **told)
        for passing in self._spoiler.result_passings(self.now_ms):
            self._results.put(passing.leaves_ms, (id_, verdict.state, body))

    def _hear(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            for passing in self._spoiler.passings(fact["type"], self.now_ms):
                self._facts.put(passing.leaves_ms, fact)
        for answer in self.exchange.answers():
            self._answer(answer.command_id, Verdict(answer.state, answer.reason))

    async def _send(self) -> None:
        for id_, state, body in self._results.take(self.now_ms):
            status, _ = await self.it.call("POST", f"/v1/commands/{id_}/result", json.loads(body))
            self.results.append((id_, state, status))
        facts = self._facts.take(self.now_ms)
        if facts:
            await self.it.post(*facts)


def _at(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


async def put(it: Scene, switch: DiallingSwitch, id_: str, **fields: Any) -> None:
    """An order that is good for 10 s, as a dialler makes it; a makeCall, unless `fields` say otherwise.

    `clears`: of a clearConnection, the order whose call it ends.
    """
    now_ms = round(it.clock.now_ms())
    command, clears = fields.pop("command", "makeCall"), fields.pop("clears", None)
    body = {"id": id_, "command": command, "tenant": TENANT, "switch": switch.name, "issued_at": _at(now_ms)}
    body |= {"expires_at": _at(now_ms + 10_000)}
    if command == "makeCall":
        body |= {"trunk_group": "main", "ring_timeout_s": 30, "ring_until": _at(now_ms + 3_600_000)}
    elif command == "sendMessage":
        body |= {"channel": "sms", "text": "停电通知"}
    body |= fields
    read_dial_order(body)
    lane = "main" if command != "sendMessage" else ""
    row = DialOrderRow(
        id_, TENANT, switch.name, f"/switches/{switch.name}", lane, command, body.get("about", clears),
        json.dumps(body), now_ms, now_ms + 10_000,
    )  # fmt: skip
    dial, database = it.store.dial, it.store.database
    assert dial is not None
    assert database is not None

    def write(connection: Connection, asked: Sequence[list[DialOrderRow]]) -> list[set[str]]:
        return [dial.put(connection, made) for made in asked]

    assert await database.writer(WRITER).run(write, [row]) == {id_}


async def order_of(it: Scene, id_: str) -> OrderState:
    assert it.store.dial is not None
    order = await it.store.dial.order(TENANT, id_)
    assert order is not None
    return order


async def fact_of(it: Scene, switch: DiallingSwitch, id_: str) -> DialFact | None:
    """What the engine knows of the order's call."""
    assert it.store.dial is not None
    lane = next(iter(switch.exchange.pbx.outbound.trunk_groups), "")
    found = await it.store.dial.read_facts(TENANT, switch.name, lane)
    facts = [fact for fact in found if fact.commandid == id_]
    assert len(facts) <= 1, "two calls for one order"
    return next(iter(facts), None)
