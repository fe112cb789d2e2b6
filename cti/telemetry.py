"""The meter of a process: its registry, and the instruments of what is in every process, its door foremost.

Instruments of calls are in `cti.engine.metrics`. Names follow Prometheus' conventions, labels come from closed lists.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

COMMIT_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2)


class Telemetry:
    """The instruments of one process. More of them can be added to `registry`."""

    def __init__(self) -> None:
        self._updates: list[Callable[[], None]] = []
        registry = self.registry = CollectorRegistry()
        self._requests = Histogram(
            "ringback_http_request_seconds",
            "Time to answer a request",
            ("route", "method", "status"),
            registry=registry,
            buckets=COMMIT_S,
        )
        self._events = Counter("ringback_events_total", "Events at the door", ("outcome",), registry=registry)
        self._streams = Gauge("ringback_command_streams", "Switches that listen for commands", registry=registry)
        self._lines_dropped = Counter(
            "ringback_log_lines_dropped_total", "Log lines that could not be written", registry=registry
        )
        self._retention = Gauge(
            "ringback_retention_behind_seconds",
            "The log's clock minus the time that retention goes by; large after a step of the clock or a long stop",
            registry=registry,
        )

        self._callbacks = Gauge(
            "ringback_callback_requests_waiting", "Callbacks asked for or promised that nobody has taken",
            registry=registry,
        )  # fmt: skip
        self._oldest_callback = Gauge(
            "ringback_oldest_callback_request_timestamp_seconds", "When the first of them was asked for; 0: none waits",
            registry=registry,
        )  # fmt: skip
        self._part_faults = Counter(
            "ringback_part_faults_total", "Failures of a part, by what it did", ("part", "doing"), registry=registry
        )
        self._part_broken = Gauge("ringback_part_broken", "1 while a part is broken", ("part",), registry=registry)
        self._part_missed = Counter(
            "ringback_part_rounds_missed_total", "Rounds without a part's statements", ("part",), registry=registry
        )

    def at_exposition(self, update: Callable[[], None]) -> None:
        """Call `update` before each exposition, perhaps in a thread."""
        self._updates.append(update)

    def exposition(self) -> bytes:
        """The text format that Prometheus reads. May run in a thread beside the event loop."""
        for update in self._updates:
            update()
        return generate_latest(self.registry)

    def log_lines_dropped(self, count: int) -> None:
        """Called from any thread."""
        self._lines_dropped.inc(count)

    def retention_behind(self, behind_ms: int) -> None:
        self._retention.set(behind_ms / 1000)

    def callbacks_waiting(self, requests: int, oldest_ms: int | None) -> None:
        """By the engine that has the first partition, once a minute."""
        self._callbacks.set(requests)
        self._oldest_callback.set((oldest_ms or 0) / 1000)

    def part_failed(self, part: str, doing: str) -> None:
        self._part_faults.labels(part, doing).inc()

    def part_broken(self, part: str, broken: bool) -> None:
        self._part_broken.labels(part).set(broken)

    def part_missed_round(self, part: str) -> None:
        self._part_missed.labels(part).inc()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).observe(seconds)

    def events(self, outcome: str, count: int = 1) -> None:
        self._events.labels(outcome).inc(count)

    def streams(self, delta: int) -> None:
        self._streams.inc(delta)
