"""The running product for one history after the other: the store, the log and the door stay, the rest begins anew.

Each history has a week of its own, so that no clock goes back, and begins at the same hour of it by every clock.

The ledger's threads do their work at once, on the loop: the same transactions, one after another, in an order that the
seed alone decides, and without the hops that would be half of a history's time.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, table, text

from cti.dial.store import WRITER
from cti.sql.database import Database
from cti.sql.point import rows_of
from cti.sql.reader import SqlReader
from cti.sql.writer import SqlWriter
from tests.scheduler import START_MS, Scene, scene
from tests.simulation.outbound import book
from tests.simulation.outbound.door import Door

WEEK_MS = 7 * 24 * 3_600_000
WEEKS_MAX = 40  # then the product is opened anew: its log is not purged
MEMORY = Path("/dev/shm")  # a file system in memory, where there is one
KEPT = frozenset(
    {"alembic_version", "api_keys", "dial_allowed", "event_log", "event_log_heads", "partitions", "sqlite_sequence"}
)


class _AtOnce:
    """The queue of a writer whose jobs are done while they are put."""

    def __init__(self, writer: SqlWriter) -> None:
        self._writer, self._queue = writer, writer._queue
        self.get = self._queue.get

    def put(self, job: Any) -> None:
        if job is None:  # the thread's end
            self._queue.put(None)
            return
        self._writer._write([job])
        self._writer._deliver([job])


class Reading:
    """A reader whose queries are done at once, on SQLite on one connection that stays open; each sees what stands then.

    Another connection keeps the ledger as it was: `keep` begins a transaction on it, and `as_it_was` reads in that.
    """

    def __init__(self, reader: SqlReader) -> None:
        self._reader, self._alone = reader, reader._engine.dialect.name == "sqlite"
        self._now, self._before = reader._engine.connect(), reader._engine.connect()
        self._looks_back = False

    async def run(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._looks_back:
            return query(self._before, *args, **kwargs)
        if not self._alone:
            return self._reader._read(query, *args, **kwargs)
        try:
            return query(self._now, *args, **kwargs)
        finally:
            self._now.rollback()

    def keep(self) -> None:
        self._before.rollback()
        self._before.begin()
        rows_of(self._before, "SELECT 1 FROM dial_allowed")

    @contextlib.contextmanager
    def as_it_was(self) -> Iterator[None]:
        self._looks_back = True
        try:
            yield
        finally:
            self._looks_back = False
            self._before.rollback()

    def close(self) -> None:
        self._now.close()
        self._before.close()


def without_threads(database: Database) -> Reading:
    """Its transactions are done at once, on the loop; the reader is to be closed in the end."""
    reading = Reading(database.reader)
    database.reader.__dict__["run"] = reading.run
    for writer in database.writers:
        writer.__dict__["_queue"] = _AtOnce(writer)
    return reading


class Site:
    """`base_ms`: when the history's week begins."""

    def __init__(self, it: Scene) -> None:
        dial, database = it.store.dial, it.store.database
        assert dial is not None
        assert database is not None
        self.it, self.dial, self.database = it, dial, database
        self.base_ms = START_MS
        self.histories = 0
        self.reading = without_threads(database)
        it._session, it.url = Door(it.app, it._session.headers["Authorization"]), ""
        it.running = False  # the engine is stepped by the history

    @property
    def now_ms(self) -> int:
        return round(self.it.clock.now_ms())

    async def begin(self, attempts: Sequence[tuple[str, str, str]], start_ms: int) -> None:
        """A new week, `start_ms` after its beginning, and an empty ledger."""
        await self.it.engine.stop()
        self.histories += 1
        self.base_ms += WEEK_MS
        self.it.clock.move_to(self.base_ms + start_ms)
        await self.database.writer(WRITER).run(_begin_anew, attempts)
        await self.it.restart()


def _begin_anew(connection: Connection, asked: Sequence[Sequence[tuple[str, str, str]]]) -> Sequence[None]:
    tables = [row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    for name in sorted(set(tables) - KEPT):
        connection.execute(delete(table(name)))
    connection.execute(text("UPDATE dial_allowed SET allowed_at_ms = 0, allowed_by = 'site'"))
    for attempts in asked:
        book.begin(connection, attempts)
    return [None] * len(asked)


def _create(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    book.create(connection)
    return asked


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="ringback-orders-", dir=MEMORY if MEMORY.is_dir() else None))


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    folder = await asyncio.to_thread(new_folder)
    try:
        async with scene(f"sqlite:///{folder / 'ringback.db'}", parts=()) as it:
            made = Site(it)
            await made.database.writer(WRITER).run(_create, None)
            yield made
            made.reading.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
