"""What the engine knows about a switch: its clock, its declaration, which facts it sends, when its calls are due."""

import heapq
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import structlog

from cti.core.clocks import SourceClock
from cti.core.rules import Abilities, RuleBook, RuleSet
from cti.engine.metrics import CallMetrics
from cti.engine.snapshots_kept import Kept, Snapshot, kept_with
from cti.rows import Round, SourceRow

RULES_CACHE_MAX: Final = 1_000
PRESENT_MS: Final = 60_000  # a switch that was heard so lately may have a call at any moment

log: Final = structlog.get_logger()


class Source:
    """One switch instance of one tenant. Mutable: observations, and caches of what can be derived."""

    __slots__ = (
        "_book",
        "_rules",
        "_shown",
        "_waiting",
        "abilities",
        "alarmed",
        "clock",
        "committed_kinds",
        "committed_snapshots",
        "kinds",
        "name",
        "schedules",
        "snapshots",
        "switch",
        "tenant",
    )

    def __init__(self, tenant: str, name: str, book: RuleBook, waiting: "set[Source] | None" = None) -> None:
        """`waiting`: the set to which the source adds itself when something is scheduled; its reader removes it."""
        self.tenant, self.name = tenant, name
        self._waiting: set[Source] = set() if waiting is None else waiting
        self.switch = name.removeprefix("/switches/")
        self.clock = SourceClock()
        self.kinds: set[str] = set()  # of the facts seen, those of rounds that are not committed included
        self.committed_kinds: set[str] = set()
        self.abilities = Abilities()
        # For each partition a heap of (due by the switch's clock, key of the call): one that lags delays no other.
        self.schedules: dict[int, list[tuple[int, int]]] = {}
        self.snapshots: dict[int, Kept] = {}  # by partition; those of rounds that are not committed included
        self.committed_snapshots: dict[int, Kept] = {}
        self.alarmed = False
        self._shown: tuple[int, bool] | None = None
        self._book = book
        self._rules: dict[tuple[str | None, str | None], RuleSet] = {}

    def declare(self, switch: str, declaration: Mapping[str, Any]) -> None:
        """Apply the switch's declaration (PUT /v1/switches/{id})."""
        self.switch = switch
        self.abilities = Abilities(
            frozenset(declaration.get("commands") or ()), bool(declaration.get("if_other_ready"))
        )
        self._rules.clear()

    def took_snapshot(self, partition: int, snapshot: Snapshot) -> tuple[bool, Kept]:
        """Keep a snapshot within the limits: whether it is one more, and those that are kept no longer."""
        before = self.snapshots.get(partition, ())
        kept = self.snapshots[partition] = kept_with(before, snapshot)
        return snapshot not in before and snapshot in kept, tuple([each for each in before if each not in kept])

    def snapshot_committed(self, partition: int, event_id: str) -> None:
        """The ledger has this snapshot now."""
        for snapshot in self.snapshots.get(partition, ()):
            if snapshot.event_id == event_id:
                kept = self.committed_snapshots.get(partition, ())
                self.committed_snapshots[partition] = kept_with(kept, snapshot)

    def load_snapshot(self, partition: int, snapshot: Snapshot) -> None:
        """Keep a snapshot that comes from the ledger."""
        self.took_snapshot(partition, snapshot)
        self.snapshot_committed(partition, snapshot.event_id)

    def rules(self, queue: str | None, direction: str | None) -> RuleSet:
        """The profile's interventions for calls of this queue and direction, with what this switch can do."""
        found = self._rules.get((queue, direction))
        if found is None:
            if len(self._rules) >= RULES_CACHE_MAX:
                self._rules.clear()
            found = self._book.interventions_for(self.switch, queue, self.abilities, direction)
            self._rules[queue, direction] = found
        return found

    def saw(self, kind: str) -> bool:
        """Note a kind of fact; return whether it is new."""
        if kind in self.kinds:
            return False
        self.kinds.add(kind)
        return True

    def kinds_committed(self, kinds: Iterable[str]) -> None:
        """Note kinds that the ledger has."""
        self.committed_kinds.update(kinds)
        self.kinds.update(self.committed_kinds)

    def forget_uncommitted(self) -> None:
        """Return to what the ledger has. Of the kinds a row written later replaces the one that names them."""
        self.kinds = set(self.committed_kinds)
        self.snapshots = dict(self.committed_snapshots)

    def row(self, partition: int) -> SourceRow:
        return SourceRow(self.tenant, self.name, partition, " ".join(sorted(self.kinds)))

    def show(self, telemetry: CallMetrics, now_ms: float) -> None:
        """Show the lag of the switch's clock; log when the clock stops or starts being trusted."""
        lag_ms = self.clock.lag_ms
        if lag_ms is None:
            return
        trusted = self.clock.trusted(now_ms)
        if self._shown != (lag_ms, trusted):  # asked at every turn
            self._shown = (lag_ms, trusted)
            telemetry.source(self.tenant, self.name, lag_ms, trusted)
        if trusted is self.alarmed:
            self.alarmed = not trusted
            log.warning(
                "switch clock trusted again" if trusted else "switch clock not trusted", action="source_trust",
                source=self.name, tenant=self.tenant, lag_ms=lag_ms, trusted=trusted,
            )  # fmt: skip

    def schedule(self, partition: int, due_ms: int, key: int) -> None:
        """Have the call's rules fired once the switch's clock is past `due_ms`."""
        heapq.heappush(self.schedules.setdefault(partition, []), (due_ms, key))
        self._waiting.add(self)

    def due_before(self, partition: int, now_ms: float) -> tuple[int, int] | None:
        """Take the next (due, key) of a partition that lies before `now_ms`."""
        schedule = self.schedules[partition]
        if schedule and schedule[0][0] < now_ms:
            return heapq.heappop(schedule)
        return None

    def waits(self) -> bool:
        """Whether anything is scheduled."""
        return any(self.schedules.values())

    def heard_after(self, at_ms: float) -> bool:
        """Whether the log got an entry of it after this time."""
        heard_ms = self.clock.heard_ms
        return heard_ms is not None and heard_ms > at_ms

    def next_log_ms(self) -> float | None:
        """When, by the log's clock, something of this source falls due."""
        lag_ms = self.clock.lag_ms
        if lag_ms is None:
            return None
        return min([schedule[0][0] + lag_ms for schedule in self.schedules.values() if schedule], default=None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop all that is scheduled for these partitions, and their snapshots."""
        for partition in partitions:
            self.schedules.pop(partition, None)
            self.snapshots.pop(partition, None)
            self.committed_snapshots.pop(partition, None)


class Sources:
    """All sources of one engine, each made when it is first named."""

    __slots__ = ("_known", "book", "waiting")

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._known: dict[tuple[str, str], Source] = {}
        self.waiting: set[Source] = set()  # those with something scheduled: few, even where there are many

    def get(self, tenant: str, name: str) -> Source:
        found = self._known.get((tenant, name))
        if found is None:
            found = self._known[tenant, name] = Source(tenant, name, self.book, self.waiting)
        return found

    def all(self) -> Collection[Source]:
        return self._known.values()

    def forget_uncommitted(self) -> None:
        """Return to what the ledger has."""
        for source in self._known.values():
            source.forget_uncommitted()

    def committed(self, round_: Round) -> None:
        """The ledger has this round's kinds of facts and snapshots."""
        for row in round_.sources:
            self.get(row.tenant, row.source).kinds_committed(row.kinds.split())
        for kept in round_.snapshots:
            self.get(kept.tenant, kept.source).snapshot_committed(kept.partition, kept.event_id)


def only_tenant(sources: Iterable[Source], now_ms: float) -> str | None:
    """The one tenant whose switches have been heard lately or have something scheduled; None: none, or several."""
    found: str | None = None
    for source in sources:
        if source.tenant == found or not (source.waits() or source.heard_after(now_ms - PRESENT_MS)):
            continue
        if found is not None:
            return None
        found = source.tenant
    return found
