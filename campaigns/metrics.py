"""The instruments of campaigns, with labels from closed lists. They are in no registry: the host takes them in."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import Counter, Metric
from prometheus_client import Gauge as Instrument
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from campaigns.core.promises import Kept
from campaigns.core.reasons import CampaignState, Channel, Disposition
from campaigns.kinds import known_kinds
from campaigns.ledger.figures import Figures
from campaigns.ledger.lanes import Lane
from campaigns.ledger.notices import STATES
from campaigns.topics.names import TOPICS
from schemas.reasons import DeadLetter

LANES_SHOWN_MAX = 200  # trunk groups with a series of their own; the calls of the others count as `other`
PAUSES = ("campaign_paused", "failure_spike", "cannot_dial", "queue_busy", "approval_void")
NOT_STARTED = ("contacts_changed", "approval_needed", "cannot_dial", "settlements_silent", "overlaps")
DEADLINES = ("notice_out_by", "fallback_by")
OTHER = "other"

VERDICTS = ("taken", "refused", "not_taken", "unknown")
SETTLED = "settled"
RECORDS = (  # of the topic of payments
    SETTLED, *map(str, (DeadLetter.UNREADABLE, DeadLetter.INVALID, DeadLetter.TOO_LARGE, DeadLetter.ID_CONFLICT,
    DeadLetter.UNKNOWN_TENANT, DeadLetter.LOST, DeadLetter.POISON)),
)  # fmt: skip
RECEIPTS = ("taken", "repeated", "otherwise", "not_signed", "unknown")

Counted = Mapping[str, int]


class CampaignMetrics:
    """What a process counts. A process that does not dial shows zeros."""

    def __init__(self) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"ringback_{name}", what, labels, registry=None)

        self._dials = counter("dials", "Orders made for contacts, messages among them")
        self._attempts = counter(
            "attempts", "Attempts that have ended, by what they came to", "kind", "channel", "disposition"
        )
        self._refusals = counter("dial_refusals", "Due contacts that were looked at and not dialled", "why")
        self._missed = counter("deadlines_missed", "Deadlines that passed unmet", "kind", "deadline")
        self._quiet = counter("quiet_ring_violations", "Telephones that rang outside the calling hours")
        self._promises = counter("callback_promises", "Promises of callbacks, by what became of them", "kept")
        self._turns = counter("dialler_turns", "Turns of the dialler, by how they ended", "ended")
        self._settlements = counter("settlements", "Payments that were told, by what became of them", "how")
        self._not_started = counter(
            "scheduled_starts_failed", "Campaigns that did not start at the time that was set for them", "why"
        )
        self._messages = counter("messages", "Messages handed to a message gateway, by what it said", "verdict")
        self._receipts = counter("message_receipts", "Receipts of message gateways", "outcome")
        self._away = Instrument(
            "ringback_message_gateways_away",
            "Message gateways of this process that cannot be used now",
            registry=None,
        )
        self._records = counter(
            "settlement_records", "Records of the topic of payments that were read, by what became of them", "outcome"
        )
        self._behind = Instrument(
            "ringback_settlement_records_behind",
            "Records of the topic of payments that this process is to read and has not read yet",
            registry=None,
        )
        self._topics_away = Instrument(
            "ringback_campaign_topics_away", "Topics that this process cannot use now", ("topic",), registry=None
        )
        self.figures = FiguresShown()
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """A series that appears with its first event hides that event from `increase`, and from alerts."""
        for kind in known_kinds():
            for deadline in DEADLINES:
                self._missed.labels(kind, deadline)
            for disposition in Disposition:
                self._attempts.labels(kind, Channel.AUTO.value, disposition.value)

        for why in NOT_STARTED:
            self._not_started.labels(why)
        for kept in Kept:
            self._promises.labels(kept.value)
        for verdict in VERDICTS:
            self._messages.labels(verdict)
        for outcome in RECEIPTS:
            self._receipts.labels(outcome)
        for outcome in RECORDS:
            self._records.labels(outcome)
        for topic in TOPICS:
            self._topics_away.labels(topic.name)

    @property
    def collectors(self) -> Sequence[Collector]:
        counters = (self._dials, self._attempts, self._refusals, self._missed, self._quiet, self._turns)
        more = (self._promises, self._settlements, self._not_started, self._messages, self._receipts, self._away)
        topics = (self._records, self._behind, self._topics_away)
        return (*counters, *more, *topics, self.figures)

    def message(self, verdict: str) -> None:
        """`verdict`: taken | refused | not_taken | unknown."""
        self._messages.labels(verdict).inc()

    def receipt(self, outcome: str) -> None:
        """`outcome`: one of RECEIPTS."""
        self._receipts.labels(outcome).inc()

    def gateways_away(self, count: int) -> None:
        self._away.set(count)

    def records(self, settled: int, aside: Iterable[DeadLetter]) -> None:
        """Records of the topic of payments: how many were told, and why each other was set aside."""
        self._records.labels(SETTLED).inc(settled)
        for reason in aside:
            self._records.labels(reason.value).inc()

    def behind(self, records: int) -> None:
        self._behind.set(records)

    def topic_away(self, topic: str, *, away: bool) -> None:
        """`topic`: the name of one of TOPICS."""
        self._topics_away.labels(topic).set(away)

    def dialled(self, count: int = 1) -> None:
        """Orders made, after the commit."""
        self._dials.inc(count)

    def attempt(self, kind: str, channel: str, disposition: str) -> None:
        """An attempt ended, or was revised; `not_dialled` for one that rang nowhere."""
        self._attempts.labels(kind, channel, disposition).inc()

    def refused(self, why: str, count: int = 1) -> None:
        self._refusals.labels(why).inc(count)

    def deadline_missed(self, kind: str, deadline: str) -> None:
        """`deadline`: notice_out_by | fallback_by."""
        self._missed.labels(kind, deadline).inc()

    def promise(self, kept: str, count: int = 1) -> None:
        """`kept`: kept | missed. One that a late fact shows to be kept after all is counted as both."""
        self._promises.labels(kept).inc(count)

    def quiet_ring(self) -> None:
        """An alarm."""
        self._quiet.inc()

    def not_started(self, why: str) -> None:
        """`why`: one of NOT_STARTED. An alarm."""
        self._not_started.labels(why).inc()

    def turn(self, ended: str) -> None:
        """`ended`: committed | idle | stale | fenced | away."""
        self._turns.labels(ended).inc()

    def settled(self, how: str) -> None:
        """`how`: new | repeated | other, the last where the reference is another payment's."""
        self._settlements.labels(how).inc()


