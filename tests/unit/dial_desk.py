"""A gateway's side of dialling without sockets: a small book of orders that can be slow, away or overtaken, and outlets
that can be full.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from cti.adapters.clock import VirtualClock
from cti.adapters.ledger.memory import MemoryLedger
from cti.dial.metrics import DialMetrics
from cti.dial.rows import Ability, DialClaim, Kept, OrderResult, OrderState, SentOrder, SwitchStanding
from cti.gateway.bindings import Bindings
from cti.gateway.dialling import ClaimedOrder, DialLedger, Dialling, DialSubscription
from cti.rows import SwitchRow
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from tests.contract.rows import TENANT

NOW_MS = 1_772_413_212_000
SWITCH = "pbx-1"
DECLARED: dict[str, Any] = {
    "commands": ["makeCall", "snapshotCall"],
    "facts": None,
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 20, "calls_at_once": 50}},
}


class Book:
    """`DialStreams` in memory, with the virtual clock. `meanwhile` runs inside a claim, after orders are marked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.orders: dict[str, SentOrder] = {}
        self.sent: dict[str, int] = {}  # id -> the epoch that sent it
        self.epochs: dict[tuple[str, str], int] = {}
        self.alive_until_ms: dict[tuple[str, str], float] = {}
        self.asked: list[tuple[str, Any]] = []
        self.faults: list[Exception] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.subscribed = asyncio.Event()
        self.heard = asyncio.Event()  # the epoch of a subscription is told
        self.heard.set()
        self.going = asyncio.Event()  # cleared: claims do not come to their end
        self.going.set()
        self.open = asyncio.Event()  # cleared: nobody can subscribe
        self.open.set()
        self.claimed = asyncio.Event()  # a claim has marked something
        self.last_word_ms: int | None = NOW_MS
        self._events: list[asyncio.Event] = []

    def put(self, *names: str, lane: str = "main", valid_ms: int = 10_000) -> None:
        now_ms = int(self.clock.now_ms())
        for name in names:
            body = json.dumps({"id": name, "command": "makeCall"})
            no = len(self.orders) + 1
            self.orders[name] = SentOrder(name, no, lane, "makeCall", body, now_ms, now_ms + valid_ms, now_ms)
        for event in self._events:
            event.set()

    def _may_fail(self, what: str, value: Any) -> None:
        self.asked.append((what, value))
        if self.faults:
            raise self.faults.pop(0)

    def times(self, what: str) -> int:
        return sum(asked == what for asked, _ in self.asked)

    async def subscribe(self, tenant: str, switch: str) -> int:
        self._may_fail("subscribe", switch)
        await self.open.wait()
        epoch = self.epochs[tenant, switch] = self.epochs.get((tenant, switch), 0) + 1
        await self.prolong(tenant, switch, epoch)
        self.subscribed.set()
        await self.heard.wait()
        return epoch

    async def resume(self, tenant: str, switch: str) -> int | None:
        self._may_fail("resume", switch)
        if self.alive_until_ms[tenant, switch] > self.clock.now_ms() - 15_000:
            return None
        return await self.subscribe(tenant, switch)

    async def prolong(self, tenant: str, switch: str, epoch: int) -> bool:
        self._may_fail("prolong", epoch)
        if self.epochs.get((tenant, switch)) != epoch:
            return False
        self.alive_until_ms[tenant, switch] = self.clock.now_ms() + 15_000
        return True

    async def leave(self, tenant: str, switch: str, epoch: int) -> None:
        self._may_fail("leave", epoch)
        if self.epochs.get((tenant, switch)) == epoch:
            self.alive_until_ms[tenant, switch] = self.clock.now_ms()

    async def claim(self, tenant: str, switch: str, epoch: int, ability: Ability, most: int) -> DialClaim:
        self._may_fail("claim", dict(ability.limits))
        now_ms = int(self.clock.now_ms())
        if self.epochs.get((tenant, switch)) != epoch:
            return DialClaim([], True, now_ms, None)
        open_ = [
            order for order in self.orders.values()
            if order.id not in self.sent and order.expires_at_ms > now_ms and order.lane in ability.limits
        ]  # fmt: skip
        claimed = [order._replace(sent_at_ms=now_ms) for order in open_[:most]]
        self.sent.update({order.id: epoch for order in claimed})
        self.meanwhile()
        if claimed:
            self.claimed.set()
        await self.going.wait()
        return DialClaim(claimed, False, now_ms, None)

    async def set_result(self, result: OrderResult) -> Kept:
        raise NotImplementedError

    async def order(self, tenant: str, order_id: str) -> OrderState | None:
        raise NotImplementedError

    async def standing(self, tenant: str, switch: str, source: str) -> SwitchStanding:
        self.asked.append(("standing", source))
        now_ms = int(self.clock.now_ms())
        return SwitchStanding(self.epochs[tenant, switch], True, None, self.last_word_ms, now_ms)

    def wake_claims(self, event: asyncio.Event) -> None:
        self._events.append(event)


class Reader:
    """An outlet: what it got, and whether it takes more."""

    def __init__(self, dialling: Dialling) -> None:
        self._dialling = dialling
        self.free = 1_000
        self.here = True
        self.got: list[dict[str, Any]] = []

    def takes(self) -> int:
        return self.free

    async def put(self, leaving: Sequence[ClaimedOrder]) -> None:
        self.got += [json.loads(text) for _, text in self._dialling.rendered(leaving)]

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.got]


class Desk:
    """One gateway over a book."""

    def __init__(self, limits: Limits | None = None, book: Book | None = None) -> None:
        self.clock = VirtualClock(NOW_MS) if book is None else book.clock
        self.book = Book(self.clock) if book is None else book
        self.registry, self.telemetry = MemoryLedger(), Telemetry()
        self.limits = limits or Limits(key_cache_s=0)
        ledger, bindings = (
            DialLedger(self.book, DialMetrics(self.telemetry.registry)),
            Bindings(self.registry, self.limits),
        )
        clock = self.clock
        self.dialling = Dialling(ledger, bindings, self.limits, clock.now_ms, lambda: clock.now_ms() / 1000)

    async def declare(self, switch: str = SWITCH, **changed: Any) -> None:
        row = SwitchRow(TENANT, switch, f"/switches/{switch}", json.dumps(DECLARED | changed))
        assert await self.registry.put_switch(row)

    def listener(self, switch: str = SWITCH) -> tuple[DialSubscription, Reader]:
        """A subscription and its outlet."""
        reader = Reader(self.dialling)
        return DialSubscription(self.dialling, TENANT, switch, reader, lambda: reader.here), reader

    def counted(self, name: str, **labels: str) -> float:
        """What a counter or gauge shows."""
        value = self.telemetry.registry.get_sample_value(name, labels)
        assert value is not None, name
        return value
