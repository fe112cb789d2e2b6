"""The simulated switch with a log of what it received and when it rang; it may restart, with its memory or without."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, NamedTuple

from cti.switches.simulated.agent_first import NO_AGENT
from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.misbehaviour import HeldBack, Misbehaviour
from cti.switches.simulated.options import FACTS
from cti.switches.simulated.pbx import CALLER_LEG, Fact
from cti.switches.simulated.trunks import CALLS, Outbound, TrunkGroup
from tests.scheduler import Scene
from tests.simulation.dialling_switch import DiallingSwitch
from tests.simulation.outbound.book import LANE

HEARTBEAT_MS = 5_000
AGAIN_MS = 1_000  # a result that was not taken is given again so much later
RINGS, ENDS_RINGING = "ringback.call.delivered.v1", ("established", "failed", "connectionCleared", "callCleared")


class Arrival(NamedTuple):
    """A makeCall that came in. Times in true milliseconds."""

    at_ms: int
    order_id: str
    number: str
    verdict: str  # accepted | refused:REASON
    stream: str  # by which subscription


class LoggedSwitch(DiallingSwitch):
    """`connected`: it can be reached; `gone`: nothing leaves it either. True time is the scene's."""

    def __init__(
        self, it: Scene, name: str, wish: Misbehaviour, scripts: Mapping[str, Sequence[str]], *, pace: float,
        memory: bool, seed: int, commands: tuple[str, ...] = CALLS, groups: Sequence[str] = (LANE,), agents: int = 0,
    ) -> None:  # fmt: skip
        """`agents`: so many can be reserved before a call; none: it does not declare that it can."""
        trunk_groups = {name: TrunkGroup(pace, 50, "95598") for name in groups}
        outbound = Outbound(commands, trunk_groups, scripts, memory, agent_first=agents > 0)
        super().__init__(it, name, outbound, wish, agents=agents, seed=seed)
        self._opening = Site(name, agents, 0.0, seed, "brisk", outbound=outbound)
        self.starts = 0
        self._name_run()
        self.arrivals: list[Arrival] = []
        self.rings: list[tuple[str, int, int]] = []  # (order, from, to)
        self.expired: set[str] = set()  # orders that it refused: they had expired, or no agent came
        self.trace: list[tuple[Any, ...]] = []
        self._ringing: dict[str, tuple[str, int]] = {}  # call -> (order, since)
        self._via = ""

    def _name_run(self) -> None:
        """Calls are named by the history alone, not by the date on which it is played."""
        self.starts += 1
        self.exchange.pbx.run = f"{self.name}-{self.starts}"

    async def declare(self, *, outbound: bool = True) -> None:
        """`outbound`: it takes dial orders."""
        able = self.exchange.pbx.outbound
        declaration = {"commands": list(able.commands), "facts": list(FACTS)} | (able.declaration() if outbound else {})
        status, answer = await self.it.call("PUT", f"/v1/switches/{self.name}", declaration)
        assert status == 200, answer

    @property
    def true_ms(self) -> int:
        return round(self.it.clock.now_ms())

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_ms(self) -> float:
        """When something of it is due, in true time."""
        held = () if self.gone else (self._facts.next_ms, self._results.next_ms)
        due = (self.exchange.next_ms, *held)
        return min((moment for moment in due if moment is not None), default=float("inf")) - self.fast_ms

    async def run_to(self, goal_ms: int, *, at_once: bool = True) -> None:
        """Move the time on; what the switch does happens at its instant, and a heartbeat at the end if one is due.

        Not `at_once`: what it has to say leaves at the end.
        """
        while True:
            next_ms = self.next_ms() if at_once else (self.exchange.next_ms or float("inf")) - self.fast_ms
            at_ms = min(goal_ms, max(ceil(next_ms) if next_ms < goal_ms else goal_ms, self.true_ms))
            self.it.clock.move_to(at_ms)
            self._hear(self.exchange.advance(self.now_ms))
            if at_once or at_ms >= goal_ms:
                await self.send()
            if at_ms >= goal_ms:
                return await self._beat()

    async def _beat(self) -> None:
        if self.gone or self._beat_ms > self.now_ms:
            return
        self._beat_ms = self.now_ms + HEARTBEAT_MS
        self._hear([self.exchange.heartbeat(self.now_ms)])
        await self.send()

    # -- orders --------------------------------------------------------------------------------------------------------

    async def fetch(self, *, lost: bool = False) -> None:
        """Poll. `lost`: the answer does not arrive."""
        after = f"&after={self._cursor}" if self._cursor else ""
        status, answer = await self.it.call("GET", f"/v1/switches/{self.name}/commands?wait_s=0{after}")
        assert status in {200, 503}, answer
        if status == 200 and not lost and not self.gone:
            self._cursor = answer["cursor"]
            for command in answer["commands"]:
                self.receive(command, "poll")

    def receive(self, command: dict[str, Any], via: str) -> None:
        """An order comes in by a subscription."""
        self._via = via
        before = len(self.verdicts)
        self.take(command)
        if len(self.verdicts) == before:
            self.trace.append((self.true_ms, "lost", command["id"]))
            return
        id_, verdict = self.verdicts[-1]
        said = f"refused:{verdict.reason}" if verdict.state == "refused" else "accepted"
        self.trace.append((self.true_ms, "received", id_, said))
        if command["command"] == "makeCall":
            self.arrivals.append(Arrival(self.true_ms, id_, command["to"], said, via))

    def _answer(self, id_: str, verdict: Verdict) -> None:
        if verdict.state == "refused" and verdict.reason in {"expired", NO_AGENT}:
            self.expired.add(id_)
        super()._answer(id_, verdict)

    # -- what leaves ---------------------------------------------------------------------------------------------------

    def _hear(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._note_ringing(fact)
        super()._hear(facts)

    def _note_ringing(self, fact: Fact) -> None:
        call = str(fact["subject"])
        if fact["type"] == RINGS and fact["data"].get("connection") == CALLER_LEG:
            order = next((one.id for one in self.exchange.pbx.memory.orders.values() if one.call == call), "")
            self._ringing[call] = (order, self.true_ms)
        elif call in self._ringing and fact["type"].split(".")[2] in ENDS_RINGING:
            self._end_ringing(call)

    def _end_ringing(self, call: str) -> None:
        order, since_ms = self._ringing.pop(call)
        self.rings.append((order, since_ms, self.true_ms))
        self.trace.append((self.true_ms, "rang", order, self.true_ms - since_ms))

    async def send(self) -> None:
        """What is due leaves. A result that the door does not take is given again."""
        if self.gone:
            return
        for id_, state, body in self._results.take(self.now_ms):
            status, _ = await self.it.call("POST", f"/v1/commands/{id_}/result", json.loads(body))
            self.results.append((id_, state, status))
            self.trace.append((self.true_ms, "told", id_, state, status))
            if status >= 500:
                self._results.put(self.now_ms + AGAIN_MS, (id_, state, body))
        facts = self._facts.take(self.now_ms)
        if facts:
            await self.it.post(*facts)

    # -- faults --------------------------------------------------------------------------------------------------------

    def jump_clock(self, by_ms: int) -> None:
        """Its clock is set forward."""
        self.fast_ms += by_ms

    def restart(self, *, memory: bool) -> None:
        """Its calls are over, and what had not left is lost. Without its memory it can say nothing of before."""
        for call in list(self._ringing):
            self._end_ringing(call)
        self._facts, self._results = HeldBack(), HeldBack()
        pbx = self.exchange.pbx
        if memory:
            for order in pbx.memory.orders.values():
                if order.state in {"waiting", "live"}:
                    pbx.memory.end(order, self.now_ms, "restart")
            pbx.calls.clear()
            return
        outbound = replace(pbx.outbound, memory=False)
        self.exchange = Exchange.opened(replace(self._opening, outbound=outbound), self.now_ms)
        self._name_run()