class Gauge(NamedTuple):
    """A gauge of the ledger: its value for each combination of labels."""

    name: str
    about: str
    labels: tuple[str, ...]
    values: Callable[[Figures], Mapping[tuple[str, ...], float]]


def _single(name: str, about: str, value: Callable[[Figures], float]) -> Gauge:
    return Gauge(name, about, (), lambda found: {(): value(found)})


def _moment(name: str, about: str, at_ms: Callable[[Figures], int | None]) -> Gauge:
    """Seconds since the epoch; 0: there is none."""
    return _single(name, about, lambda found: (at_ms(found) or 0) / 1000)


def _by(label: str, words: Sequence[str], name: str, about: str, counted: Callable[[Figures], Counted]) -> Gauge:
    """One series for each word of a closed list."""
    return Gauge(name, about, (label,), lambda found: {(word,): counted(found).get(word, 0) for word in words})


def _by_lane(found: Figures) -> Mapping[tuple[str, ...], float]:
    """The busiest have a series of their own."""
    busiest = sorted(found.live.items(), key=lambda item: (-item[1], item[0]))
    shown: dict[tuple[str, ...], float] = {tuple(lane): count for lane, count in busiest[:LANES_SHOWN_MAX]}
    rest = sum(count for _, count in busiest[LANES_SHOWN_MAX:])
    return shown | ({(OTHER, OTHER, OTHER): rest} if rest else {})


GAUGES = (
    _single("contacts_due", "Contacts that could be dialled now, up to 20,000", lambda found: found.due),
    _moment(
        "oldest_due_timestamp_seconds",
        "Since when the contact that is due longest is due; 0: none is",
        lambda found: found.oldest_due_ms,
    ),
    _single(
        "deadlines_at_risk",
        "Contacts that must have been tried within two hours and were not, up to 20,000",
        lambda found: found.at_risk,
    ),
    _single(
        "important_unconfirmed",
        "Important customers whose outage begins within two hours and who have not confirmed it, up to 20,000",
        lambda found: found.unconfirmed,
    ),
    _single(
        "contacts_unknown",
        "Contacts that nobody calls until it is known what became of their last call, up to 20,000",
        lambda found: found.unknown,
    ),
    _by("state", STATES, "notices", "Written notices", lambda found: found.notices),
    _moment(
        "oldest_pending_notice_timestamp_seconds",
        "When the oldest notice that is in no batch was made; 0: there is none",
        lambda found: found.oldest_pending_ms,
    ),
    _moment(
        "oldest_unpublished_timestamp_seconds",
        "When the oldest row of the outbox that no topic has was made; 0: there is none",
        lambda found: found.unpublished_ms,
    ),
    _by("state", tuple(CampaignState), "campaigns", "Campaigns", lambda found: found.campaigns),
    _by("why", PAUSES, "campaigns_paused", "Campaigns that are paused", lambda found: found.paused),
    _moment(
        "campaign_started_timestamp_seconds",
        "The newest start of a campaign that runs; 0: none runs",
        lambda found: found.started_ms,
    ),
    Gauge(
        "outbound_calls_live",
        "Calls that are ordered and have not ended",
        Lane._fields,
        _by_lane,
    ),
    _single("outbound_frozen", "Tenants whose dialling is frozen", lambda found: found.frozen),
    _single(
        "settlement_feeds_silent",
        "Tenants whose payments are not told: no campaign of arrears starts",
        lambda found: found.feeds_silent,
    ),
    _moment(
        "calendar_known_until_timestamp_seconds",
        "When the announced years of the work calendar end",
        lambda found: found.calendar_until_ms,
    ),
)


class FiguresShown(Collector):
    """The gauges that are read from the ledger. A scrape shows the last look, and asks for the next one.

    They are about the whole ledger, so one process shows them (`campaigns.figures`); the others show the names alone.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()  # a scrape came since the last look
        self._figures: Figures | None = None

    def show(self, figures: Figures | None) -> None:
        """None: another process shows them, or nothing is known."""
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        return [_family(gauge, None) for gauge in GAUGES]

    def collect(self) -> Iterable[Metric]:
        self.asked.set()
        figures = self._figures
        return [_family(gauge, figures) for gauge in GAUGES]


def _family(gauge: Gauge, figures: Figures | None) -> Metric:
    family = GaugeMetricFamily(f"ringback_{gauge.name}", gauge.about, labels=gauge.labels)
    for labels, value in ({} if figures is None else gauge.values(figures)).items():
        family.add_metric(labels, value)
    return family
