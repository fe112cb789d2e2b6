"""Dial orders for connected switches, each sent at most once (docs/integrators.md, "Outbound calls").

An order leaves the ledger by a **claim**, which sets its `sent_at` before the first byte leaves. Only the newest
subscription of a switch, stream or poll, has its dial epoch and may claim; the others go on with inbound commands, and
claim again only where none has lived for a while. What was claimed is written as soon as the pace of its trunk group
allows it at the wire, or, where its time is over by then, never; it is not sent again, not even to a switch that
connects anew: a `snapshotCall` asks for it. Nothing is claimed that could not be written now.

Each subscription does this in a task of its own, so that no inbound command waits for a claim.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import takewhile
from typing import NamedTuple, Protocol

import structlog

from cti.dial.metrics import DialMetrics
from cti.dial.ports import DialStreams
from cti.dial.rows import MAKE_CALL, STREAM_PROLONG_MS, Ability, SentOrder
from cti.errors import RingbackError
from cti.gateway.bindings import Bindings
from cti.gateway.dial_ability import ability_of
from cti.gateway.wire_pace import Trunks, WirePace
from cti.rows import SwitchRow
from cti.web.limits import Limits
from cti.web.recent import Recent

log = structlog.get_logger()
PROLONG_S = STREAM_PROLONG_MS / 1000
SUPERSEDED_LOOK_S = 5.0  # until the next look whether the newer subscription has ended
STALLED_LOOK_S = 0.05  # until the next look whether a slow reader has read
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.1, 5.0
LEAVE_S = 1.0  # longest wait for a ledger that is away when a stream ends; it counts as alive a little longer then
SENT_KEPT, SENT_KEPT_S = 20_000, 600.0  # orders whose results need no look into the commands' table
NEVER = math.inf


class OutletBroken(Exception):
    """The switch reads no more: its stream is to end."""


class DialLedger(NamedTuple):
    """The ledger of dial orders, and the metrics that count them."""

    streams: DialStreams
    meter: DialMetrics


class ClaimedOrder(NamedTuple):
    """A claimed order on its way out. `claimed_ms`, `claimed_s`: before the claim, by the log's clock and by the one
    that nobody sets.
    """

    order: SentOrder
    claimed_ms: float
    claimed_s: float

    def left_ms(self, now_ms: float, now_s: float) -> float:
        """How long it is valid still: by the ledger's clock until it was sent; since then by whichever clock says more.

        One may be set back meanwhile, the other stands while the machine sleeps.
        """
        since_ms = max(now_ms - self.claimed_ms, (now_s - self.claimed_s) * 1000)
        return self.order.expires_at_ms - self.order.sent_at_ms - since_ms


class Outlet(Protocol):
    """The way out for the orders of one subscription: a stream, or the answer to a poll."""

    def takes(self) -> int:
        """How many orders can be written now; 0 while something waits to be written."""

    async def put(self, leaving: Sequence[ClaimedOrder]) -> None:
        """Write them. Raises OutletBroken."""


class Dialling:
    """What the subscriptions of one gateway share. `run` is its task."""

    def __init__(
        self,
        ledger: DialLedger,
        bindings: Bindings,
        limits: Limits,
        now_ms: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_ms`: the log's clock."""
        self.streams, self.meter = ledger
        self.limits, self.now_ms, self.monotonic = limits, now_ms, monotonic
        self._bindings = bindings
        self._known: dict[tuple[str, str], tuple[SwitchRow, Ability | None]] = {}
        self._open: dict[DialSubscription, None] = {}  # oldest first
        self._word_ages_s: dict[DialSubscription, float] = {}
        self.wire_pace = WirePace(monotonic)
        self._sent: Recent[tuple[str, str], tuple[str, str]] = Recent(SENT_KEPT, SENT_KEPT_S, monotonic)

    async def run(self) -> None:
        """Until cancelled: wakes every subscription when orders were put."""
        stirred = asyncio.Event()
        self.streams.wake_claims(stirred)
        while True:
            await stirred.wait()
            stirred.clear()
            for subscription in self._open:
                subscription.woken.set()

    async def ability(self, tenant: str, switch: str) -> Ability | None:
        """What the switch takes, as it is declared by now; a change is noticed within `key_cache_s`.

        Raises `LedgerAway`.
        """
        row = (await self._bindings.declared(tenant)).get(switch)
        if row is None:
            return None
        known = self._known.get((tenant, switch))
        if known is None or known[0] is not row:
            known = self._known[tenant, switch] = (row, ability_of(row))
        return known[1]

    @asynccontextmanager
    async def subscription(
        self, tenant: str, switch: str, outlet: Outlet, alive: Callable[[], bool]
    ) -> AsyncIterator["DialSubscription"]:
        """A stream's or poll's. `alive`: whether the client is still there."""
        made = DialSubscription(self, tenant, switch, outlet, alive)
        self._open[made] = None
        try:
            yield made
        finally:
            made.close()
            self._open.pop(made, None)
            if not any((each.tenant, each.switch) == (tenant, switch) for each in self._open):
                self._known.pop((tenant, switch), None)

    def is_overtaken(self, subscription: "DialSubscription") -> bool:
        """Whether the switch has opened a newer one here, which may not have reached the ledger yet."""
        newer = takewhile(lambda each: each is not subscription, reversed(self._open))
        return any((each.tenant, each.switch) == (subscription.tenant, subscription.switch) for each in newer)

    def is_sent(self, tenant: str, claimed: Sequence[SentOrder], switch: str) -> None:
        """Count them, and remember whose they are."""
        for order in claimed:
            self._sent.put((tenant, order.id), (switch, order.command))
            self.meter.sent(order.command, order.sent_at_ms - order.made_at_ms)

    def lately(self, tenant: str, order_id: str) -> tuple[str, str] | None:
        """(switch, command) of an order that this gateway sent a short while ago; for others ask the ledger."""
        return self._sent.get((tenant, order_id))

    def word_age(self, subscription: "DialSubscription", age_s: float | None) -> None:
        """How old the last word of this one's switch is; None: it is not the newest of the switch any more."""
        if age_s is None:
            self._word_ages_s.pop(subscription, None)
        else:
            self._word_ages_s[subscription] = age_s
        self.meter.word_age(max(self._word_ages_s.values(), default=0.0))

    def rendered(self, leaving: Sequence[ClaimedOrder]) -> list[tuple[str, str]]:
        """(id, JSON) of those that are still valid, to be written at once; how long they stay so is counted from now.

        What is not is never written: it stays sent, and will be asked for.
        """
        now_ms, now_s = self.now_ms(), self.monotonic()
        left = [(each.order, int(each.left_ms(now_ms, now_s))) for each in leaving]
        out = [(order.id, f'{order.body[:-1]},"valid_for_ms":{left_ms}}}') for order, left_ms in left if left_ms > 0]
        if len(out) < len(left):
            log.warning("dial_orders_unwritten", count=len(left) - len(out))
            self.meter.unwritten(len(left) - len(out))
        return out


