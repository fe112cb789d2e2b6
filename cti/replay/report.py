"""The figures of a replay. All come from the product's records, none from the file. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

MEAN_DECIMALS = 4
COLUMNS = ("calls", "answered", "abandoned", "abandoned_from_queue", "mean_service_s", "mean_wait_answered_s")

Record = dict[str, Any]
Line = dict[str, str | int | float | None]


@dataclass(slots=True)
class Totals:
    """Sums over records; durations in ms, so that nothing is lost before the last division."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    abandoned_from_queue: int = 0
    service_ms: int = 0
    wait_answered_ms: int = 0

    def add(self, record: Record) -> None:
        self.calls += 1
        if record["outcome"] == "answered":
            self.answered += 1
            self.service_ms += _ms(record["talk_s"])
            self.wait_answered_ms += _ms(record["wait_s"])
        elif record["outcome"] == "abandoned":
            self.abandoned += 1
            self.abandoned_from_queue += record["queue"] is not None

    def figures(self, wait_known: bool = True) -> Line:
        """The table columns. A mean over no answered call is null, and that of waits nobody recorded."""
        return {
            "calls": self.calls,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "abandoned_from_queue": self.abandoned_from_queue,
            "mean_service_s": _mean_s(self.service_ms, self.answered),
            "mean_wait_answered_s": _mean_s(self.wait_answered_ms, self.answered) if wait_known else None,
        }


Group = Callable[[Record], str]


@dataclass(slots=True)
class Summary:
    """What is read from the records in one pass. `wait_known`: some call of the file was queued."""

    groups: dict[str, Group]
    wait_known: bool = True
    total: Totals = field(default_factory=Totals)
    tables: dict[str, dict[str, Totals]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.total.add(record)
        for name, group in self.groups.items():
            self.tables.setdefault(name, {}).setdefault(group(record), Totals()).add(record)

    def table(self, name: str) -> list[Line]:
        """The lines of one table, in order of the group."""
        tables = sorted(self.tables.get(name, {}).items())
        return [{name: group, **totals.figures(self.wait_known)} for group, totals in tables]


def half_hour_of(zone: ZoneInfo) -> Group:
    """The local half hour in which a call came: `1999-01-01T07:30`."""

    def group(record: Record) -> str:
        local = datetime.fromisoformat(record["opened_at"]).astimezone(zone)
        return local.replace(minute=local.minute - local.minute % 30, second=0, microsecond=0).strftime(
            "%Y-%m-%dT%H:%M"
        )

    return group


def _mean_s(total_ms: int, count: int) -> float | None:
    return round(total_ms / 1000 / count, MEAN_DECIMALS) if count else None


def _ms(seconds: float | None) -> int:
    return round((seconds or 0) * 1000)
