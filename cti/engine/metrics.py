"""The instruments of calls: what engines count of what they work on, with labels from closed lists.

The registry is the process's (`cti.telemetry`).
"""

from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cti.core.agent import Agent, AgentState
from cti.core.call_state import Call, Hold, Offer, Phase, Wait
from cti.core.record import Measured
from cti.telemetry import COMMIT_S, Telemetry
from cti.web.masking import masked_identifier
from schemas.reasons import DeadLetter, Ignored, InterventionOutcome

# An edge at each limit that a rule has: 12 s (RING-1), 15 s (RING-3), and what lies around them.
_ANSWER_S: Final = (1, 2, 3, 5, 8, 10, 11, 12, 13, 15, 20, 30, 60, 120)
_WAIT_S: Final = (1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
_LATENESS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 6)
_ROUND: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_NOTHING: Final = Call("")
SOURCES_MAX: Final = 500  # with series of their own; each has two
OTHERS_MAX: Final = 20_000  # further sources, of which only the worst is shown
OTHER: Final = "other"


class CallMetrics:
    """The instruments of the engine of one process; a process without one shows zeros.

    `sources_max`: so many sources have series of their own, the rest is `other`.
    """

    _children: dict[tuple[Counter | str, ...], Counter]  # children of instruments by their labels, looked up once
    _late_children: dict[str, Histogram]
    _agents_in: Counts[AgentState]

    def __init__(self, telemetry: Telemetry, sources_max: int = SOURCES_MAX) -> None:
        self._now = [0, 0, 0, 0]  # calls live, queued, offers ringing, calls held
        self._children, self._late_children, self._agents_in = {}, {}, Counts()
        registry = self.registry = telemetry.registry
        self._ignored = Counter(
            "ringback_events_ignored_total", "Stored events that changed nothing", ("reason",), registry=registry
        )
        self._dead = Counter("ringback_events_dead_lettered_total", "Events set aside", ("reason",), registry=registry)
        self._callbacks = Counter(
            "ringback_callback_requests_total", "Callbacks that callers asked for and agents promised", ("origin",),
            registry=registry,
        )  # fmt: skip
        self._unasked = Counter(
            "ringback_callers_unasked_total", "Callers whom no part was asked about: too many, or it did not answer",
            registry=registry,
        )  # fmt: skip
        self._live = Gauge("ringback_calls_live", "Calls that are open", registry=registry)
        self._waiting = Gauge("ringback_calls_queued", "Calls that wait in a queue now", registry=registry)
        self._ringing = Gauge("ringback_offers_ringing", "Agents' devices that ring now", registry=registry)
        self._held = Gauge("ringback_calls_held", "Calls whose customer is held by us now", registry=registry)
        self._agents = Gauge("ringback_agents", "Agents by state", ("state",), registry=registry)
        self._records = Counter("ringback_calls_total", "Calls that ended", ("outcome",), registry=registry)
        self._revised = Counter(
            "ringback_records_revised_total", "Records published again for a late fact", registry=registry
        )
        self._answer = Histogram(
            "ringback_answer_seconds", "First ring to answer (RING-1, RING-2)", registry=registry, buckets=_ANSWER_S
        )
        self._wait = Histogram("ringback_queue_seconds", "Time in queue", registry=registry, buckets=_WAIT_S)
        self._breaches = Counter("ringback_breaches_total", "Measured breaches", ("rule",), registry=registry)
        self._owed = Counter("ringback_hold_notices_owed_total", "HOLD-2 notices owed", registry=registry)
        self._played = Counter("ringback_hold_notices_played_total", "HOLD-2 notices played", registry=registry)
        self._notices_late = Counter(
            "ringback_hold_notices_late_total", "HOLD-2 notices owed and not played", registry=registry
        )
        self._interventions = Counter(
            "ringback_interventions_total",
            "Interventions and their outcomes",
            ("rule", "command", "outcome"),
            registry=registry,
        )
        self._lateness = Histogram(
            "ringback_rule_lateness_seconds",
            "From when a rule was due to its command",
            ("rule",),
            registry=registry,
            buckets=_LATENESS_S,
        )
        self._add_sources_and_rounds(registry, sources_max)
        telemetry.at_exposition(self._sources.show_others)

    def _add_sources_and_rounds(self, registry: CollectorRegistry, sources_max: int) -> None:
        self._lag = Gauge(
            "ringback_source_lag_seconds",
            "Least append time minus event time of the last 30 s",
            ("tenant", "source"),
            registry=registry,
        )
        self._distrusted = Gauge(
            "ringback_source_distrusted",
            "1 while a switch's clock is not believed",
            ("tenant", "source"),
            registry=registry,
        )
        self._sources = _Sources(self._lag, self._distrusted, sources_max)
        self._round = Histogram(
            "ringback_round_events", "Events in a committed round", registry=registry, buckets=_ROUND
        )
        self._commit = Histogram(
            "ringback_commit_seconds", "Time of a round's transaction", registry=registry, buckets=COMMIT_S
        )
        self._failed = Counter(
            "ringback_commits_failed_total", "Rounds that did not commit", ("reason",), registry=registry
        )

    def ignored(self, reason: Ignored) -> None:
        self._count(self._ignored, reason.value)

    def dead_lettered(self, reason: DeadLetter) -> None:
        self._dead.labels(reason.value).inc()

    def callback_requested(self, origin: str) -> None:
        """`origin`: queue or agent."""
        self._count(self._callbacks, origin)

    def caller_unasked(self) -> None:
        self._unasked.inc()

    def intervention(self, rule: str, command: str, outcome: InterventionOutcome) -> None:
        self._count(self._interventions, rule, command, outcome.value)

    def late_by(self, rule: str, late_ms: float) -> None:
        child = self._late_children.get(rule)
        if child is None:
            child = self._late_children[rule] = self._lateness.labels(rule)
        child.observe(late_ms / 1000)

    def _count(self, counter: Counter, *labels: str) -> None:
        """One more; the child of each combination of labels is looked up once."""
        child = self._children.get((counter, *labels))
        if child is None:
            child = self._children[(counter, *labels)] = counter.labels(*labels)
        child.inc()

    def call_moved(self, before: Call, after: Call) -> None:
        """Update the live counts from a call's state before and after; they are shown at the next `committed`."""
        now = self._now
        if before.phase is not after.phase:
            now[0] += (after.phase is Phase.OPEN) - (before.phase is Phase.OPEN)
        if before.waits is not after.waits:
            now[1] += _open(after.waits) - _open(before.waits)
        if before.offers is not after.offers:
            now[2] += _open(after.offers) - _open(before.offers)
        if before.holds is not after.holds:
            now[3] += _open(after.holds) - _open(before.holds)

    def calls_came(self, calls: Iterable[Call]) -> None:
        """Add calls that were loaded."""
        for call in calls:
            self.call_moved(_NOTHING, call)
        self._show()

    def calls_left(self, calls: Iterable[Call]) -> None:
        """Remove calls that another process has taken over."""
        for call in calls:
            self.call_moved(call, _NOTHING)
        self._show()

    def live_now(self) -> tuple[int, ...]:
        """The live counts, to be passed to `live_again` if the round that follows is dropped."""
        return tuple(self._now)

    def live_again(self, counted: Sequence[int]) -> None:
        self._now = list(counted)
        self._show()

    def _show(self) -> None:
        for gauge, value in zip((self._live, self._waiting, self._ringing, self._held), self._now, strict=True):
            gauge.set(value)

    def agent_moved(self, before: AgentState | None, after: AgentState) -> None:
        """`before` None: an agent who was not known is counted from now on."""
        if before is after:
            return
        counts = self._agents_in
        if before is not None and counts[before]:
            counts[before] -= 1
            self._agents.labels(before.value).set(counts[before])
        counts[after] += 1
        self._agents.labels(after.value).set(counts[after])

    def agents_are(self, agents: Iterable[Agent]) -> None:
        """All agents of this engine's partitions, counted anew."""
        counts = self._agents_in = Counts(agent.state for agent in agents)
        for state in AgentState:
            self._agents.labels(state.value).set(counts[state])

    def recorded(self, call: Call, measured: Measured, again: bool) -> None:
        """A record; only its first publishing counts, a later one is a revision."""
        if again:
            self._revised.inc()
            return
        self._count(self._records, measured.outcome.value)
        if measured.answer_ms is not None:
            self._answer.observe(measured.answer_ms / 1000)
        if call.waits:
            self._wait.observe(measured.wait_ms / 1000)
        if measured.owed:  # most calls are never held
            owed, played = sum(measured.owed), sum(measured.played)
            self._owed.inc(owed)
            self._played.inc(played)
            self._notices_late.inc(max(owed - played, 0))
        for breach in measured.breaches:
            self._count(self._breaches, breach.rule)

    def source(self, tenant: str, source: str, lag_ms: int, trusted: bool) -> None:
        self._sources.put(tenant, source, lag_ms, trusted)

    def committed(self, events: int, seconds: float) -> None:
        self._round.observe(events)
        self._commit.observe(seconds)
        self._show()

    def commit_failed(self, reason: str) -> None:
        self._failed.labels(reason).inc()


