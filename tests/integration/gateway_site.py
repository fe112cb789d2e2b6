"""A gateway on a real socket over a real store, for the tests of the door."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, WholeLedger, open_store
from cti.dial.metrics import DialMetrics
from cti.dial.store import SqlDialOrders
from cti.gateway.app import make_app
from cti.gateway.context import Standard
from cti.gateway.dialling import DialLedger
from cti.gateway.keys import make_key
from cti.gateway.pulse import Pulse
from cti.ports import Entry, EventLog
from cti.rows import Claim, CommandRow, Fence, Round, StoredCall, SwitchRow, Totals
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from cti.web.server import Listening, listen

NOW_MS = 1_772_413_212_000  # 2026-03-02T01:00:12Z
PARTITIONS = 4
TENANT = "nanchang"
SOURCE = "/switches/pbx-1"
BATCH = "application/cloudevents-batch+json"
ONE = "application/cloudevents+json"
NDJSON = "application/x-ndjson"


class Watched(Telemetry):
    """Telemetry that a test can wait on."""

    def __init__(self) -> None:
        super().__init__()
        self.open_streams = 0
        self._moved = asyncio.Event()

    def streams(self, delta: int) -> None:
        super().streams(delta)
        self.open_streams += delta
        self._moved.set()
        self._moved = asyncio.Event()

    async def streams_are(self, count: int) -> None:
        """Until so many command streams and long polls are open."""
        while self.open_streams != count:
            await self._moved.wait()


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The code of a problem document."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.body
        problem = self.json()
        assert problem["status"] == self.status
        return problem["code"]


@dataclass(slots=True)
class Site:
    """The running gateway and what is behind it."""

    log: EventLog
    ledger: WholeLedger
    pulse: Pulse
    clock: VirtualClock
    telemetry: Watched
    limits: Limits
    listening: Listening
    session: aiohttp.ClientSession
    store: Store
    dial_orders: SqlDialOrders | None = None  # None: the store does not dial
    claims: dict[int, Claim] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)

    async def key(
        self, scopes: str = "events:write commands:read calls:read", switches: str = "*", tenant: str = TENANT
    ) -> dict[str, str]:
        """A new key, as the header that carries it; one for commands finds the switches of the tests declared."""
        if "commands:read" in scopes:
            for switch in ("pbx-1", "pbx-2"):
                row = SwitchRow(tenant, switch, f"/switches/{switch}", '{"commands":[]}')
                if await self.ledger.switch(tenant, switch) is None:
                    await self.ledger.put_switch(row)
        _, key = await make_key(self.ledger, tenant, scopes, switches, "test", NOW_MS)
        return {"Authorization": f"Bearer {key}"}

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None, **more: Any
    ) -> Answered:
        """One request. `body` goes as it is."""
        url = self.listening.url + path
        sent = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.request(method, url, headers=headers, data=sent, **more) as answer:
            return Answered(answer.status, answer.headers, await answer.read())

    async def post(self, headers: Mapping[str, str], body: Any, media: str = ONE) -> Answered:
        """Events; `body` as bytes, or as what becomes JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask("POST", "/v1/events", {**headers, "Content-Type": media}, sent)

    async def put(self, headers: Mapping[str, str], path: str, body: Any) -> Answered:
        return await self.ask("PUT", path, {**headers, "Content-Type": "application/json"}, json.dumps(body).encode())

    async def kept(self) -> list[Entry]:
        """All that is in the log."""
        return await self.log.read(dict.fromkeys(range(PARTITIONS), 0), 10_000)

    async def commit(self, round_: Round, signal: bool = True) -> None:
        """What the engine would commit, and its signal."""
        if not self.claims:
            self.claims = {claim.partition: claim for claim in await self.ledger.claim("test", PARTITIONS)}
        for row in round_.commands:
            self.numbers[row.partition] = max(self.numbers.get(row.partition, 0), row.no)
        for partition, claim in self.claims.items():
            round_.fences.append(Fence(partition, claim.epoch, claim.position, self.numbers.get(partition, 0)))
        await self.ledger.commit(round_)
        if signal:
            self.pulse.committed({partition: claim.position for partition, claim in self.claims.items()})
            if round_.commands:
                self.pulse.commanded()

    def command(self, no: int, partition: int = 0, **changed: Any) -> CommandRow:
        """A command to the switch of SOURCE that is good for 6 s."""
        body = {"id": f"cmd-{partition}-{no}", "command": "deflectCall", "subject": f"call-{no}", "to": "queueHead"}
        row = CommandRow(
            id=f"cmd-{partition}-{no}", tenant=TENANT, source=SOURCE, call_id=f"c{no}", partition=partition, no=no,
            rule="RING-1", command="deflectCall", occurrence="offer:0", due_at_ms=NOW_MS, issued_at_ms=NOW_MS,
            expires_at_ms=NOW_MS + 6000, state="open", reason=None, body=json.dumps(body),
        )  # fmt: skip
        return row._replace(**changed)


class Described:
    """Enough of a call for the tests of the door; what is told of one is tested where it is made. Nothing is kept."""

    def whole(self, stored: StoredCall, now_ms: float) -> dict[str, Any]:
        events = len(stored.timeline)
        return {"call": stored.row.call_id, "calling": "+8679112341234", "now_ms": now_ms, "events": events}

    def kept(self, call_id: str) -> None:
        return None

    def since(self, kept: Any, stored: StoredCall, events: int, now_ms: float) -> None:
        return None


def figures(totals: Totals) -> dict[str, Any]:
    """The same for indicators."""
    return {"calls": totals.calls, "answered": totals.answered}


STANDARD = Standard(Described(), figures, {"RING-1": ("delivered",), "HOLD-2": ("held", "retrieved")}, 15_000, 12_000)


@asynccontextmanager
async def site_at(url: str, limits: Limits | None = None, **parts: Any) -> AsyncIterator[Site]:
    """A gateway over the store at `url`. `parts` stand in for the store's own: log, reads, registry, ready;
    `dial_orders` makes the dial orders from the store.
    """
    clock, pulse, telemetry, limits = VirtualClock(NOW_MS), Pulse(), Watched(), limits or Limits()

    async def ready() -> dict[str, str | None]:
        return {"ledger": None}

    async with open_store(url, clock, PARTITIONS) as store, aiohttp.ClientSession(auto_decompress=False) as session:
        log = parts.get("log", store.log)
        orders = parts["dial_orders"](store) if "dial_orders" in parts else store.dial
        app = make_app(
            log, parts.get("reads", store.ledger), parts.get("registry", store.ledger), limits, telemetry, pulse,
            standard=STANDARD, ready=parts.get("ready", ready),
            dial=None if orders is None else DialLedger(orders, DialMetrics(telemetry.registry)),
            monotonic=lambda: clock.now_ms() / 1000,
        )  # fmt: skip
        listening = await listen(app, "127.0.0.1", 0, limits)
        try:
            yield Site(log, store.ledger, pulse, clock, telemetry, limits, listening, session, store, orders)
        finally:
            await listening.stop()


def event(n: int = 1, **changed: Any) -> dict[str, Any]:
    """A good event: the n-th call is delivered to an agent."""
    return {
        "specversion": "1.0",
        "id": f"e-{n}",
        "source": SOURCE,
        "type": "ringback.call.delivered.v1",
        "subject": f"call-{n}",
        "time": "2026-03-02T01:00:12.000Z",
        "datacontenttype": "application/json",
        "data": {"connection": "leg-2", "device": "8001", "agent": "1001", "queue": "faults"},
    } | changed
