"""A small site whose people do exactly what a test wants, and a log of what the switch said."""

from typing import Any

import pytest

from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.habits import BRISK, HABITS, Habits, Span
from cti.switches.simulated.pbx import Fact, rfc3339

START_MS = 1_772_413_200_000
PACE = "as the test wants"
STRAIGHT = BRISK._replace(
    menu=Span(1, 1),
    patience_least_s=600,
    patience_mean_s=0.001,
    answer=Span(3, 3),
    answers_late=0,
    ignores=0,
    rejects=0,
    talk=Span(30, 30),
    holds=0,
    hold=Span(40, 40),
    holds_long=0,
    leaves_while_held=0,
    mutes=0,
    mute=Span(20, 20),
    customer_holds=0,
    transfers_blind=0,
    transfers_attended=0,
    consultation=Span(10, 10),
    agent_first=0,
    network_drops=0,
    after_call=Span(5, 5),
    breaks=0,
    away=Span(30, 30),
)
"""Everybody answers after 3 s and talks for 30 s; the customer hangs up."""


class Stage:
    """One exchange, moved by seconds since START_MS; `facts` is all it said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, habits: Habits = STRAIGHT, agents: int = 1) -> None:
        monkeypatch.setitem(HABITS, PACE, habits)
        self.exchange = Exchange.opened(Site("sim-1", agents, 0.0, 7, PACE), START_MS)
        self.facts: list[Fact] = []
        self.run_to(1)
        for agent in self.exchange.pbx.agents.values():
            agent.queues = ["outages", "billing", "service"]

    def run_to(self, at_s: float) -> None:
        self.facts += self.exchange.advance(START_MS + round(at_s * 1000))

    def call(self, at_s: float) -> str:
        """One caller comes in; the call's id."""
        self.run_to(at_s)
        pbx = self.exchange.pbx
        pbx.callers_per_min = 0.001
        pbx.later(START_MS + round(at_s * 1000), "arrive", "")
        self.run_to(at_s)
        pbx.agenda = [due for due in pbx.agenda if due.action != "arrive"]
        return next(reversed(pbx.calls))

    def command(self, at_s: float, command: str, id_: str = "order-1", **fields: Any) -> Verdict:
        """Give an order that is good for 6 s, at that moment."""
        at_ms = START_MS + round(at_s * 1000)
        command = {"id": id_, "command": command, "expires_at": rfc3339(at_ms + 6000), "valid_for_ms": 6000, **fields}
        command = {("except" if name == "except_" else name): value for name, value in command.items()}
        verdict, facts = self.exchange.obey(command, at_ms)
        self.facts += facts
        return verdict

    def said(self, subject: str | None = None) -> list[tuple[float, str]]:
        """(seconds, short kind) of all facts, or of those about a subject."""
        return [
            ((_ms(fact) - START_MS) / 1000, fact["type"].split(".")[2])
            for fact in self.facts
            if subject is None or fact["subject"] == subject
        ]

    def data(self, kind: str, subject: str | None = None) -> list[dict[str, Any]]:
        return [
            fact["data"]
            for fact in self.facts
            if fact["type"].split(".")[2] == kind and (subject is None or fact["subject"] == subject)
        ]


def _ms(fact: Fact) -> int:
    from cti.switches.simulated.pbx import read_time_ms

    return read_time_ms(fact["time"])
