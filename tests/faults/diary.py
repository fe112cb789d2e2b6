"""What is known for certain: written down when an answer arrived, compared at the end with what the product keeps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CallName = tuple[str, str]
"""(source, subject)"""


@dataclass(slots=True)
class CallKept:
    """One call: its script's own truth, in ms, and the event ids that were acknowledged."""

    opened_ms: int
    scripted: list[str] = field(default_factory=list)  # ids of its events, sent or on their way
    acknowledged: set[str] = field(default_factory=set)
    answered_ms: int | None = None
    held_since_ms: int | None = None
    hold_ms: int = 0
    holds: int = 0
    offers: int = 0
    left_ms: int | None = None  # when the first leg was cleared: then nobody talks any more
    ended_ms: int | None = None
    facts: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)  # (kind, time, data), in order

    @property
    def complete(self) -> bool:
        """It has ended, and the product answered for all that was said of it."""
        return self.ended_ms is not None and self.acknowledged.issuperset(self.scripted)

    def happened(self, kind: str, event_id: str, at_ms: int, data: dict[str, Any]) -> None:
        """The next event of the script."""
        self.scripted.append(event_id)
        self.facts.append((kind, at_ms, data))
        if kind == "delivered":
            self.offers += 1
        elif kind == "established":
            self.answered_ms = at_ms
        elif kind == "held":
            self.held_since_ms, self.holds = at_ms, self.holds + 1
        elif kind == "callCleared":
            self.ended_ms = at_ms
        if kind == "connectionCleared" and self.left_ms is None:
            self.left_ms = at_ms
        if kind in ("retrieved", "connectionCleared") and self.held_since_ms is not None:
            self.hold_ms += at_ms - self.held_since_ms
            self.held_since_ms = None


@dataclass(slots=True)
class Diary:
    """Everything acknowledged, refused and ordered, as it was seen from outside."""

    calls: dict[CallName, CallKept] = field(default_factory=dict)
    conflicts: set[str] = field(default_factory=set)  # marks of acknowledged events under a known id
    answers: Counter[str] = field(default_factory=Counter)  # what was posted, and the status it got
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)  # by command id
    orders_changed: set[str] = field(default_factory=set)  # ids that came twice with different contents
    positions: dict[int, int] = field(default_factory=dict)  # highest acknowledged position of each partition

    @property
    def acknowledged(self) -> int:
        """Call events that the product answered for, each id once."""
        return sum(len(call.acknowledged) for call in self.calls.values())

    def acknowledge(self, source: str, subject: str, event_id: str) -> None:
        self.calls[source, subject].acknowledged.add(event_id)

    def stand(self, token: str) -> None:
        """Note a position token: 0:12,3:7."""
        for part in filter(None, token.split(",")):
            partition, position = map(int, part.split(":"))
            self.positions[partition] = max(self.positions.get(partition, 0), position)

    def order(self, command: Mapping[str, Any]) -> bool:
        """Note a command; whether it is new."""
        content = {name: value for name, value in command.items() if name != "valid_for_ms"}
        known = self.orders.get(command["id"])
        if known is None:
            self.orders[command["id"]] = content
        elif known != content:
            self.orders_changed.add(command["id"])
        return known is None

    @property
    def token(self) -> str:
        """The highest acknowledged positions as `min_position` takes them."""
        return ",".join(f"{partition}:{position}" for partition, position in sorted(self.positions.items()))
