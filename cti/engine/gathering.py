"""The round that is being gathered: the layers it is built on, and who writes its rows.

`ingest` (entries), `fire_rules` (timers) and `snapshot` work on one `Gathering`; the engine commits it. A round that
fails is dropped with its layer, and its entries are read again.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from cti.caller_rows import Asked, KnownCaller
from cti.core.callbacks import offers_of
from cti.core.identity import identity_hash, is_plain, stored_hash
from cti.core.rules import RuleBook
from cti.engine.commands import CommandWriter
from cti.engine.dial_facts import DialFacts
from cti.engine.late import LateCalls
from cti.engine.live_calls import Key, Layers, LiveCall
from cti.engine.metrics import CallMetrics
from cti.engine.recent_ids import RecentIds
from cti.engine.records import RecordWriter
from cti.engine.round_writer import RoundWriter
from cti.engine.sources import Source
from cti.engine.times import Times
from cti.ports import Appending, Entry
from cti.rows import Round
from schemas.reasons import DeadLetter

KEYS_KEPT: Final = 8_192  # each event of a call needs its key


class CallLimits(NamedTuple):
    """What one call may hold; the rest is set aside. `idle_ms`: a call without any event for so long ends as lost."""

    idle_ms: int = 4 * 3600 * 1000
    events: int = 10_000
    bytes: int = 8 * 1024 * 1024


LIMITS: Final = CallLimits()


class TurnTime(NamedTuple):
    """What one turn may take: `cpu_ms` for ingesting, and as much for timers. `looks_every`: entries between two looks
    at the clock.
    """

    cpu_ms: float = 20.0
    looks_every: int = 4


TURN_TIME: Final = TurnTime()


class Gathering:
    """One engine's work in progress."""

    __slots__ = (
        "asks_who_calls", "book", "callback_offers", "commands", "dial_facts", "ended", "interventions_on",
        "known_callers", "late", "layers", "limits", "new_callers", "partitions", "passing", "recent_ids", "records",
        "sources", "telemetry", "times", "turn_time", "unsaid_callers",
        "waiting", "writer",
    )  # fmt: skip

    def __init__(self, book: RuleBook, telemetry: CallMetrics, interventions_on: bool, limits: CallLimits) -> None:
        self.book, self.telemetry, self.interventions_on, self.limits = book, telemetry, interventions_on, limits
        self.callback_offers = offers_of(book)
        self.turn_time = TURN_TIME
        self.layers, self.late, self.times = Layers(), LateCalls(), Times()
        self.sources: dict[tuple[str, str], Source] = {}
        self.waiting: set[Source] = set()  # those with something scheduled: few, even where there are many sources
        self.recent_ids = RecentIds()
        self.writer = RoundWriter(telemetry)
        self.commands = CommandWriter(self.writer, self.times, telemetry)
        self.records = RecordWriter(self.writer, book, telemetry)
        self.dial_facts = DialFacts()
        self.asks_who_calls = False
        self.new_callers: list[Asked] = []  # in this round; nobody is asked about before it is committed
        self.known_callers: dict[str, KnownCaller] = {}  # by call id; what is kept here is no part of a round
        self.unsaid_callers: set[str] = set()  # of these, whose switch's clock was not believed
        self.ended: list[Key] = []  # calls that ended in this round
        self.partitions: dict[tuple[int, str], int] = {}  # of recently used keys: (hash, family) -> partition
        self.passing: list[Appending] = []  # appended to every partition before the round may commit

    @property
    def round_(self) -> Round:
        """The rows of this round."""
        return self.writer.round_

    def source(self, tenant: str, name: str) -> Source:
        found = self.sources.get((tenant, name))
        if found is None:
            found = self.sources[tenant, name] = Source(tenant, name, self.book, self.waiting)
        return found

    def put(self, key: Key, live: LiveCall) -> None:
        self.layers.gathering.calls[key] = live

    def publish(self, live: LiveCall, before: LiveCall) -> None:
        """Write an ended call's record, as `RecordWriter.publish`."""
        self.records.publish(live, before)
        if live.orders and live.revision != before.revision:
            self.dial_facts.note(live)

    def dead_letter(self, entry: Entry, reason: DeadLetter, detail: str) -> None:
        """Set an entry aside, as `RoundWriter.dead_letter`."""
        self.writer.dead_letter(entry, reason, detail)

    def start_over(self) -> None:
        """Drop the round that is being gathered, and the one under it that did not commit."""
        self.late.clear()
        self.layers.dropped()
        self.begin_round()
        for source in self.sources.values():
            source.forget_uncommitted()

    def committed(self, round_: Round) -> None:
        """The round under the one that is being gathered is committed."""
        self.layers.committed()
        for row in round_.sources:
            self.source(row.tenant, row.source).kinds_committed(row.kinds.split())
        for kept in round_.snapshots:
            self.source(kept.tenant, kept.source).snapshot_committed(kept.partition, kept.event_id)

    def begin_round(self) -> None:
        """Gather the next round."""
        assert not self.late, "what came late is concluded before a round commits"
        self.writer.round_ = Round()
        self.dial_facts.clear()
        self.ended, self.passing, self.new_callers = [], [], []


@lru_cache(maxsize=KEYS_KEPT)
def hash_of(tenant: str, source: str, subject: str) -> int:
    """The engine's key of a call: a hash of the identity tuple, never of the record key."""
    return identity_hash(tenant, source, subject)


def stored_hash_of(tenant: str, source: str, subject: str) -> int:
    """`stored_hash`, without a digest where the engine's key is the same."""
    return hash_of(tenant, source, subject) if is_plain(tenant, source) else stored_hash(tenant, source, subject)
