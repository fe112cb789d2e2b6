"""Makes an event log and a ledger from a database URL, and from a Kafka cluster if there is one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sqlalchemy import URL, Connection, delete, insert, text

from cti.adapters.clock import MonotonicClock, speed_of
from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.event_log_sql import LOOK_ALONE_MS, LOOK_SHARED_MS, SqlEventLog
from cti.adapters.ledger.beside import Write
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.ledger.part_dead_letters import PartDeadLetters
from cti.adapters.ledger.sql import SqlLedger
from cti.adapters.ledger.tables import engines
from cti.adapters.migrations import CHAIN
from cti.callers.store import CALLED_BACK, SqlCallbackRequests
from cti.dial.store import DIALLED, ORDERED, SqlDialOrders
from cti.dial.store import WRITER as DIAL
from cti.errors import RingbackError, SettingsMistake
from cti.leases.memory import MemoryNamedLeases
from cti.leases.ports import Leases, NamedLeases
from cti.leases.sql import SqlNamedLeases
from cti.parts.health import PartHealth
from cti.ports import Clock, DeadLetters, EventLog, Ledger, Publisher, Reads, Registry, call_partitions
from cti.rows import Claim
from cti.sql.connections import database_url
from cti.sql.database import Database
from cti.sql.schema import Chain
from cti.sql.trouble import AWAY, LOCKED
from cti.sql.writer import SqlWriter
from cti.topics import DeadLetterBox, PartTopics

if TYPE_CHECKING:  # at run time where there is a cluster: the client takes its time to import
    from cti.adapters.event_log_kafka.log import KafkaEventLog
    from cti.adapters.event_log_kafka.settings import KafkaOptions

MEMORY = "memory:"
LEDGER, HEARTBEATS, LOG = "ledger-writer", "heartbeat-writer", "log-writer"
OURS = frozenset({LEDGER, HEARTBEATS, LOG})  # the call side's writers; a part's has its chain's name
APPENDED, COMMANDED = "ringback_appended", "ringback_commanded"  # channels: to the log; a round with commands
CHANNELS = (COMMANDED, DIALLED, ORDERED, CALLED_BACK)  # of every ledger
CHECK = "check"  # the owner in a row that no other transaction sees
ROOM = text("CREATE TEMPORARY TABLE IF NOT EXISTS ringback_room (filling text) ON COMMIT DROP")
ROOM_FILLED = text("INSERT INTO ringback_room SELECT repeat('x', 1000) FROM generate_series(1, :rows)")
ROOM_ROWS = 64  # eight pages


class WholeLedger(Ledger, Reads, Registry, Leases[int, Claim], DeadLetters, Protocol):
    """The five faces of one ledger; the leases are those of the engines."""


class Store:
    """An event log and a ledger, between `start` and `stop` (or in an `async with`)."""

    log: EventLog
    ledger: WholeLedger
    shared = False  # whether other processes may run engines on it
    publisher: Publisher | None = None  # where integrators read from topics
    database: Database | None = None  # where parts keep tables; None: in memory there are none
    dial: SqlDialOrders | None = None  # None: in memory nothing is dialled
    topics: PartTopics | None = None  # of parts; None: there is no Kafka
    dead_letters: DeadLetterBox | None = None  # of parts; None: in memory parts have none
    callbacks: SqlCallbackRequests | None = None  # None: in memory nobody takes what callers ask for

    @property
    def slow(self) -> str:
        """The word where no answer comes in time: a process with an SQLite file of its own waits for hardly anything
        but a lock.
        """
        return AWAY if self.shared else LOCKED

    def leases(self, group: str) -> NamedLeases:
        """A lease group beside the engines' own."""
        raise NotImplementedError

    def beside_rounds(self, part: str, write: Write, health: PartHealth) -> None:
        """Write something in the transaction of every round (`SqlLedger.beside_rounds`)."""
        raise NotImplementedError

    def subscribe_commands(self, callback: Callable[[], None]) -> None:
        """Call `callback` when another process has committed commands, if it can be known."""

    async def check(self, within_s: float) -> Mapping[str, str]:
        """The writers that cannot write within `within_s`, by name, each with a word of `cti.sql.trouble`."""
        raise NotImplementedError

    async def start(self) -> None:
        """Make or upgrade what the store needs, and begin."""

    async def stop(self) -> None:
        """Write all that is queued, then close."""

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
    url: str, clock: Clock, partitions: int, *, server_clock: bool = False, kafka: "KafkaOptions | None" = None,
    chains: Sequence[Chain] = (), channels: Sequence[str] = (), unused_channels: Collection[str] = (),
) -> Store:  # fmt: skip
    """The store at `url`: memory:, sqlite:///FILE, postgresql://... Its schema is made or upgraded by `start`.

    `server_clock`: the log's server dates the entries (one clock for all processes), and `clock` is not asked; not with
    a scaled or virtual clock. `kafka`: the events are there, and `url` is PostgreSQL for the ledger alone; `partitions`
    does not count.
    `chains`: the tables of other parts in the same database, each with a writer of the chain's name; `channels`: of
    NOTIFY, those of other parts; `unused_channels`: channels that this process does not listen to.
    Raises `SettingsMistake`; `start` raises `SchemaTooNew`, `WrongPartitions`, `WrongTopic`, `LedgerAway`, `LogAway`.
    """
    if kafka is not None:
        if url == MEMORY or database_url(url).get_backend_name() == "sqlite":
            raise SettingsMistake("with Kafka the ledger is in PostgreSQL, which several processes share")
        if not server_clock:
            raise SettingsMistake("Kafka dates the entries: no scaled clock can be used with it")
        return KafkaStore(database_url(url), kafka, chains, channels, unused_channels)
    if url == MEMORY:
        return MemoryStore(clock, partitions)
    return SqlStore(
        database_url(url), clock, partitions, server_clock=server_clock, chains=chains, channels=channels,
        unused_channels=unused_channels,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def open_ledger(url: str, *, as_it_is: bool = False) -> AsyncIterator[WholeLedger]:
    """The ledger alone, for what needs no log. Its schema is made or upgraded, unless it is wanted as it is.

    Raises `SettingsMistake`, `SchemaTooNew`, `LedgerAway`.
    """
    if url == MEMORY:
        yield MemoryLedger()
        return
    database = Database(database_url(url), [LEDGER])
    try:
        await database.start([] if as_it_is else [CHAIN])
        yield SqlLedger(database.writer(LEDGER), database.reader, database.writer(LEDGER))
    finally:
        await database.stop()


class MemoryStore(Store):
    """Gone when the process ends."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self.log = MemoryEventLog(clock, partitions)
        self.ledger = MemoryLedger()
        self._groups: dict[str, MemoryNamedLeases] = {}

    async def check(self, _within_s: float) -> Mapping[str, str]:
        return {}

    def leases(self, group: str) -> NamedLeases:
        return self._groups.setdefault(group, MemoryNamedLeases())


class _DatabaseStore(Store):
    """Common to the stores whose ledger is in a database."""

    database: Database

    def __init__(self, database: Database, chains: Sequence[Chain], clock: Clock | None) -> None:
        """`clock`: the ledger's own; None: PostgreSQL's."""
        self.database = database
        self.ledger = self._ledger = _ledger_in(database)
        now_ms, speed = (None, 1.0) if clock is None else (clock.now_ms, speed_of(clock))
        self.dial = SqlDialOrders(database, now_ms, self._said_by, speed)
        self._ledger.subscribe_dialled(self.dial.on_commit)
        self.callbacks = SqlCallbackRequests(database, DIAL)
        self._ledger.subscribe_called_back(self.callbacks.on_commit)
        self.dead_letters = PartDeadLetters()
        self._chains = (CHAIN, *chains)

    def _said_by(self) -> list[int]:
        """Each of these must say how far it has read a source."""
        return call_partitions(self.log)

    def subscribe_commands(self, callback: Callable[[], None]) -> None:
        self.database.subscribe(COMMANDED, callback)

    def beside_rounds(self, part: str, write: Write, health: PartHealth) -> None:
        self._ledger.beside_rounds(part, write, health)

    def leases(self, group: str) -> NamedLeases:
        return SqlNamedLeases(self.database.writer(HEARTBEATS), group)

    async def check(self, within_s: float) -> Mapping[str, str]:
        writers = self.database.writers
        words = await asyncio.gather(*(_word_of(writer, within_s, self.slow) for writer in writers))
        return {writer.name: word for writer, word in zip(writers, words, strict=True) if word is not None}


class SqlStore(_DatabaseStore):
    """One writer on SQLite (one file, one writer); on PostgreSQL rounds, the log, the heartbeats, dial orders and each
    further chain have one each.
    """

    def __init__(
        self, url: URL, clock: Clock, partitions: int, *, server_clock: bool, chains: Sequence[Chain] = (),
        channels: Sequence[str] = (), unused_channels: Collection[str] = (),
    ) -> None:  # fmt: skip
        writers = [LEDGER, HEARTBEATS, LOG, DIAL, *_writers_of(chains)]
        super().__init__(
            Database(url, writers, (APPENDED, *CHANNELS, *channels), unused_channels, keeps_plans=OURS),
            chains, None if server_clock and url.get_backend_name() != "sqlite" else clock,
        )  # fmt: skip
        database = self.database
        self.shared = not database.alone
        self.log = self._log = SqlEventLog(
            database.writer(LOG),
            database.reader,
            MonotonicClock() if server_clock and self.shared else clock,
            partitions,
            server_clock=server_clock and self.shared,
            look_every_ms=LOOK_SHARED_MS if self.shared else LOOK_ALONE_MS,
            appended=database.notifier(APPENDED),
        )
        database.subscribe(APPENDED, self._log.look)

    async def start(self) -> None:
        try:
            await self.database.start(self._chains)
            await self._log.start()
            self.database.listen()
        except BaseException:
            await self.stop()  # no thread and no connection outlives a start that failed
            raise

    async def stop(self) -> None:
        await self._log.stop()
        await self.database.stop()


class KafkaStore(_DatabaseStore):
    """Events in Kafka, the ledger in PostgreSQL: as many processes as wanted."""

    log: "KafkaEventLog"
    shared = True

    def __init__(
        self, url: URL, options: "KafkaOptions", chains: Sequence[Chain] = (), channels: Sequence[str] = (),
        unused_channels: Collection[str] = (),
    ) -> None:  # fmt: skip
        from cti.adapters.event_log_kafka.log import KafkaEventLog

        writers = [LEDGER, HEARTBEATS, DIAL, *_writers_of(chains)]
        database = Database(url, writers, (*CHANNELS, *channels), unused_channels, keeps_plans=OURS)
        super().__init__(database, chains, None)
        self.log = KafkaEventLog(options, MonotonicClock())
        self.publisher = self.log.publisher
        self.topics = self.log.of_parts

    async def start(self) -> None:
        try:
            await self.database.start(self._chains)
            await self.log.start(await self.ledger.positions())
            self.database.listen()
        except BaseException:
            await self.stop()  # nothing outlives a start that failed
            raise

    async def tell_positions(self, positions: Mapping[int, int]) -> None:
        await self.log.tell_positions(positions)

    async def stop(self) -> None:
        await self.log.stop()
        await self.database.stop()


def _writers_of(chains: Sequence[Chain]) -> list[str]:
    """Each chain's tables are written by a writer of their own, of the chain's name."""
    return [chain.name for chain in chains]


async def _word_of(writer: SqlWriter, within_s: float, slow: str) -> str | None:
    """None where the writer can write: an empty transaction takes the lock and goes; after trouble something must be
    written, too. `slow`: the word where no answer comes in time.
    """
    try:
        async with asyncio.timeout(within_s):
            await writer.run(_touch if writer.trouble else _nothing, None)
    except TimeoutError:
        return slow
    except RingbackError as error:
        return error.word
    return None


def _ledger_in(database: Database) -> SqlLedger:
    heartbeats = database.writer(HEARTBEATS)
    return SqlLedger(
        database.writer(LEDGER), database.reader, heartbeats, database.notifier(COMMANDED), database.notifier(DIALLED),
        database.notifier(CALLED_BACK),
    )  # fmt: skip


def _nothing(_: Connection, asked: Sequence[None]) -> Sequence[None]:
    return asked


def _touch(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    """Write, and leave nothing behind. SQLite writes no page for a row that is overwritten with itself; PostgreSQL puts
    a row into a page that is there, on a full disk too, so that a new file must be given some pages as well.
    """
    connection.execute(insert(engines).values(owner=CHECK, beat=0))
    connection.execute(delete(engines).where(engines.c.owner == CHECK))
    if connection.dialect.name == "postgresql":
        connection.execute(ROOM)
        connection.execute(ROOM_FILLED, {"rows": ROOM_ROWS})
    return asked
