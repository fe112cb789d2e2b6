"""Where a database URL becomes an event log and a ledger."""

import asyncio
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import URL, Engine

from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.event_log_sql import LOOK_ALONE_MS, LOOK_SHARED_MS, SqlEventLog
from cti.adapters.ledger.connections import database_url, reader_engine, writer_engine
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.ledger.schema import upgrade
from cti.adapters.ledger.sql import SqlLedger
from cti.adapters.notices import APPENDED, COMMANDED, Notices
from cti.adapters.sql_reader import READERS, SqlReader
from cti.adapters.sql_writer import SqlWriter
from cti.ports import Clock, EventLog, Ledger, Ownerships, Reads, Registry

MEMORY = "memory:"


class WholeLedger(Ledger, Reads, Registry, Ownerships, Protocol):
    """The four faces of one ledger."""


class Store:
    """An event log and a ledger, between `start` and `stop` (or in an `async with`)."""

    log: EventLog
    ledger: WholeLedger
    shared = False  # whether engines of other processes may be there

    def hear_commands(self, heard: Callable[[], None]) -> None:
        """Call `heard` when another process has committed commands, if it can be known."""

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
    """One writer on SQLite (one file, one writer); on PostgreSQL rounds, the log and the beats have one each."""

    def __init__(self, url: URL, clock: Clock, partitions: int, *, server_clock: bool) -> None:
        self._url = url
        alone = url.get_backend_name() == "sqlite"
        self.shared = not alone
        names = ("ledger-writer",) if alone else ("ledger-writer", "log-writer", "beat-writer")
        writing = [writer_engine(url) for _ in names]
        reading = reader_engine(url, READERS)
        self._engines: list[Engine] = [*writing, reading]
        self._writers = [SqlWriter(engine, name) for engine, name in zip(writing, names, strict=True)]
        ledger_writer, log_writer, beat_writer = self._writers * 3 if alone else self._writers
        self._reader = SqlReader(reading)
        self._notices = notices = None if alone else Notices(url)
        self.ledger = SqlLedger(
            ledger_writer,
            self._reader,
            beat_writer,
            None if notices is None else partial(notices.tell, channel=COMMANDED),
        )
        self.log = self._log = SqlEventLog(
            log_writer,
            self._reader,
            clock,
            partitions,
            server_clock=server_clock and not alone,
            look_every_ms=LOOK_ALONE_MS if alone else LOOK_SHARED_MS,
            appended=None if notices is None else partial(notices.tell, channel=APPENDED),
        )
        if notices is not None:
            notices.subscribe(APPENDED, self._log.look)

    def hear_commands(self, heard: Callable[[], None]) -> None:
        if self._notices is not None:
            self._notices.subscribe(COMMANDED, heard)

    async def start(self) -> None:
        try:
            await asyncio.to_thread(upgrade, self._url.render_as_string(hide_password=False))
            for writer in self._writers:
                writer.start()
            await self._log.start()
            if self._notices is not None:
                self._notices.start()
        except BaseException:
            await self.stop()  # no thread and no connection outlives a start that failed
            raise

    async def stop(self) -> None:
        if self._notices is not None:
            await self._notices.stop()
        await self._log.stop()
        for writer in reversed(self._writers):
            await writer.stop()
        await self._reader.stop()
        for engine in self._engines:
            engine.dispose()
