"""Judges the switch's own log by the rule book: calls, answers, breaches, notices, commands.

Written from the service standards alone (RING-1, RING-2, HOLD-2, HOLD-3, END-1), for the values of the profile
power-95598, and on purpose not with the product's core: it is the other side of every comparison.
Entries are heard in the order of the log, which is the order in which things happened at the switch.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cti.switches.simulated.pbx import read_time_ms

RING_LIMIT_MS = 12_000
HOLD_NOTICE_EVERY_MS = 15_000
HOLD_LIMIT_MS = 60_000
RELEASE_REASONS = {"silent", "inaudible", "language", "abuse", "lingering", "survey", "transfer"}
NETWORK = "network"
JUDGED = ("RING-1", "RING-2", "HOLD-2", "HOLD-3", "END-1")


@dataclass(slots=True)
class Followed:
    """What is known of a live call."""

    inbound: bool
    customer: str
    first_delivered_ms: int | None = None
    answered_ms: int | None = None
    ringing: dict[str, int] = field(default_factory=dict)  # leg -> since
    kept_waiting: set[str] = field(default_factory=set)  # what holds the caller now: "held", "muted"
    held_since_ms: int = 0
    notices: int = 0  # played in the hold that lasts
    owed: int = 0
    played: int = 0
    released: bool = False
    breaches: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Judge:
    """Hears the log; `figures` is what it amounts to. Breaches, answers and notices are those of ended calls."""

    calls: int = 0
    answered: int = 0
    answered_in_time: int = 0
    notices_owed: int = 0
    notices_played: int = 0
    commands: int = 0
    obeyed: int = 0
    repeated: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    live: dict[str, Followed] = field(default_factory=dict)

    def hear(self, entry: dict[str, Any]) -> None:
        """One entry of the log."""
        if entry["entry"] == "event":
            fact = entry["event"]
            _, family, kind, _ = fact["type"].split(".")
            if family == "call":
                self._hear_call(fact["subject"], kind, read_time_ms(fact["time"]), fact["data"])
        elif entry["entry"] == "verdict" and not entry.get("dial"):  # orders of a dialler are no commands of the rules
            self._hear_verdict(entry)

    def figures(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "answered": self.answered,
            "answered_in_time": self.answered_in_time,
            "breaches": {rule: self.breaches[rule] for rule in JUDGED if self.breaches[rule]},
            "notices_owed": self.notices_owed,
            "notices_played": self.notices_played,
            "commands": self.commands,
            "obeyed": self.obeyed,
            "refused": dict(sorted(self.refused.items())),
        }

    def _hear_verdict(self, verdict: dict[str, Any]) -> None:
        if verdict["repeated"]:
            self.repeated += 1
            return
        self.commands += 1
        if verdict["state"] != "done":
            self.refused[verdict["reason"]] += 1
            return
        self.obeyed += 1
        call = self.live.get(verdict.get("subject") or "")
        if verdict.get("rule") == "HOLD-2" and call is not None:
            call.played += 1
            call.notices += bool(call.kept_waiting)

    def _hear_call(self, subject: str, kind: str, at_ms: int, data: dict[str, Any]) -> None:
        if kind in {"offered", "originated", "serviceInitiated"}:
            self.calls += 1
            customer = data.get("called" if data.get("direction") == "outbound" else "calling")
            self.live[subject] = Followed(data.get("direction") == "inbound", str(customer))
            return
        call = self.live.get(subject)
        if call is None:
            return
        if kind in {"delivered", "established", "diverted", "failed"}:
            _hear_offer(call, kind, at_ms, data)
        elif kind in {"held", "retrieved", "muted", "unmuted", "transferred"}:
            _hear_hold(call, kind, at_ms, data)
        elif kind == "connectionCleared":
            _hear_release(call, at_ms, data)
        elif kind == "callCleared":
            self._close(self.live.pop(subject), at_ms)

    def _close(self, call: Followed, at_ms: int) -> None:
        for leg in list(call.ringing):
            _end_offer(call, leg, at_ms, "")
        _end_hold(call, at_ms)
        self.breaches.update(call.breaches)
        self.notices_owed += call.owed
        self.notices_played += call.played
        if call.answered_ms is not None:
            self.answered += 1
            first = call.first_delivered_ms
            self.answered_in_time += first is not None and call.answered_ms - first <= RING_LIMIT_MS


def _hear_offer(call: Followed, kind: str, at_ms: int, data: dict[str, Any]) -> None:
    leg = str(data.get("connection"))
    if kind == "delivered":
        call.ringing[leg] = at_ms
        if call.first_delivered_ms is None:
            call.first_delivered_ms = at_ms
        return
    _end_offer(call, leg, at_ms, str(data.get("cause")))
    if kind == "established" and call.answered_ms is None:
        call.answered_ms = at_ms
        waited_ms = at_ms - call.first_delivered_ms if call.first_delivered_ms is not None else 0
        if call.inbound and waited_ms > RING_LIMIT_MS:
            call.breaches.append("RING-2")


def _end_offer(call: Followed, leg: str, at_ms: int, cause: str) -> None:
    since_ms = call.ringing.pop(leg, None)
    if since_ms is None or not call.inbound:
        return
    if at_ms - since_ms > RING_LIMIT_MS or cause == "callNotAnswered":
        call.breaches.append("RING-1")


def _hear_hold(call: Followed, kind: str, at_ms: int, data: dict[str, Any]) -> None:
    if kind == "transferred":
        _end_hold(call, at_ms)
        return
    if data.get("holdingDevice") == call.customer:
        return  # the caller holds us: nothing is owed to him
    what = "held" if kind in {"held", "retrieved"} else "muted"
    if kind in {"held", "muted"}:
        if not call.kept_waiting:
            call.held_since_ms, call.notices = at_ms, 0
        call.kept_waiting.add(what)
    elif call.kept_waiting == {what}:
        _end_hold(call, at_ms)
    else:
        call.kept_waiting.discard(what)


def _end_hold(call: Followed, at_ms: int) -> None:
    if not call.kept_waiting:
        return
    call.kept_waiting.clear()
    lasted_ms = at_ms - call.held_since_ms
    owed = max(0, -(-lasted_ms // HOLD_NOTICE_EVERY_MS) - 1)
    call.owed += owed
    if call.notices < owed:
        call.breaches.append("HOLD-2")
    if lasted_ms > HOLD_LIMIT_MS:
        call.breaches.append("HOLD-3")


def _hear_release(call: Followed, at_ms: int, data: dict[str, Any]) -> None:
    if call.released:
        return
    call.released = True
    _end_hold(call, at_ms)
    releasing = data.get("releasingDevice")
    by_agent = releasing not in {call.customer, NETWORK, None}
    if call.inbound and by_agent and data.get("releaseReason") not in RELEASE_REASONS:
        call.breaches.append("END-1")
