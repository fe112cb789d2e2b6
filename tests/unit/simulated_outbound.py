"""A simulated switch that dials, moved by seconds since START_MS, and a log of what it said."""

from typing import Any

from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.pbx import Answer, Fact, read_time_ms, rfc3339
from cti.switches.simulated.trunks import CALLS, MESSAGES, Outbound, TrunkGroup

START_MS = 1_772_413_200_000
TO = "+8613800000001"
SCRIPT = {
    "opening": {"zh": "您好"},
    "gate": {"key": "1", "timeout_s": 10, "repeats": 2},
    "body": {"zh": "电费"},
    "keys": {"1": "rightParty", "0": "queue", "4": "alreadyPaid"},
    "queue": "billing",
    "queue_wait_s": 60,
}


def order(id_: str, now_s: float, **fields: Any) -> dict[str, Any]:
    """A makeCall that is good for 10 s, unless `fields` say otherwise."""
    at_ms = START_MS + round(now_s * 1000)
    made = {
        "id": id_, "command": "makeCall", "to": TO, "trunk_group": "main", "ring_timeout_s": 30, "on_answer": SCRIPT,
        "answering_machine": "detect", "issued_at": rfc3339(at_ms), "expires_at": rfc3339(at_ms + 10_000),
        "valid_for_ms": 10_000, "ring_until": rfc3339(at_ms + 3_600_000),
    }  # fmt: skip
    return made | fields


class Dialling:
    """`words`: of TO. One agent for each of `agents`, who serves every queue."""

    def __init__(self, *words: str, agents: int = 0, seed: int = 1, at_once: int = 10, memory: bool = True,
                 agent_first: bool = False) -> None:  # fmt: skip
        scripts = {TO: words} if words else {}
        outbound = Outbound((*CALLS, *MESSAGES), {"main": TrunkGroup(5, at_once)}, scripts, memory, agent_first)
        self.exchange = Exchange.opened(Site("sim-1", agents, 0.0, seed, "brisk", outbound=outbound), START_MS)
        self.facts: list[Fact] = []
        self.answers: list[Answer] = []
        self.to(0)

    def to(self, at_s: float) -> None:
        self._hear(self.exchange.advance(START_MS + round(at_s * 1000)))

    def give(self, command: dict[str, Any], at_s: float) -> Verdict:
        verdict, facts = self.exchange.obey(command, START_MS + round(at_s * 1000))
        self._hear(facts)
        return verdict

    def dial(self, at_s: float = 1.0, id_: str = "d1", **fields: Any) -> Verdict:
        return self.give(order(id_, at_s, **fields), at_s)

    def ask(self, about: str, at_s: float) -> Verdict:
        at_ms = START_MS + round(at_s * 1000)
        return self.give(
            {"id": f"q-{about}-{at_s}", "command": "snapshotCall", "about": about, "expires_at": rfc3339(at_ms + 5000)},
            at_s,
        )

    def _hear(self, facts: list[Fact]) -> None:
        self.facts += facts
        self.answers += self.exchange.answers()

    def said(self, order_id: str = "d1") -> list[tuple[float, str]]:
        """(seconds, short kind) of what carries the order's id."""
        return [
            ((read_time_ms(fact["time"]) - START_MS) / 1000, fact["type"].split(".")[2])
            for fact in self.facts
            if fact.get("commandid") == order_id
        ]

    def kinds(self, order_id: str = "d1") -> list[str]:
        return [kind for _, kind in self.said(order_id)]

    def data(self, kind: str, order_id: str = "d1") -> list[dict[str, Any]]:
        return [
            fact["data"]
            for fact in self.facts
            if fact.get("commandid") == order_id and fact["type"].split(".")[2] == kind
        ]
