"""What a switch remembers of dial orders, for 72 h: each id, and what became of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

REMEMBERED_MS = 72 * 3_600_000  # docs/integrators.md: an id is refused for so long
ORDERS_MAX = 500_000  # remembered at once; a full memory takes no order: what is forgotten could ring twice
TURNS_MAX = 500_000  # numbers whose place in their script is known, oldest out first


@dataclass(slots=True)
class Remembered:
    """One dial order. `state`: waiting (accepted, not yet placed), live, ended, silent (nothing is said of it, whoever
    asks), or burnt (asked about, never come)."""

    id: str
    at_ms: int
    state: str
    to: str = ""
    group: str = ""
    word: str = ""
    call: str = ""
    turn: int = 0  # how often its number was called before
    cause: str | None = None
    q850: int | None = None
    tone: str | None = None
    ended_ms: int | None = None
    order: dict[str, Any] = field(default_factory=dict)  # while it waits


@dataclass(slots=True)
class OrderMemory:
    """`orders`: in order of arrival. `lines`: order -> trunk group, of calls on their way or live."""

    orders: dict[str, Remembered] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    placed: int = 0

    def forget_old(self, now_ms: int) -> None:
        """Ids older than 72 h go."""
        while self.orders:
            first = next(iter(self.orders.values()))
            if first.at_ms > now_ms - REMEMBERED_MS:
                return
            del self.orders[first.id]
            self.lines.pop(first.id, None)

    def keep(self, known: Remembered) -> None:
        """An order has come."""
        self.orders.pop(known.id, None)
        self.orders[known.id] = known
        if known.state == "waiting" and known.group:
            self.lines[known.id] = known.group

    def end(self, known: Remembered, at_ms: int, cause: str | None = None) -> None:
        """The call or message is over, or never came about because of `cause`."""
        known.state, known.ended_ms, known.order = "ended", at_ms, {}
        known.cause = cause or known.cause
        self.lines.pop(known.id, None)

    @property
    def full(self) -> bool:
        return len(self.orders) >= ORDERS_MAX

    def live_in(self, group: str) -> int:
        """Calls of a trunk group that are on their way or live."""
        return sum(taken == group for taken in self.lines.values())

    def next_turn(self, kind: str, number: str) -> int:
        """How often the number was called (`kind` call) or written to (message) before; this time counts."""
        key = f"{kind}:{number}"
        turn = self.turns.pop(key, 0)
        self.turns[key] = turn + 1
        if len(self.turns) > TURNS_MAX:
            del self.turns[next(iter(self.turns))]
        return turn

    def hear(self, order_id: str, kind: str, at_ms: int, data: Mapping[str, Any]) -> None:
        """A fact of the order's call. The first cause of the called leg stays."""
        known = self.orders.get(order_id)
        if known is None:
            return
        if kind == "networkTone" and known.tone is None:
            known.tone = str(data["tone"])
        if kind in {"failed", "connectionCleared"} and known.q850 is None and "agent" not in data:
            known.q850, known.cause = data.get("q850"), data.get("cause")
        if kind == "callCleared":
            self.end(known, at_ms)

    def saved(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> "OrderMemory":
        """Raises KeyError, TypeError for what `saved` has not made."""
        orders = {id_: Remembered(**known) for id_, known in saved["orders"].items()}
        return cls(orders, dict(saved["lines"]), dict(saved["turns"]), saved["placed"])