class _Sources:
    """The series of the sources. Their number is bounded: a client may invent as many sources as it likes.

    A tenant has series for its sources while it has no more of them than are left for others.
    """

    def __init__(self, lag: Gauge, distrusted: Gauge, sources_max: int) -> None:
        self._lag, self._distrusted, self._max = lag, distrusted, sources_max
        self._known: dict[tuple[str, str], tuple[Gauge, Gauge]] = {}
        self._of_tenant: Counts[str] = Counts()
        self._others: dict[tuple[str, str], tuple[int, bool]] = {}

    def put(self, tenant: str, source: str, lag_ms: int, trusted: bool) -> None:
        key = (tenant, source)
        children = self._known.get(key)
        if children is None and self._of_tenant[tenant] < self._max - len(self._known):
            self._of_tenant[tenant] += 1
            children = self._known[key] = self._children(tenant, masked_identifier(source))
            self._others.pop(key, None)
        if children is not None:
            children[0].set(lag_ms / 1000)
            children[1].set(0 if trusted else 1)
            return
        if key not in self._others and len(self._others) >= OTHERS_MAX:
            del self._others[next(iter(self._others))]
        self._others[key] = (lag_ms, trusted)

    def show_others(self) -> None:
        """The greatest lag of the others, and whether the clock of any is not believed."""
        if others := list(self._others.values()):
            lag, distrusted = self._children(OTHER, OTHER)
            lag.set(max(lag_ms for lag_ms, _ in others) / 1000)
            distrusted.set(0 if all(trusted for _, trusted in others) else 1)

    def _children(self, tenant: str, source: str) -> tuple[Gauge, Gauge]:
        return self._lag.labels(tenant, source), self._distrusted.labels(tenant, source)


def _open(intervals: Sequence[Wait | Offer | Hold]) -> int:
    """How many intervals have not ended."""
    count = 0
    for interval in intervals:
        count += interval.end_ms is None
    return count
