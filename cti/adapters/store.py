"""Where a database URL, and a Kafka cluster where there is one, become an event log and a ledger."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import URL, Connection, Engine, delete, insert

from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.event_log_sql import LOOK_ALONE_MS, LOOK_SHARED_MS, SqlEventLog
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.ledger.sql import SqlLedger
from cti.adapters.ledger.tables import engines
from cti.errors import SettingsMistake
from cti.ports import Clock, DeadLetters, EventLog, Ledger, Ownerships, Publisher, Reads, Registry
from cti.sql.connections import database_url, reader_engine, writer_engine
from cti.sql.notify import APPENDED, COMMANDED, Notifications
from cti.sql.reader import READERS, SqlReader
from cti.sql.schema import upgrade
from cti.sql.writer import SqlWriter

MEMORY = "memory:"
CHECK = "check"  # the owner in a row that no other transaction sees


class WholeLedger(Ledger, Reads, Registry, Ownerships, DeadLetters, Protocol):
    """The five faces of one ledger."""


class Store:
    """An event log and a ledger, between `start` and `stop` (or in an `async with`)."""

    log: EventLog
    ledger: WholeLedger
    shared = False  # whether engines of other processes may be there
    publisher: Publisher | None = None  # where integrators read from topics

    def hear_commands(self, heard: Callable[[], None]) -> None:
        """Call `heard` when another process has committed commands, if it can be known."""

    async def check(self) -> None:
        """Make sure that the ledger can be written to. Raises `LedgerAway`, `OutcomeUnknown`."""

    async def start(self) -> None:
        """Make or upgrade what the store needs, and begin."""

    async def stop(self) -> None:
        """Write what waits, and end."""

    async def tell_positions(self, positions: Mapping[int, int]) -> None:
        """Show committed positions to the log's own tools, where it has any."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def open_store(
    url: str, clock: Clock, partitions: int, *, server_clock: bool = False, kafka: KafkaOptions | None = None
) -> Store:
    """The store at `url`: memory:, sqlite:///FILE, postgresql://... Its schema is made or upgraded by `start`.

    `server_clock`: the log's server dates the entries (one clock for all processes); not with a scaled or virtual
    clock. `kafka`: the events are there, and `url` is PostgreSQL for the ledger alone; `partitions` does not count.
    Raises `SettingsMistake`; `start` raises `SchemaTooNew`, `WrongPartitions`, `WrongTopic`, `LedgerAway`, `LogAway`.
    """
    if kafka is not None:
        if url == MEMORY or database_url(url).get_backend_name() == "sqlite":
            raise SettingsMistake("with Kafka the ledger is in PostgreSQL, which several processes share")
        if not server_clock:
            raise SettingsMistake("Kafka dates the entries: no scaled clock can be used with it")
        return KafkaStore(database_url(url), clock, kafka)
    if url == MEMORY:
        return MemoryStore(clock, partitions)
    return SqlStore(database_url(url), clock, partitions, server_clock=server_clock)


@contextlib.asynccontextmanager
async def open_ledger(url: str, *, as_it_is: bool = False) -> AsyncIterator[WholeLedger]:
    """The ledger alone, for what needs no log. Its schema is made or upgraded, unless it is wanted as it is.

    Raises `SettingsMistake`, `SchemaTooNew`, `LedgerAway`.
    """
    if url == MEMORY:
        yield MemoryLedger()
        return
    database = _Database(database_url(url), ["ledger-writer"])
    try:
        await database.start(as_it_is=as_it_is)
        yield database.ledger
    finally:
        await database.stop()


