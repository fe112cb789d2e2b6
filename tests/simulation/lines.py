"""Switches of a scene that tell what happens by a clock of their own, and note when each order reached them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cti.wiring import read_book
from tests.scheduler import START_MS, Scene, event, obeys

CALLER = {"connection": "c", "calling": "+8679186261234", "called": "95598", "direction": "inbound"}
AGENT = {"connection": "a-1", "agent": "1001", "device": "8001"}
HOLD = {"connection": "c", "heldConnection": "c", "holdingDevice": "8001"}
LEAVES = {"connection": "c", "releasingDevice": CALLER["calling"]}
ROUNDING_S = 0.002


class Seen(NamedTuple):
    """An order, and when it came: by the true clock, and by the switch's."""

    at_s: float
    switch_s: float
    command: Mapping[str, Any]

    @property
    def due_s(self) -> float:
        return seconds_of(self.command["due_at"])

    @property
    def what(self) -> tuple[float, str, str]:
        """(when by the true clock, rule, command)"""
        return round(self.at_s, 1), self.command["rule"], self.command["command"]


def seconds_of(time: str) -> float:
    """An RFC 3339 time as seconds of the scene."""
    return datetime.fromisoformat(time).timestamp() - START_MS / 1000


class Line:
    """One switch. `off_s`: how far its clock is ahead of the true one; may change."""

    def __init__(self, it: Scene, name: str, off_s: float) -> None:
        self._it, self.name, self.off_s = it, name, off_s
        self.seen: list[Seen] = []
        self._said = 0

    @classmethod
    async def of(cls, it: Scene, name: str, off_s: float = 0.0, **options: Any) -> "Line":
        line = cls(it, name, off_s)
        await it.declare(name, answer=line._ordered, clock_off_s=off_s, **options)
        return line

    def set_clock(self, off_s: float) -> None:
        self.off_s = self._it.switches[self.name].clock_off_s = off_s

    def _ordered(self, command: Mapping[str, Any], now_s: float) -> Sequence[tuple[str, str | None]]:
        self.seen.append(Seen(now_s, now_s + self.off_s, command))
        return obeys(command, now_s)

    def told(self, subject: str, kind: str, data: Mapping[str, Any], at_s: float) -> dict[str, Any]:
        """What happened at `at_s` of the true clock, as this switch dates it."""
        self._said += 1
        return event(self.name, subject, kind, at_s + self.off_s, data, id=f"{self.name}-{self._said}")

    async def say(self, subject: str, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """It happens now."""
        await self._it.post(self.told(subject, kind, data or {}, self._it.now_s))

    async def answered(self, subject: str, ring_s: float = 3.0) -> None:
        """A call from its opening to its answer, in the time that takes."""
        start = self._it.now_s
        await self.say(subject, "offered", CALLER)
        await self.say(subject, "queued", {"connection": "c", "queue": "billing"})
        await self.say(subject, "delivered", {**AGENT, "queue": "billing"})
        await self._it.to(start + ring_s)
        await self.say(subject, "established", AGENT)

    async def ends(self, subject: str) -> dict[str, Any]:
        """The caller leaves; the record."""
        await self.say(subject, "connectionCleared", LEAVES)
        await self.say(subject, "callCleared")
        record = await self._it.record(self.name, subject)
        assert record is not None, f"{subject} has no record"
        return record

    def stale(self) -> list[Seen]:
        """Orders that came before they were due or when there was no use in them any more."""
        return [
            one for one in self.seen if not 0 <= one.switch_s - one.due_s + ROUNDING_S <= _useful_s(one) + ROUNDING_S
        ]


def _useful_s(one: Seen) -> float:
    found = [rule for rule in read_book("power-95598").interventions if rule.id == one.command["rule"]]
    return max(rule.useful_ms for rule in found) / 1000
