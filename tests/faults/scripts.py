"""The calls of the load: each a script of events, told step by step in the switch's own time."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from cti.core.times import rfc3339
from tests.faults.diary import CallKept, Diary

Step = tuple[str, dict[str, Any], float]
"""(kind, data, seconds until the next step at least)"""
Script = Callable[[random.Random], Iterator[Step]]
CALLING, CALLED = "+8679112345678", "95598"


def script(chance: random.Random) -> Iterator[Step]:
    """One inbound call: offers, perhaps an answer, holds, and an end. Most go fast, a few keep somebody waiting."""
    caller = {"connection": "c1"}
    yield "offered", {**caller, "calling": CALLING, "called": CALLED, "direction": "inbound"}, 0.0
    yield "queued", {**caller, "queue": "faults"}, chance.choice([0.0, 0.1])
    agents = [{"connection": f"a{n}", "device": f"80{n}", "agent": f"10{n}"} for n in range(chance.randint(1, 3))]
    for agent in agents[:-1]:
        yield "delivered", {**agent, "queue": "faults"}, chance.choice([0.2, 0.5])
        yield "diverted", {**agent, "cause": chance.choice(["callNotAnswered", "redirected"])}, 0.0
    if chance.random() < 0.8:
        agent = agents[-1]
        yield "delivered", {**agent, "queue": "faults"}, chance.choice([0.1, 0.4])
        yield "established", agent, chance.choice([0.1, 1.0])
        for _ in range(chance.randint(0, 3)):
            hold = {**caller, "heldConnection": "c1", "holdingDevice": agent["device"]}
            yield "held", hold, chance.choice([0.3, 0.6, 16.0, 32.0] if chance.random() < 0.2 else [0.3, 0.6])
            yield "retrieved", hold, 0.1
    yield "connectionCleared", {**caller, "releasingDevice": CALLING}, 0.0
    yield "callCleared", {}, 0.0


class Exchange:
    """One switch: its live calls, its clock, its sequence."""

    def __init__(
        self, source: str, diary: Diary, chance: random.Random, calls_live: int, told: Script = script
    ) -> None:
        self.source, self._diary, self._chance, self._calls_live = source, diary, chance, calls_live
        self._told = told
        self._scripts: dict[str, Iterator[Step]] = {}
        self._not_before: dict[str, float] = {}
        self._begun = self._sequence = self._last_ms = 0

    @property
    def live(self) -> int:
        return len(self._scripts)

    def happenings(self, opening: bool) -> list[dict[str, Any]]:
        """The next events of some calls; `opening`: new ones may begin, else all hurry to their ends."""
        while opening and len(self._scripts) < self._calls_live:
            self._begun += 1
            name = f"call-{self._begun}"
            self._scripts[name] = self._told(self._chance)
            self._diary.calls[self.source, name] = CallKept(self._now_ms())
        now = time.monotonic()
        able = [name for name in self._scripts if not opening or self._not_before.get(name, 0.0) <= now]
        chosen = self._chance.sample(able, min(len(able), self._chance.randint(1, 8)))
        return [event for name in chosen if (event := self._next(name, now)) is not None]

    def _next(self, subject: str, now: float) -> dict[str, Any] | None:
        step = next(self._scripts[subject], None)
        if step is None:
            del self._scripts[subject]
            return None
        kind, data, wait_s = step
        self._not_before[subject] = now + wait_s
        kept, at_ms = self._diary.calls[self.source, subject], self._now_ms()
        if not kept.scripted:
            kept.opened_ms = at_ms
        self._sequence += 1
        event_id = f"{subject}-{self._sequence}"
        kept.happened(kind, event_id, at_ms, data)
        return self._event(event_id, subject, f"ringback.call.{kind}.v1", at_ms, data)

    def heartbeat(self) -> dict[str, Any]:
        self._sequence += 1
        switch, at_ms = self.source.removeprefix("/switches/"), self._now_ms()
        return self._event(f"beat-{self._sequence}", switch, "ringback.switch.switchHeartbeat.v1", at_ms, {})

    def _event(self, event_id: str, subject: str, kind: str, at_ms: int, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "specversion": "1.0", "id": event_id, "source": self.source, "type": kind, "subject": subject,
            "time": rfc3339(at_ms), "datacontenttype": "application/json", "sequence": self._sequence, "data": data,
        }  # fmt: skip

    def _now_ms(self) -> int:
        self._last_ms = max(self._last_ms, int(time.time() * 1000))
        return self._last_ms
