"""The ledger without its threads: its transactions are done at once, on the event loop.

The same transactions, one after another, in the order in which they are asked for, and without the hops from thread to
thread that are a third of a test's time.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from cti.sql.database import Database
from cti.sql.point import rows_of
from cti.sql.reader import SqlReader
from cti.sql.writer import SqlWriter


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
