"""One database of one process: a pool of readers, a writer for each purpose, and NOTIFY on PostgreSQL."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial

from sqlalchemy import URL, Connection, Engine

from cti.sql.connections import reader_engine, writer_engine
from cti.sql.notify import Notifications
from cti.sql.reader import READERS, SqlReader
from cti.sql.schema import Chain, upgrade
from cti.sql.writer import SqlWriter


class Database:
    """Threads and connections, between `start` and `stop`.

    `writers` names the purposes. On PostgreSQL each has a writer of its own, so that none waits for another's
    transaction; SQLite has one writer a file, and all purposes share it. `channels`: all that will be used with NOTIFY;
    `unused_channels`: those that this process does not listen to. `keeps_plans`: writers whose statements may be
    planned once (`cti.sql.connections`).
    """

    def __init__(
        self, url: URL, writers: Sequence[str], channels: Sequence[str] = (),
        unused_channels: Collection[str] = (), *, keeps_plans: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._url = url
        self.alone = url.get_backend_name() == "sqlite"
        self.notifications = None if self.alone else Notifications(url, channels, unused_channels)
        self._engines: list[Engine] = [reader_engine(url, READERS)]
        self.reader = SqlReader(self._engines[0])
        self._writers: dict[str, SqlWriter] = {}
        for name in writers[:1] if self.alone else writers:
            self._engines.append(writer_engine(url, keeps_plans=name in keeps_plans))
            self._writers[name] = SqlWriter(self._engines[-1], name)

    @property
    def writers(self) -> Sequence[SqlWriter]:
        """Every writer there is."""
        return list(self._writers.values())

    def writer(self, name: str) -> SqlWriter:
        """The writer for a purpose."""
        return next(iter(self._writers.values())) if self.alone else self._writers[name]

    def notifier(self, channel: str) -> Callable[[Connection], None] | None:
        """A function that notifies the other processes from a transaction; None: there are none."""
        return None if self.notifications is None else partial(self.notifications.notify, channel=channel)

    def subscribe(self, channel: str, callback: Callable[[], None]) -> None:
        """Call `callback` at each notification of another process."""
        if self.notifications is not None:
            self.notifications.subscribe(channel, callback)

    async def start(self, chains: Sequence[Chain]) -> None:
        """Upgrade the schema, then start the writers. Without chains the database is taken as it is."""
        if chains:
            await asyncio.to_thread(upgrade, self._url.render_as_string(hide_password=False), chains)
        for writer in self._writers.values():
            writer.start()

    def listen(self) -> None:
        """Listen to the other processes, once every subscriber has started."""
        if self.notifications is not None:
            self.notifications.start()

    async def stop(self) -> None:
        """Write what waits, then close every connection."""
        if self.notifications is not None:
            await self.notifications.stop()
        for writer in reversed(self._writers.values()):
            await writer.stop()
        await self.reader.stop()
        for engine in self._engines:
            engine.dispose()
