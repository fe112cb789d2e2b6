"""The simulated switch under many seeds: what it says is lawful, and two judges unknown to each other agree on it.

The seed is part of every test's name, so a failure names it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cti.core.call import fold
from cti.core.facts import fact as core_fact
from cti.core.record import measure
from cti.core.rules import RuleBook, compile_profile
from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.habits import BRISK, HABITS, Span
from cti.switches.simulated.judge import Judge
from cti.switches.simulated.pbx import CALLER_LEG, Doing, Fact, Standing, read_time_ms, rfc3339
from schemas.envelope import Event, read_event
from schemas.profile import read_profile

START_MS = 1_772_413_200_000
SEEDS = range(8)
EVENTFUL = BRISK._replace(
    transfers_attended=0.15, transfers_blind=0.1, long_hold=Span(16, 90), customer_holds=0.05, mutes=0.15
)
PROFILE = Path(__file__).parents[2] / "cti" / "profiles" / "power-95598.toml"


class Day:
    """Twenty minutes of a busy place, with a capricious commander; all that the switch said, and its judge."""

    def __init__(self, seed: int) -> None:
        """Even seeds have agents enough, odd ones too few."""
        self.random = Random(seed)
        agents = 12 if seed % 2 else 35
        self.exchange = Exchange.opened(Site("sim-1", agents, 50.0, seed, "eventful"), START_MS)
        self.judge = Judge()
        self.facts: list[Fact] = []
        self.verdicts: list[Verdict] = []
        self.now_ms = START_MS

    def run(self) -> None:
        for _ in range(1200):
            self.now_ms += self.random.randrange(200, 1800)
            self.hear(self.exchange.advance(self.now_ms))
            if self.random.random() < 0.5:
                self.command()
            self.check()
        self.exchange.hurry(self.now_ms)
        self.now_ms += 60_000
        self.hear(self.exchange.advance(self.now_ms))
        self.check()

    def hear(self, facts: list[Fact]) -> None:
        self.facts += facts
        for fact in facts:
            self.judge.hear({"entry": "event", "event": fact})

    def command(self) -> None:
        command = self.some_order()
        verdict, facts = self.exchange.obey(command, self.now_ms)
        self.verdicts.append(verdict)
        entry = {name: command.get(name) for name in ("id", "rule", "subject")}
        repeated = verdict.reason == "duplicate"
        self.judge.hear({"entry": "verdict", **entry, **verdict._asdict(), "repeated": repeated})
        self.hear(facts)

    def some_order(self) -> dict[str, Any]:
        random, pbx = self.random, self.exchange.pbx
        name = random.choice(("deflectCall", "playMessage", "setAgentState", "promptAgent", "singleStepTransferCall"))
        call = random.choice(list(pbx.calls.values())) if pbx.calls else None
        legs = list(call.legs.values()) if call else []
        agent = random.choice(list(pbx.agents))
        return {
            "id": f"order-{random.randrange(4000)}",
            "command": name,
            "rule": "HOLD-2" if name == "playMessage" else "RING-1",
            "subject": call.id if call else "nobody",
            "connection": random.choice(legs).connection if legs and name == "deflectCall" else CALLER_LEG,
            "if_state": "hold" if name == "playMessage" else None,
            "if_other_ready": random.random() < 0.8,
            "agent": agent,
            "state": random.choice(("notReady", "ready")),
            "to": random.choice(("queueHead", "survey", agent)),
            "message": "hold_notice",
            "expires_at": rfc3339(self.now_ms + random.randrange(-500, 6000)),
            "valid_for_ms": 6000,
        }

    def check(self) -> None:
        """What must hold between any two steps."""
        pbx = self.exchange.pbx
        talking, ringing = Counter[str](), Counter[str]()
        for call in pbx.calls.values():
            for leg in call.legs.values():
                talking[leg.agent] += leg.standing is Standing.CONNECTED and not call.parent
                ringing[leg.agent] += leg.standing is Standing.ALERTING
            assert sum(leg.standing is Standing.ALERTING for leg in call.legs.values()) <= 1
            assert (call.id in pbx.waiting) is (call.in_queue and call.ringing() is None), call
        for agent in pbx.agents.values():
            assert talking[agent.id] <= 1, f"{agent} in two conversations"
            assert (ringing[agent.id] == 1) is (agent.doing is Doing.RINGING), agent
        assert len(set(pbx.waiting)) == len(pbx.waiting)


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return compile_profile(read_profile(PROFILE.read_text(encoding="utf-8"), PROFILE.name))


@pytest.fixture(params=SEEDS, scope="module")
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HABITS, "eventful", EVENTFUL)
        day = Day(request.param)
        day.run()
        yield day


def test_every_call_comes_to_an_end_and_every_agent_home(day: Day) -> None:
    assert not day.exchange.pbx.calls
    assert not day.judge.live
    assert day.judge.calls > 300
    assert Doing.RINGING not in {agent.doing for agent in day.exchange.pbx.agents.values()}


def test_every_event_keeps_the_contract(day: Day) -> None:
    """Strict data, rising sequence, times that never fall, ids of their own."""
    events = [read_event(fact) for fact in day.facts]
    assert all(event.known for event in events)
    sequences = [event.sequence for event in events if event.sequence is not None]
    assert len(sequences) == len(events)
    assert sequences == sorted(set(sequences))
    assert all(before.at_ms <= after.at_ms for before, after in pairwise(events))
    assert len({event.id for event in events}) == len(events)


def test_the_day_had_everything(day: Day) -> None:
    kinds = {fact["type"].split(".")[2] for fact in day.facts}
    assert kinds >= {"queued", "diverted", "failed", "held", "retrieved", "muted", "transferred", "agentNotReady"}
    states = {(verdict.state, verdict.reason) for verdict in day.verdicts}
    assert states >= {("done", None), ("refused", "duplicate"), ("refused", "expired")}


def test_the_core_and_the_switchs_judge_agree(day: Day, book: RuleBook) -> None:
    """HOLD-2 apart: what was played is no event. Everything else is a function of the facts, seen by two."""
    calls: dict[str, list[Event]] = defaultdict(list)
    for event in (read_event(fact) for fact in day.facts):
        if event.family == "call":
            calls[event.subject].append(event)
    breaches: Counter[str] = Counter()
    answered = in_time = owed = 0
    for subject, events in calls.items():
        measured = measure(fold(subject, [_as_core(event) for event in events]).call, book, ())
        breaches.update(breach.rule for breach in measured.breaches if breach.rule != "HOLD-2")
        answered += measured.outcome == "answered"
        in_time += measured.answer_ms is not None and measured.answer_ms <= 12_000
        owed += sum(measured.owed)
    figures = day.judge.figures()
    theirs = {rule: count for rule, count in figures["breaches"].items() if rule != "HOLD-2"}
    assert set(figures["breaches"]) == {"RING-1", "RING-2", "HOLD-2", "HOLD-3", "END-1"}
    assert (len(calls), answered, in_time, owed, dict(breaches)) == (
        figures["calls"],
        figures["answered"],
        figures["answered_in_time"],
        figures["notices_owed"],
        theirs,
    )


def _as_core(event: Event) -> Any:
    return core_fact(event.at_ms, event.sequence, event.id, event.kind, 0, event.data)


def test_times_are_read_as_they_are_written() -> None:
    for at_ms in (START_MS, START_MS + 1, START_MS + 999):
        assert read_time_ms(rfc3339(at_ms)) == at_ms
