"""Who owns which resource of a lease group, across processes. A partition is a resource of the engines' group.

The fence gives safety (`Ledger.commit`, `cti.leases.sql.hold`); this module only decides which process tries.

- Every process writes a heartbeat each second. It is silent when its heartbeat stays the same for SILENT_MS of an
  observer's **own** clock: its resources are free. Only time in which the observer itself read heartbeats counts: after
  an error of the ledger every process gets the whole time again, and a long gap (the observer was stopped) counts as
  GAP_MAX_MS.
- A process counts for the shares when it has written two heartbeats, or owns something; one that sees no other need not
  wait. Shares differ by at most one, and who owns more keeps the larger: every process works out the same from the same
  look.
- Free resources are dealt out in a fixed order and taken by compare-and-set, which raises the epoch: of two takers one
  wins. It also compares the silent owner's heartbeat: a process that lapsed and was not taken goes on.
- Kinds of resources (Kafka's topics in turn) are shared each by itself: partitions of calls are nearly all the work.
- A process that owns more than its share releases: it starts nothing more there, commits, says `released`; that is then
  written with a raised epoch, so that nobody commits there until the next owner has it. An orderly stop releases all.
- A resource that is added is free; the owner of one that is retired loses it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple

import structlog

from cti.errors import LedgerAway, OutcomeUnknown, RingbackError
from cti.leases.alone import new_owner
from cti.leases.ports import C, Holding, Holdings, Lease, Leases, NamedLeases, R, Wanted
from cti.leases.shares import fair_shares
from cti.ports import Clock
from cti.rows import Changes

LOOK_MS = 500.0
HEARTBEAT_MS = 1_000.0
SILENT_MS = 3_000.0  # two heartbeats may fail
GAP_MAX_MS = 1_000.0
PROVEN_HEARTBEATS = 2  # a process that crashes at each start moves no resource
MOVING_MAX = 4  # released at a time: no process works on one until its new owner has loaded it
FORGET_MS = 60_000.0  # a silent process that owns nothing any more is removed

log = structlog.get_logger()


def one_kind(_resource: object) -> int:
    """All resources are shared together."""
    return 0


class Plan(NamedTuple, Generic[R]):
    """What one look at the group leads to."""

    take: list[Wanted[R]]
    forget: Mapping[str, int]  # processes to remove, with their last heartbeat


class Watch(Generic[R, C]):
    """The decisions of one process, without waiting or writing. Times in ms of its own monotonic clock."""

    def __init__(self, owner: str, kind_of: Callable[[R], int] = one_kind) -> None:
        self.owner, self._kind_of = owner, kind_of
        self.held: dict[R, C] = {}
        self.leaving: set[R] = set()  # of those held: the process shall release them
        self.giving: dict[R, int] = {}  # released by the process, under this epoch; the ledger does not show it yet
        self._reported: dict[R, int] = {}  # reported to the process, under this epoch
        self._heartbeats: dict[str, tuple[int, float]] = {}  # the last heartbeat, and since when it has been that
        self._looked_ms: float | None = None

    def away(self) -> None:
        """The ledger did not answer."""
        self._heartbeats, self._looked_ms = {}, None

    def judge(self, asked_ms: float, answered_ms: float, seen: Holdings[R]) -> Plan[R]:
        """Decide what to do after a look that was requested and answered at these times."""
        self._listen(asked_ms, answered_ms, seen.heartbeats)
        self._compare(seen)
        silent_ms = {name: asked_ms - since for name, (_, since) in self._heartbeats.items() if name != self.owner}
        alive = {self.owner, *(name for name, ms in silent_ms.items() if ms < SILENT_MS)}
        forget = {name: seen.heartbeats[name] for name, ms in silent_ms.items() if ms >= FORGET_MS}
        owners = {holding.owner for holding in seen.resources}
        counted = {name for name in alive if name in owners or seen.heartbeats.get(name, 0) >= PROVEN_HEARTBEATS}
        if self.owner not in counted and alive != {self.owner}:
            return Plan([], forget)
        known = self.held.keys() | self.giving.keys()  # a take whose outcome was unknown: ours, and we have no claim
        mine = [holding for holding in seen.resources if holding.owner == self.owner and holding.resource not in known]
        kinds: dict[int, list[Holding[R]]] = {}
        for holding in seen.resources:
            kinds.setdefault(self._kind_of(holding.resource), []).append(holding)
        for kind, all_ in sorted(kinds.items()):
            mine += self._share(kind, all_, alive, counted | {self.owner})
        return Plan(
            [Wanted(holding.resource, holding.epoch, seen.heartbeats.get(holding.owner)) for holding in mine], forget
        )

    def _share(self, kind: int, all_: Sequence[Holding[R]], alive: set[str], counted: set[str]) -> Sequence[Holding[R]]:
        """What to take of one kind of resources; marks what to release of it."""
        owned = Counter(holding.owner for holding in all_ if holding.owner in alive)
        shares = fair_shares(owned, counted, len(all_))
        going = [resource for resource in (*self.leaving, *self.giving) if self._kind_of(resource) == kind]
        moving = len(self.leaving) + len(self.giving)
        self._let_go(kind, min(owned[self.owner] - len(going) - shares[self.owner], MOVING_MAX - moving))
        free = [holding for holding in all_ if holding.owner not in alive]
        start = sum(max(shares[owner] - owned[owner], 0) for owner in shares if owner < self.owner)
        return free[start : start + max(shares[self.owner] - owned[self.owner], 0)]

    def _listen(self, asked_ms: float, answered_ms: float, heartbeats: Mapping[str, int]) -> None:
        gap_ms = 0.0 if self._looked_ms is None else asked_ms - self._looked_ms
        skipped_ms = max(gap_ms - GAP_MAX_MS, 0.0)
        known, self._heartbeats, self._looked_ms = self._heartbeats, {}, answered_ms
        for owner, heartbeat in heartbeats.items():
            last, since_ms = known.get(owner, (None, answered_ms))
            self._heartbeats[owner] = (heartbeat, since_ms + skipped_ms if last == heartbeat else answered_ms)

    def _compare(self, seen: Holdings[R]) -> None:
        """Drop what the ledger says is no longer ours."""
        ours = {holding.resource: holding.epoch for holding in seen.resources if holding.owner == self.owner}
        self._drop([resource for resource, claim in self.held.items() if ours.get(resource) != claim.epoch])
        self.giving = {resource: epoch for resource, epoch in self.giving.items() if ours.get(resource) == epoch}

    def _drop(self, resources: Iterable[R]) -> None:
        for resource in resources:
            self.held.pop(resource, None)
            self.leaving.discard(resource)

    def _let_go(self, kind: int, count: int) -> None:
        staying = sorted(resource for resource in self.held.keys() - self.leaving if self._kind_of(resource) == kind)
        self.leaving.update(staying[len(staying) - max(count, 0) :])

    def gained(self, claims: Iterable[C]) -> None:
        """The ledger gave us these."""
        self.held.update({claim.resource: claim for claim in claims})

    def released(self, resources: Iterable[R]) -> None:
        for resource in self.held.keys() & set(resources):
            self.giving[resource] = self.held[resource].epoch
        self.lost(resources)

    def lost(self, resources: Iterable[R]) -> None:
        gone = set(resources)
        self._drop(gone)
        self._reported = {resource: epoch for resource, epoch in self._reported.items() if resource not in gone}

    def changes(self) -> Changes[R, C]:
        now = {resource: claim.epoch for resource, claim in self.held.items()}
        known, self._reported = self._reported, now
        lost = [resource for resource, epoch in known.items() if now.get(resource) != epoch]
        take = [resource for resource, epoch in now.items() if known.get(resource) != epoch]
        return Changes(sorted(lost), sorted(self.leaving), [self.held[resource] for resource in sorted(take)])

    def changed(self) -> bool:
        """Whether `changes` has anything to say."""
        return bool(self.leaving) or self._reported != {resource: claim.epoch for resource, claim in self.held.items()}


class Shared(Generic[R, C]):
    """`Ownership` of `cti.ports` among several processes. `resources`: as `Leases.join` takes them."""

    look_ms = LOOK_MS

    def __init__(
        self, leases: Leases[R, C], clock: Clock, resources: Any, changed: Callable[[], None], owner: str | None = None,
        kind_of: Callable[[R], int] = one_kind,
    ) -> None:  # fmt: skip
        """`clock`: monotonic, of this process alone. `changed`: called when `changes` has something to say."""
        self._leases, self._clock, self._resources, self._changed = leases, clock, resources, changed
        self._watch: Watch[R, C] = Watch(owner or new_owner(), kind_of)
        self._count, self._heartbeat_ms = 1, clock.now_ms()  # the first is written by `join`
        self._wake = asyncio.Event()
        self.changes, self.lost = self._watch.changes, self._watch.lost

    async def start(self) -> None:
        await self._leases.join(self._watch.owner, self._resources)
        self._heartbeat_ms = self._clock.now_ms()
        await self.turn()

    async def run(self) -> None:
        while True:
            await self._clock.wait(self._wake, self._clock.now_ms() + self.look_ms)
            self._wake.clear()
            await self.turn()

    async def turn(self) -> None:
        """Heartbeat, release, look, take: once. A ledger that is away is waited for, and logged."""
        try:
            if self._watch.giving:
                await self._leases.release(self._watch.owner, dict(self._watch.giving))
            asked_ms = self._clock.now_ms()
            _, seen = await asyncio.gather(self._heartbeat_when_due(), self._leases.holdings())  # one transaction
            plan = self._watch.judge(asked_ms, self._clock.now_ms(), seen)
            if plan.take:
                self._watch.gained(await self._leases.take(self._watch.owner, plan.take))
            if plan.forget:
                await self._leases.forget(plan.forget)
        except (LedgerAway, OutcomeUnknown) as error:
            self._watch.away()
            log.warning("ownership waits", action="ownership_waits", owner=self._watch.owner, why=str(error))
        if self._watch.changed():
            self._changed()

    async def _heartbeat_when_due(self) -> None:
        now_ms = self._clock.now_ms()
        # Even if a turn comes a little early.
        if now_ms - self._heartbeat_ms >= HEARTBEAT_MS - self.look_ms / 2:
            await self._leases.heartbeat(self._watch.owner, self._count + 1)
            self._count, self._heartbeat_ms = self._count + 1, now_ms

    def released(self, resources: Iterable[R]) -> None:
        self._watch.released(resources)
        self._wake.set()

    async def stop(self) -> None:
        try:
            await self._leases.leave(self._watch.owner)
        except RingbackError as error:  # the others then take over after SILENT_MS
            log.warning("ownership waits", action="ownership_waits", owner=self._watch.owner, why=str(error))


class SharedNamed(Shared[str, Lease]):
    """`NamedOwnership` among several processes. It looks no more often than its heartbeat is due: a dialler that waits
    for an opening costs next to nothing.
    """

    look_ms = HEARTBEAT_MS

    def __init__(
        self, leases: NamedLeases, clock: Clock, resources: Collection[str], changed: Callable[[], None], owner: str
    ) -> None:
        super().__init__(leases, clock, resources, changed, owner)
        self._named = leases

    async def add(self, resources: Collection[str]) -> None:
        await self._named.add(resources)
        self._wake.set()

    async def retire(self, resources: Collection[str]) -> None:
        await self._named.retire(resources)
        self._wake.set()
