"""The running product for one history after the other: the store, the log and the door stay, the rest begins anew.

Each history has a week of its own, so that no clock goes back, and begins at the same hour of it by every clock.

The ledger's threads do their work at once, on the loop (`tests.unthreaded`): the seed alone decides their order.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, table, text

from cti.dial.store import WRITER
from tests.scheduler import START_MS, Scene, scene
from tests.simulation.outbound import book
from tests.simulation.outbound.door import Door
from tests.unthreaded import without_threads

WEEK_MS = 7 * 24 * 3_600_000
WEEKS_MAX = 40  # then the product is opened anew: its log is not purged
MEMORY = Path("/dev/shm")  # a file system in memory, where there is one
KEPT = frozenset(
    {"alembic_version", "api_keys", "dial_allowed", "event_log", "event_log_heads", "partitions", "sqlite_sequence"}
)


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
