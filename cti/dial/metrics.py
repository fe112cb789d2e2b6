"""The instruments of dial orders, with labels from closed lists. The registry is the process's (`cti.telemetry`)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_MADE_TO_SENT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class DialMetrics:
    """`cti.dial.ports.DialMeter` of one process; one that does not dial shows zeros."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"ringback_dial_{name}_total", what, labels, registry=registry)

        self._made = counter("orders", "Dial orders made", "command")
        self._sent = counter("orders_sent", "Dial orders marked as sent", "command")
        self._withdrawn = counter("withdrawn", "Dial orders withdrawn before they were sent")
        self._not_dialled = counter("not_dialled", "Dial orders that certainly never rang")
        self._results = counter("results", "Results of dial orders", "command", "result")
        self._unknown = counter("unknown", "Dial orders of which nobody knows what became of them")
        self._refused = counter("claims_refused", "Claims by a subscription that is not the newest")
        self._two_calls = counter("two_calls", "Dial orders with two calls")
        self._unwritten = counter(
            "orders_unwritten",
            "Dial orders marked as sent that were too late to be written; they are asked for",
        )
        self._made_to_sent = Histogram(
            "ringback_dial_made_to_sent_seconds",
            "From making a dial order to marking it as sent",
            registry=registry,
            buckets=_MADE_TO_SENT_S,
        )
        self._streams = Gauge(
            "ringback_dial_streams", "Switches whose newest subscription to dial orders is here", registry=registry
        )
        self._word_age = Gauge(
            "ringback_dial_source_word_seconds",
            "Age of the last word of a switch with its newest subscription here: the oldest of them",
            registry=registry,
        )

    def made(self, command: str, count: int = 1) -> None:
        self._made.labels(command).inc(count)

    def withdrawn(self, count: int = 1) -> None:
        self._withdrawn.inc(count)

    def not_dialled(self, count: int = 1) -> None:
        self._not_dialled.inc(count)

    def unknown(self, count: int = 1) -> None:
        self._unknown.inc(count)

    def two_calls(self) -> None:
        self._two_calls.inc()

    def sent(self, command: str, made_to_sent_ms: float) -> None:
        self._sent.labels(command).inc()
        self._made_to_sent.observe(max(made_to_sent_ms, 0.0) / 1000)

    def result(self, command: str, result: str) -> None:
        self._results.labels(command, result).inc()

    def claim_refused(self) -> None:
        self._refused.inc()

    def unwritten(self, count: int) -> None:
        """By the gateway: it came too late to write these."""
        self._unwritten.inc(count)

    def streams(self, delta: int) -> None:
        """By the gateway: a subscription became the newest of its switch (+1), or is that no more (-1)."""
        self._streams.inc(delta)

    def word_age(self, seconds: float) -> None:
        """By the gateway."""
        self._word_age.set(seconds)
