"""The round that is being gathered: the layers it is built on, and who writes its rows.

`ingest` (entries), `fire_rules` (timers) and `snapshot` work on one `Gathering`; the engine commits it. A round that
fails is dropped with its layer, and its entries are read again.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from cti.core.identity import identity_hash, is_plain, stored_hash
from cti.core.rules import RuleBook
from cti.engine.callbacks import CallbackRequests
from cti.engine.callers import KnownCallers
from cti.engine.commands import CommandWriter
from cti.engine.dial_facts import DialFacts
from cti.engine.late import LateCalls
from cti.engine.live_calls import Layers, LiveCall
from cti.engine.metrics import CallMetrics
from cti.engine.recent_ids import RecentIds
from cti.engine.records import RecordWriter
from cti.engine.round_writer import RoundWriter
from cti.engine.sources import Sources
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
        "callback_requests", "callers", "commands", "dial_facts", "late", "layers", "limits", "partitions", "passing",
        "recent_ids", "records", "sources", "telemetry", "times", "turn_time", "writer",
    )  # fmt: skip

    def __init__(self, book: RuleBook, telemetry: CallMetrics, interventions_on: bool, limits: CallLimits) -> None:
        self.telemetry, self.limits = telemetry, limits
        self.turn_time = TURN_TIME
        self.layers, self.late, self.times = Layers(), LateCalls(), Times()
        self.sources = Sources(book)
        self.recent_ids = RecentIds()
        self.writer = RoundWriter(telemetry)
        self.commands = CommandWriter(self.writer, self.times, telemetry, book.profile, interventions_on)
        self.callback_requests = CallbackRequests(self.writer, self.commands, book, telemetry)
        self.callers = KnownCallers(self.commands)
        self.records = RecordWriter(self.writer, book, telemetry)
        self.dial_facts = DialFacts()
        self.partitions: dict[tuple[int, str], int] = {}  # of recently used keys: (hash, family) -> partition
        self.passing: list[Appending] = []  # appended to every partition before the round may commit

    @property
    def round_(self) -> Round:
        """The rows of this round."""
        return self.writer.round_

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
        self.sources.forget_uncommitted()

    def committed(self, round_: Round) -> None:
        """The round under the one that is being gathered is committed."""
        self.layers.committed()
        self.sources.committed(round_)

    def begin_round(self) -> None:
        """Gather the next round."""
        assert not self.late, "what came late is concluded before a round commits"
        self.writer.round_ = Round()
        self.dial_facts.clear()
        self.passing, self.callers.new = [], []


@lru_cache(maxsize=KEYS_KEPT)
def hash_of(tenant: str, source: str, subject: str) -> int:
    """The engine's key of a call: a hash of the identity tuple, never of the record key."""
    return identity_hash(tenant, source, subject)


def stored_hash_of(tenant: str, source: str, subject: str) -> int:
    """`stored_hash`, without a digest where the engine's key is the same."""
    return hash_of(tenant, source, subject) if is_plain(tenant, source) else stored_hash(tenant, source, subject)