class MemoryStore(Store):
    """Gone when the process ends."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self.log = MemoryEventLog(clock, partitions)
        self.ledger = MemoryLedger()


class SqlStore(Store):
    """One writer on SQLite (one file, one writer); on PostgreSQL rounds, the log and the heartbeats have one each."""

    def __init__(self, url: URL, clock: Clock, partitions: int, *, server_clock: bool) -> None:
        alone = url.get_backend_name() == "sqlite"
        self.shared = not alone
        self._database = _Database(
            url, ["ledger-writer"] if alone else ["ledger-writer", "heartbeat-writer", "log-writer"]
        )
        self.ledger = self._database.ledger
        self.log = self._log = SqlEventLog(
            self._database.writers[-1],
            self._database.reader,
            clock,
            partitions,
            server_clock=server_clock and not alone,
            look_every_ms=LOOK_ALONE_MS if alone else LOOK_SHARED_MS,
            appended=self._database.telling(APPENDED),
        )
        self._database.hear(APPENDED, self._log.look)

    def hear_commands(self, heard: Callable[[], None]) -> None:
        self._database.hear(COMMANDED, heard)

    async def check(self) -> None:
        await self._database.check()

    async def start(self) -> None:
        try:
            await self._database.start()
            await self._log.start()
            self._database.listen()
        except BaseException:
            await self.stop()  # no thread and no connection outlives a start that failed
            raise

    async def stop(self) -> None:
        await self._log.stop()
        await self._database.stop()


class KafkaStore(Store):
    """Events in Kafka, the ledger in PostgreSQL: as many processes as wanted."""

    log: KafkaEventLog
    shared = True

    def __init__(self, url: URL, clock: Clock, options: KafkaOptions) -> None:
        self._database = _Database(url, ["ledger-writer", "heartbeat-writer"])
        self.ledger = self._database.ledger
        self.log = KafkaEventLog(options, clock)
        self.publisher = self.log.publisher

    def hear_commands(self, heard: Callable[[], None]) -> None:
        self._database.hear(COMMANDED, heard)

    async def check(self) -> None:
        await self._database.check()

    async def start(self) -> None:
        try:
            await self._database.start()
            await self.log.start(await self.ledger.positions())
            self._database.listen()
        except BaseException:
            await self.stop()  # nothing outlives a start that failed
            raise

    async def tell_positions(self, positions: Mapping[int, int]) -> None:
        await self.log.tell_positions(positions)

    async def stop(self) -> None:
        await self.log.stop()
        await self._database.stop()


class _Database:
    """Connections and threads: a reader's pool, and a writer for each name. The first writes rounds, the second
    heartbeats (the first, where it is alone). On PostgreSQL notices go to other processes and come from them.
    """

    def __init__(self, url: URL, writers: Sequence[str]) -> None:
        self._url = url
        self.notifications = None if url.get_backend_name() == "sqlite" else Notifications(url)
        self._engines: list[Engine] = [reader_engine(url, READERS)]
        self.reader = SqlReader(self._engines[0])
        self.writers: list[SqlWriter] = []
        for name in writers:
            self._engines.append(writer_engine(url))
            self.writers.append(SqlWriter(self._engines[-1], name))
        heartbeats = self.writers[min(1, len(self.writers) - 1)]
        self.ledger = SqlLedger(self.writers[0], self.reader, heartbeats, self.telling(COMMANDED))

    def telling(self, channel: str) -> Callable[[Connection], None] | None:
        """What tells the other processes, in a transaction; None: there are none."""
        return None if self.notifications is None else partial(self.notifications.tell, channel=channel)

    def hear(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` at each notice of another process."""
        if self.notifications is not None:
            self.notifications.subscribe(channel, heard)

    async def start(self, *, as_it_is: bool = False) -> None:
        if not as_it_is:
            await asyncio.to_thread(upgrade, self._url.render_as_string(hide_password=False))
        for writer in self.writers:
            writer.start()

    async def check(self) -> None:
        """An empty transaction takes the lock and goes; after trouble something must be written, too."""
        for writer in self.writers:
            await writer.run(_touch if writer.trouble else _nothing, None)

    def listen(self) -> None:
        """Hear the other processes, once whoever is told of it has started."""
        if self.notifications is not None:
            self.notifications.start()

    async def stop(self) -> None:
        if self.notifications is not None:
            await self.notifications.stop()
        for writer in reversed(self.writers):
            await writer.stop()
        await self.reader.stop()
        for engine in self._engines:
            engine.dispose()


def _nothing(_: Connection, asked: Sequence[None]) -> Sequence[None]:
    return asked


def _touch(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    """Write, and leave nothing behind. SQLite writes no page for a row that is overwritten with itself."""
    connection.execute(insert(engines).values(owner=CHECK, beat=0))
    connection.execute(delete(engines).where(engines.c.owner == CHECK))
    return asked
