"""The instruments of dial orders, with labels from closed lists: what diallers, gateways and engines count of them."""

from prometheus_client import Counter, Gauge, Histogram

from cti.telemetry import Telemetry

_SENT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)  # an order lives 10 s at most


class DialMetrics:
    """Those of one process: the registry is the process's."""

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._made = Counter("ringback_dial_orders_total", "Dial orders made", ("command",), registry=registry)
        self._sent = Counter(
            "ringback_dial_orders_sent_total", "Dial orders claimed for a switch", ("command",), registry=registry
        )
        self._unwritten = Counter(
            "ringback_dial_orders_unwritten_total",
            "Dial orders claimed whose time was over before the first byte; they are asked for",
            registry=registry,
        )
        self._withdrawn = Counter(
            "ringback_dial_orders_withdrawn_total", "Dial orders withdrawn before they were sent", registry=registry
        )
        self._not_dialled = Counter(
            "ringback_dial_orders_not_dialled_total", "Dial orders that certainly made no call", registry=registry
        )
        self._results = Counter(
            "ringback_dial_results_total", "Results of dial orders", ("command", "result"), registry=registry
        )
        self._made_to_sent = Histogram(
            "ringback_dial_made_to_sent_seconds",
            "From an order's making to its claim",
            registry=registry,
            buckets=_SENT_S,
        )
        self._unknown = Counter(
            "ringback_dial_unknown_total", "Dial orders of which nobody knows what became", registry=registry
        )
        self._refused = Counter(
            "ringback_dial_claims_refused_total",
            "Claims of a subscription that was not the newest of its switch any more",
            registry=registry,
        )
        self._two_calls = Counter(
            "ringback_dial_two_calls_total", "Dial orders that made more than one call", registry=registry
        )
        self._streams = Gauge(
            "ringback_dial_streams", "Switches whose newest subscription to dial orders is here", registry=registry
        )
        self._word_age = Gauge(
            "ringback_dial_source_word_seconds",
            "Age of the last word of a switch with its newest subscription here: the oldest of them",
            registry=registry,
        )

    # -- of those who make orders --------------------------------------------------------------------------------------

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

    # -- of those who send them ----------------------------------------------------------------------------------------

    def sent(self, command: str, made_to_sent_ms: float) -> None:
        self._sent.labels(command).inc()
        self._made_to_sent.observe(max(0.0, made_to_sent_ms) / 1000)

    def unwritten(self, count: int) -> None:
        self._unwritten.inc(count)

    def result(self, command: str, result: str) -> None:
        """`result`: accepted, done or refused."""
        self._results.labels(command, result).inc()

    def claim_refused(self) -> None:
        self._refused.inc()

    def streams(self, delta: int) -> None:
        """A subscription became the newest (+1), or ended or was superseded (-1)."""
        self._streams.inc(delta)

    def word_age(self, seconds: float) -> None:
        self._word_age.set(seconds)