def _retrieve(asked: asyncio.Future[int | None]) -> None:
    """Whoever asked may be gone: an error is then nobody's."""
    if not asked.cancelled():
        asked.exception()


def backoff_s(failures: int) -> float:
    """The pause after so many failures in a row."""
    return min(BACKOFF_MIN_S * 2.0 ** min(failures - 1, 10), BACKOFF_MAX_S)


class DialSubscription:
    """One stream or poll on its way to dial orders. `turn` is one look; `run` repeats it."""

    def __init__(self, shared: Dialling, tenant: str, switch: str, outlet: Outlet, alive: Callable[[], bool]) -> None:
        self.tenant, self.switch = tenant, switch
        self.woken = asyncio.Event()
        self.looked = asyncio.Event()  # the first look is over, whatever it found
        self.superseded = False  # a newer subscription has the epoch
        self._shared, self._outlet, self._alive = shared, outlet, alive
        self._epoch: int | None = None
        self._prolong_s = 0.0
        self._failures = 0  # of looks, one after another
        self._claiming = asyncio.Lock()
        self._unheard: asyncio.Future[int | None] | None = None  # a subscription whose epoch nobody waited for

    async def run(self) -> None:
        """Until nothing can come any more. Raises OutletBroken.

        A ledger that is away is asked again after a pause that grows to BACKOFF_MAX_S, however often it is woken.
        """
        while True:
            self.woken.clear()
            wait_s = await self._look()
            self.looked.set()
            if wait_s == NEVER:
                return
            if self._failures:
                await asyncio.sleep(wait_s)
            else:
                await self._pause(wait_s)

    async def _look(self) -> float:
        """A turn, or how long to wait after one that failed."""
        try:
            wait_s = await self.turn()
        except RingbackError as error:
            log.warning("dial_orders_wait", error=str(error), switch=self.switch, tenant=self.tenant)
        except OutletBroken:
            raise
        except Exception:  # the boundary: a defect must not end the dialling of a switch unseen
            log.exception("dial_orders_wait", switch=self.switch, tenant=self.tenant)
        else:
            self._failures = 0
            return wait_s
        self._failures += 1
        return backoff_s(self._failures)

    async def _pause(self, wait_s: float) -> None:
        """Until the next look is due, or orders were put; never shorter than `dial_gap_s`."""
        gap_s = self._shared.limits.dial_gap_s
        await asyncio.sleep(min(gap_s, wait_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s - gap_s)):
                await self.woken.wait()

    async def turn(self) -> float:
        """Do what can be done now; seconds until the next look, NEVER where nothing can come any more.

        Raises `LedgerAway`, `OutcomeUnknown` (what was claimed then stays sent and is asked for), OutletBroken.
        """
        if not self._alive():
            await self.leave()
            return NEVER
        ability = await self._shared.ability(self.tenant, self.switch)
        if ability is None:
            await self.leave()
            return self._shared.limits.dial_poll_s
        if not await self._is_newest(ability.source):
            return SUPERSEDED_LOOK_S
        return await self._claimed(ability)

    async def _is_newest(self, source: str) -> bool:
        """Subscribe at first, and now and then say that the subscription is alive."""
        now_s, streams = self._shared.monotonic(), self._shared.streams
        if self._epoch is None:
            if self._shared.is_overtaken(self):
                return False  # while the ledger was away, say: whoever subscribes last would be taken for the newest
            if (epoch := await self._subscribed()) is not None:
                self._hold(epoch, now_s)
        elif now_s >= self._prolong_s:
            if await streams.prolong(self.tenant, self.switch, self._epoch):
                self._prolong_s = now_s + PROLONG_S
                await self._look_at_word(source)
            else:
                self._lose()
        return self._epoch is not None

    async def _subscribed(self) -> int | None:
        """The epoch of this subscription, if it can have one now. Raises `LedgerAway`, `OutcomeUnknown`."""
        streams = self._shared.streams
        asking = streams.resume if self.superseded else streams.subscribe
        asked = asyncio.ensure_future(asking(self.tenant, self.switch))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:  # the ledger has it or will have it: `leave` waits for the epoch
            asked.add_done_callback(_retrieve)
            self._unheard = asked
            raise

    async def _look_at_word(self, source: str) -> None:
        standing = await self._shared.streams.standing(self.tenant, self.switch, source)
        if standing.last_word_ms is not None:
            self._shared.word_age(self, max(0, standing.at_ms - standing.last_word_ms) / 1000)

    def _lose(self) -> None:
        log.info("dial_stream_superseded", switch=self.switch, tenant=self.tenant)
        self._hold(None)
        self.superseded = True

    def _hold(self, epoch: int | None, now_s: float = 0.0) -> None:
        self._shared.meter.streams((epoch is not None) - (self._epoch is not None))
        self._epoch, self._prolong_s = epoch, now_s + PROLONG_S
        if epoch is None:
            self._shared.word_age(self, None)

    def close(self) -> None:
        """It is no subscription any more: what it holds runs out by itself, as between two polls."""
        self._hold(None)

    async def _claimed(self, ability: Ability) -> float:
        """Claim as much as can be written now, and write it."""
        shared = self._shared
        async with self._claiming:
            most = min(self._outlet.takes(), shared.limits.dial_claim)
            if self._epoch is None or most <= 0:
                return STALLED_LOOK_S
            began_ms, began_s = shared.now_ms(), shared.monotonic()
            claim = await shared.streams.claim(self.tenant, self.switch, self._epoch, ability, most)
            if claim.refused:
                shared.meter.claim_refused()
                self._lose()
                return SUPERSEDED_LOOK_S
            shared.is_sent(self.tenant, claim.orders, self.switch)
            if claim.orders:
                await self._put([ClaimedOrder(order, began_ms, began_s) for order in claim.orders], ability.limits)
        if len(claim.orders) >= most:
            return 0.0
        next_s = NEVER if claim.next_ms is None else (claim.next_ms - claim.at_ms) / 1000
        return max(0.0, min(next_s, shared.limits.dial_poll_s))

    async def _put(self, leaving: Sequence[ClaimedOrder], limits: Mapping[str, float]) -> None:
        """Write them, at the pace of their trunk groups."""
        pace = self._shared.wire_pace
        lanes = Counter(each.order.lane for each in leaving if each.order.command == MAKE_CALL)
        calls = {Trunks(self.tenant, self.switch, lane): count for lane, count in lanes.items()}
        wait_s = max((pace.wait_s(of, count, limits[of.lane]) for of, count in calls.items()), default=0.0)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        try:
            await self._outlet.put(leaving)
        finally:  # of what broke off some may have left
            for of, count in calls.items():
                pace.wrote(of, count)

    async def claim_ended(self) -> None:
        """Return when no claim is under way."""
        async with self._claiming:
            return

    async def leave(self) -> None:
        """The switch has no live dial stream from now on, unless a newer one is there. Waits LEAVE_S at most."""
        epoch, unheard = self._epoch, self._unheard
        self._hold(None)
        try:
            async with asyncio.timeout(LEAVE_S):
                if epoch is None and unheard is not None:
                    epoch = await unheard
                if epoch is not None:
                    await self._shared.streams.leave(self.tenant, self.switch, epoch)
        except (RingbackError, TimeoutError) as error:  # it counts as alive for some seconds more
            log.warning("dial_stream_left_late", error=str(error), switch=self.switch, tenant=self.tenant)
