"""The composition root of the call side: settings become a running service. Nothing is opened at import."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from cti import errors
from cti.adapters.clock import MonotonicClock, SystemClock, SystemWallClock, WallOf, speed_of
from cti.adapters.ledger.personal import OF_CALLS
from cti.adapters.store import APPENDED, COMMANDED, MEMORY, OURS, Store, open_store
from cti.core.indicators import SERVICE_MS, indicators
from cti.core.rules import RuleBook, compile_profile
from cti.descriptions import Descriptions
from cti.dial.metrics import DialMetrics
from cti.dial.store import ORDERED
from cti.engine.gathering import CallLimits
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.gateway.app import make_app
from cti.gateway.context import Standard
from cti.gateway.dialling import DialLedger
from cti.gateway.keys import make_key
from cti.gateway.pulse import Pulse
from cti.hosting import (
    ENGINE,
    GATEWAY,
    WHOLE,
    Host,
    Hosted,
    Part,
    chains_of,
    check,
    find_parts,
)
from cti.leases.alone import Alone, new_owner
from cti.leases.ownership import Shared
from cti.lending import declared_by_source, declared_in, legs_in, tenants_in
from cti.parts.callers import PartCallers
from cti.parts.health import PartHealth
from cti.parts.metrics import GuardedCollector
from cti.parts.tasks import PartPurges, PartTasks, named
from cti.ports import Clock, Ownership
from cti.retention import Retention
from cti.settings import Settings, profile_path
from cti.sql.connections import sqlite_file
from cti.sql.sqlite_file import FileLock
from cti.supervision import Supervision
from cti.telemetry import Telemetry
from cti.web.binding import bind
from cti.web.limits import Limits
from cti.web.server import Listening, listen
from schemas.profile import ProfileMistakes, read_profile

if TYPE_CHECKING:
    from cti.adapters.event_log_kafka.settings import KafkaOptions

DRAIN_LOOK_MS = 200.0
# Channels of NOTIFY by the only role that listens to them.
USED_BY = ((ENGINE, APPENDED), (GATEWAY, COMMANDED), (GATEWAY, ORDERED))
TELL_EVERY_MS = 5_000.0  # Kafka's tools show the lag from it
READY_S = 1.2  # for three questions, asked side by side: /readyz answers within 2 s
STOP_DOOR_S = 2.0  # for open requests
STOP_ENGINE_S = 1.5  # for the round under way; with the tasks' 0.5 s and the parts' 0.5 s it stays within 5 s
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

    return Standard(Descriptions(book), indicators, needs, SERVICE_MS, ring_ms or 0)


def call_limits(settings: Settings) -> CallLimits:
    """What one call may hold."""
    return CallLimits(round(settings.call_idle_max_s * 1000), settings.call_events_max, settings.call_bytes_max)


class Service:
    """One process of the product: its store, door or engine or both, and the parts that it hosts."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        book: RuleBook,
        roles: Collection[str],
        interventions: bool,
        parts: Sequence[Part] = (),
    ) -> None:
        """`roles`: which of the product's processes this one is."""
        self.settings, self.clock, self.store, self.roles = settings, clock, store, roles
        self._steady: Clock = MonotonicClock() if isinstance(clock, SystemClock) else clock  # for waiting
        self.telemetry, self.pulse = Telemetry(), Pulse()
        self._metrics = CallMetrics(self.telemetry, settings.metrics_sources)
        self.dial_metrics = DialMetrics(self.telemetry.registry)
        self._supervision = Supervision()
        self.health = PartHealth(self.telemetry, self._steady)
        self.failed = self._supervision.failed
        self._book = book
        store.subscribe_commands(self.pulse.commanded)
        wall = SystemWallClock() if isinstance(clock, SystemClock) else WallOf(clock)
        host = Host(
            self._steady, wall, store.database, store.leases, store.shared, store.dial, self.dial_metrics,
            declared_in(store.ledger), legs_in(store.ledger), speed=speed_of(clock), dial_streams=store.dial,
            callbacks=store.callbacks, still_live=store.ledger.still_live,
            declared_of_source=declared_by_source(store.ledger), personal=OF_CALLS, topics=store.topics,
            dead_letters=store.dead_letters, tenants=tenants_in(store.ledger),
        )  # fmt: skip
        self.hosted = open_parts(parts, host, store, self.telemetry, self.health)
        tasks = [(hosted.part.name, task) for hosted in self.hosted for task in hosted.tasks_in(roles)]
        self._tasks = PartTasks(tasks, self.health, self._supervision.start)
        self._stuck: Mapping[str, str] = {}  # writers that could not write when /readyz last asked
        self._engine = self._made_engine(interventions) if ENGINE in roles else None
        self._listening: Listening | None = None

    def _made_engine(self, interventions: bool) -> Engine:
        store = self.store
        self._ownership = _ownership_of(store, self._changed)
        return Engine(
            store.log, store.ledger, self._steady, self._book, self._metrics, self.pulse, interventions=interventions,
            limits=call_limits(self.settings), ownership=self._ownership, publisher=store.publisher,
            knows_callers=callers_known_by(self.hosted, self.health),
        )  # fmt: skip

    def _retention(self) -> Retention:
        """The retention task. Of several engines the one that has the first partition runs it."""
        store, engine = self.store, self.engine
        purges = [(part.name, opened.purge) for part, opened in self.hosted if opened.purge is not None]
        return Retention(
            store, self.settings, self.telemetry, self._steady, lambda: FIRST in engine.positions,
            PartPurges(purges, self.health),
        )  # fmt: skip

    def _changed(self) -> None:
        """Wake the engine: its partitions have changed."""
        if self._engine is not None:
            self._engine.wake()

    @property
    def engine(self) -> Engine:
        """The engine; only in a process that has one."""
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
            await self._steady.wait(moved, self._steady.now_ms() + DRAIN_LOOK_MS)

    async def ready(self) -> Mapping[str, str | None]:
        """What /readyz shows: each dependency with None (it is well) or one word of `cti.sql.trouble`."""
        slow = self.store.slow
        log_word, ledger_word, stuck = await asyncio.gather(
            _word_of(self.store.log.end(), slow), _word_of(self.store.ledger.positions(), slow),
            self.store.check(READY_S),
        )  # fmt: skip
        self._tell_stuck(stuck)
        ours = [word for writer, word in stuck.items() if writer in OURS]
        found = {"log": log_word, "ledger": ledger_word or next(iter(ours), None)}
        if self._engine is not None or self.failed.done():
            found["engine"] = "stopped" if self.failed.done() else None
        if not WHOLE & set(self.roles):  # a process of a part's own is there for nothing else
            found |= {f"part {part}": f"broken: {doing}" for part, doing in self.broken().items()}
        return found

    def broken(self) -> Mapping[str, str]:
        """The broken parts, each with what it cannot do; the call side goes on without them."""
        stuck = {
            part.name: f"write ({self._stuck[part.chain.name]})"
            for part, _ in self.hosted if part.chain is not None and part.chain.name in self._stuck
        }  # fmt: skip
        return {**stuck, **self.health.broken()}

    def _tell_stuck(self, stuck: Mapping[str, str]) -> None:
        """Log which writers cannot write, when that changes."""
        if dict(stuck) != dict(self._stuck):
            log.warning("writers that cannot write", action="writers_checked", writers=dict(stuck))
        self._stuck = stuck

    async def start(self, limits: Limits, bound: Sequence[socket.socket] = ()) -> None:
        """Take the partitions, then open the door, on the sockets that are bound already."""
        if self._engine is not None:
            await self._engine.start()
            start = self._supervision.start
            start("engine", self._engine.run())
            start("ownership", self._ownership.run())
            start("retention", self._retention().run())
            start("positions", self._tell_positions())
            if self._engine.outbox is not None:
                start("outbox", self._engine.outbox.run())
        await self._tasks.start()
        app = make_app(
            self.store.log, self.store.ledger, self.store.ledger, limits, self.telemetry, self.pulse,
            standard=standard_of(self._book), ready=self.ready, probes_alone=GATEWAY not in self.roles,
            watched=self._supervision.watch, hosted=self.hosted, broken=self.broken,
            dial=None if self.store.dial is None else DialLedger(self.store.dial, self.dial_metrics),
        )  # fmt: skip
        host, port = self.settings.host, self.settings.port
        self._listening = await listen(app, host, port, limits, STOP_DOOR_S, bound)

    async def _tell_positions(self) -> None:
        while True:
            if positions := self.engine.positions:
                await self.store.tell_positions(positions)
            await self._steady.wait(asyncio.Event(), self._steady.now_ms() + TELL_EVERY_MS)

    async def stop(self) -> None:
        """Close the door, let the parts' tasks and the last round come to their end, each for a bounded time."""
        self._supervision.stopping()
        if self._listening is not None:
            await self._listening.stop()
        await self._supervision.stop()
        await self._tasks.stop()
        if self._engine is not None:
            try:
                async with asyncio.timeout(STOP_ENGINE_S):
                    await self._engine.stop()
            except TimeoutError:  # its events are in the log: the next start reads them again
                log.warning("stopped before the last round was committed", action="round_left")


