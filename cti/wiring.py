"""The composition root of the call side: settings become a running service. Nothing is opened at import."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from pydantic_core import from_json

from cti import errors
from cti.adapters.clock import MonotonicClock, SystemClock
from cti.adapters.event_log_kafka.settings import kafka_options
from cti.adapters.store import Store, open_store
from cti.core.indicators import SERVICE_MS, indicators
from cti.core.record import Identity
from cti.core.rules import RuleBook, compile_profile
from cti.core.view import describe
from cti.engine.live_calls import loaded
from cti.engine.loop import Engine
from cti.engine.sources import Source
from cti.gateway.app import make_app
from cti.gateway.context import Standard
from cti.gateway.keys import make_key
from cti.gateway.pulse import Pulse
from cti.leases.alone import Alone, new_owner
from cti.leases.ownership import Shared
from cti.ports import Clock, Ownership
from cti.rows import StoredCall
from cti.settings import Settings, profile_path
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from cti.web.server import Listening, listen
from schemas.profile import ProfileMistakes, read_profile

RETENTION_EVERY_MS = 60_000.0
PURGES_MAX = 200  # bounded pieces of work in one go; what then remains goes a minute later
DAY_MS = 86_400_000
DRAIN_LOOK_MS = 200.0
TELL_EVERY_MS = 5_000.0  # Kafka's tools see how far behind we are
FIRST = 0  # there is always a partition of this number

log = structlog.get_logger()


def read_book(name: str) -> RuleBook:
    """A profile by name or file, compiled. Raises errors.SettingsMistake naming file, line and field."""
    path = profile_path(name)
    try:
        return compile_profile(read_profile(path.read_text(encoding="utf-8"), str(path)))
    except ProfileMistakes as mistakes:
        raise errors.SettingsMistake(str(mistakes)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise errors.SettingsMistake(f"profile {name}: {error}") from None


def standard_of(book: RuleBook) -> Standard:
    """What the profile lends to the reads."""
    needs: dict[str, tuple[str, ...]] = {}
    for rule in (*book.measures, *book.interventions):
        needs[rule.id] = tuple(sorted({*needs.get(rule.id, ()), *rule.needs}))
    ring_ms = next((rule.if_longer_ms for rule in book.measures if rule.what == "offer_longer"), None)

    def described(stored: StoredCall, now_ms: float) -> Mapping[str, Any]:
        return _described(book, stored, now_ms)

    return Standard(described, indicators, needs, SERVICE_MS, ring_ms or 0)


def _described(book: RuleBook, stored: StoredCall, now_ms: float) -> Mapping[str, Any]:
    row = stored.row
    live = loaded(stored, Source(row.tenant, row.source, book))
    who = Identity(row.call_id, row.tenant, row.source, row.subject)
    told = describe(who, live.call, live.done, book, live.revision, int(now_ms))
    told["incarnation"] = row.incarnation
    told["commands"] = [
        {**from_json(one.body), "state": one.state, "reason": one.reason} for one in stored.commands if one.body != "{}"
    ]
    return told


GATEWAY, ENGINE = "gateway", "engine"
BOTH = frozenset({GATEWAY, ENGINE})


class Service:
    """One process of the product: its store, and door or engine or both."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        book: RuleBook,
        parts: Collection[str],
        interventions: bool,
    ) -> None:
        self.settings, self.clock, self.store, self.parts = settings, clock, store, parts
        self.telemetry, self.pulse = Telemetry(settings.metrics_sources), Pulse()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._book = book
        store.hear_commands(self.pulse.commanded)
        self._engine = self._made_engine(interventions) if ENGINE in parts else None
        self._listening: Listening | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _made_engine(self, interventions: bool) -> Engine:
        store = self.store
        self._ownership = _ownership_of(store, self._changed)
        return Engine(
            store.log, store.ledger, self.clock, self._book, self.telemetry, self.pulse, interventions=interventions,
            call_idle_max_ms=round(self.settings.call_idle_max_s * 1000), ownership=self._ownership,
            publisher=store.publisher,
        )  # fmt: skip

    def _changed(self) -> None:
        """Other partitions are ours now than the engine knows."""
        if self._engine is not None:
            self._engine.wake()

    @property
    def engine(self) -> Engine:
        """Of a process that has one."""
        assert self._engine is not None, "this process has no engine"
        return self._engine

    @property
    def url(self) -> str:
        """http://host:port of the door."""
        assert self._listening is not None, "the service is not serving"
        return self._listening.url

    async def new_key(self, tenant: str, scopes: Sequence[str], switches: Sequence[str], label: str = "") -> str:
        """Make an API key."""
        now_ms = int(self.clock.now_ms())
        _, key = await make_key(self.store.ledger, tenant, " ".join(scopes), " ".join(switches), label, now_ms)
        return key

    async def drained(self) -> None:
        """Return when all that was in the log when this was called is committed."""
        end = (await self.store.log.end()).positions
        while True:
            moved = self.pulse.moved
            positions = await self.store.ledger.positions()
            if all(positions.get(partition, 0) >= position for partition, position in end.items()):
                return
            if self.failed.done():
                self.failed.result()
            await self.clock.wait(moved, self.clock.now_ms() + DRAIN_LOOK_MS)

    async def ready(self) -> Mapping[str, str | None]:
        """What /readyz shows."""
        told: dict[str, str | None] = {"log": None, "ledger": None}
        try:
            await self.store.log.end()
        except errors.RingbackError as error:
            told["log"] = str(error)
        try:
            await self.store.ledger.positions()
        except errors.RingbackError as error:
            told["ledger"] = str(error)
        if self._engine is not None:
            told["engine"] = str(self.failed.exception() or "stopped") if self.failed.done() else None
        return told

    async def start(self, limits: Limits) -> None:
        if self._engine is not None:
            await self._engine.start()
            beside = [self._engine.run(), self._ownership.run(), self._keep_retention(), self._tell_positions()]
            if self._engine.outbox is not None:
                beside.append(self._engine.outbox.run())
            self._tasks = [asyncio.create_task(self._watched(one)) for one in beside]
        app = make_app(
            self.store.log, self.store.ledger, self.store.ledger, limits, self.telemetry, self.pulse,
            standard=standard_of(self._book), ready=self.ready, probes_alone=GATEWAY not in self.parts,
        )  # fmt: skip
        self._listening = await listen(app, self.settings.host, self.settings.port, limits)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            # Whatever stopped the engine, the process must say so and stop, not serve on without it.
            log.exception("engine stopped", action="engine_stopped", why=str(error))
            if not self.failed.done():
                self.failed.set_exception(error)

    async def _keep_retention(self) -> None:
        """Of several engines the one that has the first partition does it."""
        while True:
            if FIRST in self.engine.positions:
                await self._purge()
            await self.clock.wait(asyncio.Event(), self.clock.now_ms() + RETENTION_EVERY_MS)

    async def _purge(self) -> None:
        now = self.store.log.now_ms()
        timeline_before = int(now - self.settings.timeline_days * DAY_MS)
        records_before = int(now - self.settings.records_days * DAY_MS)
        try:
            for _ in range(PURGES_MAX):
                gone = await self.store.log.purge(timeline_before)
                gone += await self.store.ledger.purge(timeline_before, records_before)
                if not gone:
                    break
        except errors.RingbackError as error:
            log.warning("retention waits", action="retention_failed", why=str(error))

    async def _tell_positions(self) -> None:
        while True:
            if positions := self.engine.positions:
                await self.store.tell_positions(positions)
            await self.clock.wait(asyncio.Event(), self.clock.now_ms() + TELL_EVERY_MS)

    async def stop(self) -> None:
        """Close the door, let the last round commit, close the store."""
        if self._listening is not None:
            await self._listening.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.stop()
        if self.failed.done():
            self.failed.exception()


def _ownership_of(store: Store, changed: Callable[[], None]) -> Ownership:
    """Who decides what this process reads: itself, where the store is its own. `changed` wakes the engine."""
    if store.shared:
        return Shared(store.ledger, MonotonicClock(), store.log.partitions, changed, kinds=store.log.kinds)
    return Alone(store.ledger, store.log.partitions, new_owner())


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    *,
    interventions: bool = True,
    clock: Clock | None = None,
    limits: Limits | None = None,
    parts: Collection[str] = BOTH,
) -> AsyncIterator[Service]:
    """The product, or one part of it, started and, at the end, stopped in order.

    Raises errors.RingbackError, OSError (address in use).
    """
    real = clock is None
    clock = clock or SystemClock()
    book = read_book(settings.profile)
    store = open_store(settings.db, clock, settings.partitions, server_clock=real, kafka=kafka_options(settings))
    if not store.shared and parts != BOTH:
        raise errors.SettingsMistake("gateway and engine apart need PostgreSQL: SQLite belongs to one process")
    async with store:
        service = Service(settings, clock, store, book, parts, interventions)
        try:
            await service.start(limits or Limits())
            yield service
        finally:
            await service.stop()
