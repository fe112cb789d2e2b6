"""Who reads which partition, across processes. Safety is the fence's (`Ledger.commit`); here is only who tries.

- Every engine writes a heartbeat each second. An engine is silent when its heartbeat stays the same for SILENT_MS of
  an observer's **own** clock: its partitions are free. Only time in which the observer itself read heartbeats counts:
  after a refusal by the ledger every engine gets the whole time again, and a long gap (the observer was stopped) counts
  as GAP_MAX_MS.
- An engine counts for the shares when it has beaten twice, or owns something; one that sees no other need not wait.
  Shares differ by at most one, and who owns more keeps the larger: every engine works out the same from the same look.
- Free partitions are dealt out in a fixed order and taken by a conditional update that raises the epoch: of two takers
  one wins. It also demands that the silent owner has not beaten since: who lapsed and was not taken goes on.
- Kinds of partitions (Kafka's topics in turn) are shared each by itself: those of calls are nearly all of the work.
- Who owns more than its share lets go: its engine reads no further, commits, says `released`; that is then written with
  a raised epoch, so that nobody commits there until the next owner has it. An orderly stop lets go of everything.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from cti.errors import LedgerAway, OutcomeUnknown, RingbackError
from cti.leases.alone import new_owner
from cti.leases.shares import fair_shares
from cti.ports import Clock, Ownerships
from cti.rows import Changes, Claim, Holding, Holdings, Wanted

LOOK_MS = 500.0
HEARTBEAT_MS = 1_000.0
SILENT_MS = 3_000.0  # two heartbeats may fail
GAP_MAX_MS = 1_000.0
PROVEN_HEARTBEATS = 2  # one that ends at its start, again and again, moves nothing
MOVING_MAX = 4  # let go at a time: each is unread until its taker has loaded it
FORGET_MS = 60_000.0  # a silent engine that owns nothing any more is struck off

log = structlog.get_logger()


class Plan(NamedTuple):
    """What follows from one look."""

    take: list[Wanted]
    forget: Mapping[str, int]  # engines to strike off, with their last heartbeat


class Watch:
    """The decisions of one engine, without waiting or writing. Times in ms of the engine's own monotonic clock."""

    def __init__(self, owner: str, kinds: int = 1) -> None:
        self.owner, self._kinds = owner, kinds
        self.held: dict[int, Claim] = {}
        self.leaving: set[int] = set()  # of those held: the engine shall let go
        self.giving: dict[int, int] = {}  # let go by the engine, under this epoch; not yet seen in the ledger
        self._told: dict[int, int] = {}  # the engine knows that it has these, under this epoch
        self._heartbeats: dict[str, tuple[int, float]] = {}  # the last heartbeat, and since when it has been that
        self._looked_ms: float | None = None

    def away(self) -> None:
        """The ledger did not answer."""
        self._heartbeats, self._looked_ms = {}, None

    def judge(self, asked_ms: float, answered_ms: float, seen: Holdings) -> Plan:
        """What is to be done after a look that was asked for and answered at these times."""
        self._listen(asked_ms, answered_ms, seen.heartbeats)
        self._compare(seen)
        silent_ms = {name: asked_ms - since for name, (_, since) in self._heartbeats.items() if name != self.owner}
        alive = {self.owner, *(name for name, ms in silent_ms.items() if ms < SILENT_MS)}
        forget = {name: seen.heartbeats[name] for name, ms in silent_ms.items() if ms >= FORGET_MS}
        owners = {one.owner for one in seen.partitions}
        counted = {name for name in alive if name in owners or seen.heartbeats.get(name, 0) >= PROVEN_HEARTBEATS}
        if self.owner not in counted and alive != {self.owner}:
            return Plan([], forget)
        known = self.held.keys() | self.giving.keys()  # a take whose outcome was unknown: ours, and we have no claim
        mine = [one for one in seen.partitions if one.owner == self.owner and one.partition not in known]
        for kind in range(self._kinds):
            mine += self._share(kind, seen.partitions[kind :: self._kinds], alive, counted | {self.owner})
        return Plan([Wanted(one.partition, one.epoch, seen.heartbeats.get(one.owner)) for one in mine], forget)

    def _share(self, kind: int, all_: Sequence[Holding], alive: set[str], engines: set[str]) -> Sequence[Holding]:
        """What to take of one kind of partitions; marks what to let go of it."""
        owned = Counter(one.owner for one in all_ if one.owner in alive)
        shares = fair_shares(owned, engines, len(all_))
        going = [n for n in (*self.leaving, *self.giving) if n % self._kinds == kind]
        moving = len(self.leaving) + len(self.giving)
        self._let_go(kind, min(owned[self.owner] - len(going) - shares[self.owner], MOVING_MAX - moving))
        free = [one for one in all_ if one.owner not in alive]
        start = sum(max(shares[name] - owned[name], 0) for name in shares if name < self.owner)
        return free[start : start + max(shares[self.owner] - owned[self.owner], 0)]

    def _listen(self, asked_ms: float, answered_ms: float, heartbeats: Mapping[str, int]) -> None:
        gap_ms = 0.0 if self._looked_ms is None else asked_ms - self._looked_ms
        skipped_ms = max(gap_ms - GAP_MAX_MS, 0.0)
        known, self._heartbeats, self._looked_ms = self._heartbeats, {}, answered_ms
        for name, heartbeat in heartbeats.items():
            last, since_ms = known.get(name, (None, answered_ms))
            self._heartbeats[name] = (heartbeat, since_ms + skipped_ms if last == heartbeat else answered_ms)

    def _compare(self, seen: Holdings) -> None:
        """Drop what the ledger says is no longer ours."""
        ours = {one.partition: one.epoch for one in seen.partitions if one.owner == self.owner}
        self._drop([partition for partition, claim in self.held.items() if ours.get(partition) != claim.epoch])
        self.giving = {partition: epoch for partition, epoch in self.giving.items() if ours.get(partition) == epoch}

    def _drop(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self.held.pop(partition, None)
            self.leaving.discard(partition)

    def _let_go(self, kind: int, count: int) -> None:
        staying = sorted(n for n in self.held.keys() - self.leaving if n % self._kinds == kind)
        self.leaving.update(staying[len(staying) - max(count, 0) :])

    def gained(self, claims: Iterable[Claim]) -> None:
        """The ledger gave us these."""
        self.held.update({claim.partition: claim for claim in claims})

    def released(self, partitions: Iterable[int]) -> None:
        for partition in self.held.keys() & set(partitions):
            self.giving[partition] = self.held[partition].epoch
        self.lost(partitions)

    def lost(self, partitions: Iterable[int]) -> None:
        gone = set(partitions)
        self._drop(gone)
        self._told = {partition: epoch for partition, epoch in self._told.items() if partition not in gone}

    def changes(self) -> Changes:
        now = {partition: claim.epoch for partition, claim in self.held.items()}
        told, self._told = self._told, now
        lost = [partition for partition, epoch in told.items() if now.get(partition) != epoch]
        take = [claim for partition, claim in self.held.items() if told.get(partition) != claim.epoch]
        return Changes(sorted(lost), sorted(self.leaving), sorted(take))

    def changed(self) -> bool:
        """Whether `changes` has anything to say."""
        return bool(self.leaving) or self._told != {partition: claim.epoch for partition, claim in self.held.items()}


class Shared:
    """`Ownership` of `cti.ports` among several processes."""

    def __init__(
        self, ledger: Ownerships, clock: Clock, partitions: int, changed: Callable[[], None], owner: str | None = None,
        kinds: int = 1,
    ) -> None:  # fmt: skip
        """`clock`: monotonic, of this process alone. `changed`: called when `changes` has something to say."""
        self._ledger, self._clock, self._partitions, self._changed = ledger, clock, partitions, changed
        self._watch = Watch(owner or new_owner(), kinds)
        self._beat, self._heartbeat_ms = 1, clock.now_ms()  # the first is written by `join`
        self._wake = asyncio.Event()
        self.changes, self.lost = self._watch.changes, self._watch.lost

    async def start(self) -> None:
        await self._ledger.join(self._watch.owner, self._partitions)
        self._heartbeat_ms = self._clock.now_ms()
        await self.turn()

    async def run(self) -> None:
        while True:
            await self._clock.wait(self._wake, self._clock.now_ms() + LOOK_MS)
            self._wake.clear()
            await self.turn()

    async def turn(self) -> None:
        """Beat, let go, look, take: once. A ledger that is away is waited for, and said."""
        try:
            await self._heartbeat_when_due()
            if self._watch.giving:
                await self._ledger.release(self._watch.owner, dict(self._watch.giving))
            asked_ms = self._clock.now_ms()
            seen = await self._ledger.holdings()
            plan = self._watch.judge(asked_ms, self._clock.now_ms(), seen)
            if plan.take:
                self._watch.gained(await self._ledger.take(self._watch.owner, plan.take))
            if plan.forget:
                await self._ledger.forget(plan.forget)
        except (LedgerAway, OutcomeUnknown) as error:
            self._watch.away()
            log.warning("ownership waits", action="ownership_waits", why=str(error))
        if self._watch.changed():
            self._changed()

    async def _heartbeat_when_due(self) -> None:
        now_ms = self._clock.now_ms()
        if (
            now_ms - self._heartbeat_ms >= HEARTBEAT_MS - LOOK_MS / 2
        ):  # every second turn, even if one comes a little early
            await self._ledger.heartbeat(self._watch.owner, self._beat + 1)
            self._beat, self._heartbeat_ms = self._beat + 1, now_ms

    def released(self, partitions: Iterable[int]) -> None:
        self._watch.released(partitions)
        self._wake.set()

    async def stop(self) -> None:
        try:
            await self._ledger.leave(self._watch.owner)
        except RingbackError as error:  # then the others wait for SILENT_MS
            log.warning("ownership waits", action="ownership_waits", why=str(error))