async def _word_of(asked: Awaitable[object], slow: str) -> str | None:
    """None where the question is answered; else why not. `slow`: the word where no answer comes in time."""
    try:
        async with asyncio.timeout(READY_S):
            await asked
    except TimeoutError:
        return slow
    except errors.RingbackError as error:
        return error.word
    return None


def _ownership_of(store: Store, changed: Callable[[], None]) -> Ownership:
    """The ownership of partitions: `Alone` if the store belongs to this process. `changed` wakes the engine."""
    if store.shared:
        kinds = store.log.kinds
        return Shared(
            store.ledger, MonotonicClock(), store.log.partitions, changed, kind_of=lambda partition: partition % kinds
        )
    return Alone(store.ledger, store.log.partitions, new_owner())


def fit_parts(parts: Sequence[Part], db: str) -> list[Part]:
    """Those that can be hosted on this store: one with tables needs a database. Raises errors.SettingsMistake."""
    check(parts)
    fit = [part for part in parts if part.chain is None or db != MEMORY]
    for part in parts:
        if part not in fit:
            log.warning("a part needs a database: it is left out", action="part_left_out", part=part.name)
    return fit


def open_parts(
    parts: Sequence[Part], host: Host, store: Store, telemetry: Telemetry, health: PartHealth
) -> list[Hosted]:
    """Open each part in this process: its statements beside the rounds, its metrics among the process's."""
    hosted: list[Hosted] = []
    for part in parts:
        health.hosts(part.name)
        with named(part.name, "open"):
            opened = part.open(host)
            if opened.beside_round is not None:
                if host.database is None:
                    raise errors.SettingsMistake(f"part {part.name} writes beside rounds: it needs a database")
                store.beside_rounds(part.name, opened.beside_round, health)
            for collector in opened.collectors:
                telemetry.registry.register(GuardedCollector(part.name, collector, health))
        hosted.append(Hosted(part, opened))
    return hosted


