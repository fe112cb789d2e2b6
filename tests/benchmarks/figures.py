"""What a benchmark says: figures with a unit, beside a baseline where there is one."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result. `ratio` is value / baseline, given only where higher is better."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    runs: int = 1
    batch: int | None = None

    def told(self) -> dict[str, Any]:
        """As JSON, rounded to what means something."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def line(self) -> str:
        """As a line of text."""
        beside = "" if self.baseline is None else f"  baseline {self.baseline:,.5g}"
        beside += "" if self.ratio is None else f"  ratio {self.ratio:.3f}"
        return f"{self.name:<46} {self.value:>12,.5g} {self.unit:<9}{beside}"


def against(name: str, values: Sequence[float], baselines: Sequence[float], unit: str, batch: int | None) -> Figure:
    """Medians of alternating runs, and their ratio; higher is better."""
    value, baseline = statistics.median(values), statistics.median(baselines)
    return Figure(name, value, unit, baseline, value / baseline, len(values), batch)


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` of all do not exceed (nearest rank); `values` is not empty."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
