"""What an attack gives: what was tried, the measured figures, and whether the product held."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Verdict:
    """The figures of one attack on one store. It passes if nothing was found wrong."""

    tried: str = ""
    figure: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def must(self, holds: bool, rule: str) -> None:
        """Note a rule that was broken."""
        if not holds:
            self.wrong.append(rule)

    @property
    def passed(self) -> bool:
        return not self.wrong

    def shown(self) -> dict[str, Any]:
        """As it stands in the JSON document; `wrong` names the broken rules."""
        broken = {"wrong": self.wrong} if self.wrong else {}
        return {"tried": self.tried, "figure": self.figure | broken, "passed": self.passed}


def spread(values_ms: Sequence[float]) -> dict[str, float | int | None]:
    """Count, median, 99th percentile (nearest rank) and maximum of times in ms."""
    if not values_ms:
        return {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    ordered = sorted(values_ms)

    def at(share: float) -> float:
        return round(ordered[max(math.ceil(share * len(ordered)), 1) - 1], 1)

    return {"count": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": round(ordered[-1], 1)}
