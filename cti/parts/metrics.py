"""A part's collector among the process's: whatever it raises, yields or waits for, a scrape delivers the others'."""

import threading
from collections.abc import Iterable, Sequence
from typing import cast

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from cti.parts.health import METRICS, Caught, PartHealth

COLLECT_S = 1.0  # of a scrape


class GuardedCollector(Collector):
    """Collects in a thread of its own: a collector that hangs is left behind, and not called again before it ends."""

    def __init__(self, part: str, collector: Collector, health: PartHealth) -> None:
        self._part, self._collector, self._health = part, collector, health
        self._under_way: threading.Thread | None = None

    def describe(self) -> Iterable[Metric]:
        """The names, so that no two collectors share one."""
        describe = getattr(self._collector, "describe", None)
        return describe() if describe is not None else ()

    def collect(self) -> Iterable[Metric]:
        """Its metrics, or none. `Telemetry` makes one exposition at a time."""
        if self._under_way is not None and self._under_way.is_alive():
            self._health.failed(self._part, METRICS, TimeoutError("its collector has not answered the last scrape yet"))
            return ()
        found: list[Metric] = []
        caught = Caught(BaseException)
        self._under_way = threading.Thread(target=self._collect, args=(found, caught), name=self._part, daemon=True)
        self._under_way.start()
        self._under_way.join(COLLECT_S)
        fault = caught.fault
        if self._under_way.is_alive():
            fault = TimeoutError(f"its collector did not answer within {COLLECT_S:g} s")
        if fault is not None:
            self._health.failed(self._part, METRICS, fault)
            return ()
        self._health.well(self._part, METRICS)
        return found

    def _collect(self, found: list[Metric], caught: Caught) -> None:
        with caught:
            metrics = list(self._collector.collect())
            generate_latest(cast("CollectorRegistry", _Collected(metrics)))  # one that cannot be written is a fault
            found += metrics


class _Collected:
    """What `generate_latest` asks of a registry."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics
