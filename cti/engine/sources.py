"""What the engine knows of a switch: its clock, its declaration, which facts it sends, and when its calls are due."""

import heapq
from collections.abc import Mapping
from typing import Any

from cti.core.clocks import SourceClock
from cti.core.rules import Abilities, RuleBook, RuleSet
from cti.rows import SourceRow

RULES_CACHE_MAX = 1_000


class Source:
    """One switch instance of one tenant. Mutable: observations, and caches of what can be derived."""

    __slots__ = ("_book", "_rules", "abilities", "alarmed", "clock", "kinds", "name", "schedule", "switch", "tenant")

    def __init__(self, tenant: str, name: str, book: RuleBook) -> None:
        self.tenant, self.name = tenant, name
        self.switch = name.removeprefix("/switches/")
        self.clock = SourceClock()
        self.kinds: set[str] = set()
        self.abilities = Abilities()
        self.schedule: list[tuple[int, int]] = []  # (due by the switch's clock, key of the call), a heap
        self.alarmed = False
        self._book = book
        self._rules: dict[tuple[str | None, str | None], RuleSet] = {}

    def declare(self, switch: str, declaration: Mapping[str, Any]) -> None:
        """Take over what the switch said of itself (PUT /v1/switches/{id})."""
        self.switch = switch
        self.abilities = Abilities(
            frozenset(declaration.get("commands") or ()), bool(declaration.get("if_other_ready"))
        )
        self._rules.clear()

    def rules(self, queue: str | None, direction: str | None) -> RuleSet:
        """The profile's interventions for calls of this queue and direction, with what this switch can do."""
        found = self._rules.get((queue, direction))
        if found is None:
            if len(self._rules) >= RULES_CACHE_MAX:
                self._rules.clear()
            found = self._book.interventions_for(self.switch, queue, self.abilities, direction)
            self._rules[queue, direction] = found
        return found

    def saw(self, kind: str) -> bool:
        """Note a kind of fact; whether it is new."""
        if kind in self.kinds:
            return False
        self.kinds.add(kind)
        return True

    def row(self, partition: int) -> SourceRow:
        return SourceRow(self.tenant, self.name, partition, " ".join(sorted(self.kinds)))

    def look_at(self, due_ms: int, key: int) -> None:
        heapq.heappush(self.schedule, (due_ms, key))

    def due_before(self, now_ms: float) -> tuple[int, int] | None:
        """Take the next (due, key) that lies before `now_ms`."""
        if self.schedule and self.schedule[0][0] < now_ms:
            return heapq.heappop(self.schedule)
        return None

    def next_log_ms(self) -> float | None:
        """When, by the log's clock, something of this source falls due."""
        if not self.schedule or self.clock.lag_ms is None:
            return None
        return self.schedule[0][0] + self.clock.lag_ms
