"""Where a database URL becomes an event log and a ledger."""

import asyncio
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import URL, Engine

from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.event_log_sql import LOOK_ALONE_MS, LOOK_SHARED_MS, SqlEventLog
from cti.adapters.ledger.connections import database_url, reader_engine, writer_engine
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.ledger.schema import upgrade
from cti.adapters.ledger.sql import SqlLedger
from cti.adapters.sql_reader import READERS, SqlReader
from cti.adapters.sql_writer import SqlWriter
from cti.ports import Clock, EventLog, Ledger, Reads, Registry

MEMORY = "memory:"


class WholeLedger(Ledger, Reads, Registry, Protocol):
    """The three faces of one ledger."""


class Store:
    """An event log and a ledger, between `start` and `stop` (or in an `async with`)."""

    log: EventLog
    ledger: WholeLedger

    async def start(self) -> None:
        """Make or upgrade what the store needs, and begin."""

    async def stop(self) -> None:
        """Write what waits, and end."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def open_store(url: str, clock: Clock, partitions: int, *, server_clock: bool = False) -> Store:
    """The store at `url`: memory:, sqlite:///FILE, postgresql://... Its schema is made or upgraded by `start`.

    `server_clock`: PostgreSQL dates the entries (one clock for all processes); not with a scaled or virtual clock.
    Raises `SettingsMistake`; `start` raises `SchemaTooNew`, `WrongPartitions`, `LedgerAway`, `LogAway`.
    """
    if url == MEMORY:
        return MemoryStore(clock, partitions)
    return SqlStore(database_url(url), clock, partitions, server_clock=server_clock)


class MemoryStore(Store):
    """Gone when the process ends."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self.log = MemoryEventLog(clock, partitions)
        self.ledger = MemoryLedger()


class SqlStore(Store):
    """One writer on SQLite (one file, one writer); on PostgreSQL log and ledger have one each."""

    def __init__(self, url: URL, clock: Clock, partitions: int, *, server_clock: bool) -> None:
        self._url = url
        alone = url.get_backend_name() == "sqlite"
        self._engines: list[Engine] = [writer_engine(url), reader_engine(url, READERS)]
        self._writers = [SqlWriter(self._engines[0], "ledger-writer")]
        if not alone:
            self._engines.append(writer_engine(url))
            self._writers.append(SqlWriter(self._engines[-1], "log-writer"))
        self._reader = SqlReader(self._engines[1])
        self.ledger = SqlLedger(self._writers[0], self._reader)
        self.log = self._log = SqlEventLog(
            self._writers[-1],
            self._reader,
            clock,
            partitions,
            server_clock=server_clock and not alone,
            look_every_ms=LOOK_ALONE_MS if alone else LOOK_SHARED_MS,
        )

    async def start(self) -> None:
        try:
            await asyncio.to_thread(upgrade, self._url.render_as_string(hide_password=False))
            for writer in self._writers:
                writer.start()
            await self._log.start()
        except BaseException:
            await self.stop()  # no thread and no connection outlives a start that failed
            raise

    async def stop(self) -> None:
        await self._log.stop()
        for writer in reversed(self._writers):
            await writer.stop()
        await self._reader.stop()
        for engine in self._engines:
            engine.dispose()