def callers_known_by(hosted: Sequence[Hosted], health: PartHealth) -> PartCallers | None:
    """Whom the engine asks who calls; None: no part knows callers."""
    parts = [(part.name, opened.callers) for part, opened in hosted if opened.callers is not None]
    return PartCallers(parts, health) if parts else None


def _kafka(settings: Settings) -> "KafkaOptions | None":
    if not settings.kafka_bootstrap:
        return None
    from cti.adapters.event_log_kafka.settings import kafka_options  # brings in the client, which is large

    return kafka_options(settings)


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    *,
    interventions: bool = True,
    clock: Clock | None = None,
    limits: Limits | None = None,
    roles: Collection[str] = WHOLE,
    parts: Sequence[Part] | None = None,
) -> AsyncIterator[Service]:
    """The product, or one process of several, started and, at the end, stopped in order.

    `parts`: what is hosted beside the call side; by default all that is installed.

    It binds its address and locks its file first: a process that fails there has changed nothing of another's.
    Raises errors.RingbackError, OSError (address in use).
    """
    real = clock is None
    clock = clock or SystemClock()
    book = read_book(settings.profile)
    found = fit_parts(find_parts() if parts is None else parts, settings.db)
    store = open_store(
        settings.db, clock, settings.partitions, server_clock=real, kafka=_kafka(settings),
        chains=chains_of(found), channels=[channel for part in found for channel in part.channels],
        unused_channels=[channel for role, channel in USED_BY if role not in roles],
    )  # fmt: skip
    if not store.shared and roles != WHOLE:
        raise errors.SettingsMistake("gateway and engine apart need PostgreSQL: SQLite belongs to one process")
    async with contextlib.AsyncExitStack() as stack:
        bound = bind(settings.host, settings.port)
        for listener in bound:
            stack.enter_context(listener)
        if (file := sqlite_file(settings.db)) is not None:
            stack.enter_context(FileLock(file))
        await stack.enter_async_context(store)
        service = Service(settings, clock, store, book, roles, interventions, found)
        stack.push_async_callback(service.stop)
        await service.start(limits or Limits(), bound)
        yield service
