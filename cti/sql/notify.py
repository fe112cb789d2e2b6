"""Notifications between the processes of one PostgreSQL: something was appended, a round gave commands.

They only save waiting: whoever waits looks for himself now and then, so a notice that is lost, or a listener that is
cut off for a while, costs time and nothing else. A notice leaves with the transaction that it speaks of, or not at all.

Transactions that notify commit one after another in the whole database. So a process says nothing until it has heard of
another one: who begins to listen asks who is there, and everybody answers.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import URL, Connection

from cti.sql.connections import CONNECT_S
from cti.sql.point import rows_of

APPENDED = "ringback_appended"
COMMANDED = "ringback_commanded"
PRESENT = "ringback_present"
CHANNELS = (APPENDED, COMMANDED, PRESENT)
ASKS = "?"  # behind an origin: whoever hears it answers
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.1, 5.0
PROBE_S = 10  # an idle connection whose other end has gone is found by the system

log = structlog.get_logger()
Heard = Callable[[], None]


class Notifications:
    """Tells the other processes, and hears them on a connection of its own, between `start` and `stop`."""

    def __init__(self, url: URL) -> None:
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._origin = uuid4().hex[:12]  # the payload: what this process said itself is passed over
        self._alone = True
        self._subscribers: dict[str, list[Heard]] = {channel: [] for channel in CHANNELS}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def tell(self, connection: Connection, channel: str) -> None:
        """In a transaction: when it has committed the others hear of it, once, however often it was said."""
        if not self._alone:
            rows_of(connection, "SELECT pg_notify(?, ?)", channel, self._origin)

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` after each notice of another process, and whenever we listen anew: some may have been missed."""
        self._subscribers[channel].append(heard)

    def start(self) -> None:
        """Listen, on the running loop; a database that is away is waited for."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        task, self._task = self._task, None
        self._stopping.set()
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        backoff_s = BACKOFF_MIN_S
        while not self._stopping.is_set():
            try:
                async with await self._connected() as connection:
                    for channel in CHANNELS:
                        await connection.execute(f"LISTEN {channel}".encode())
                    backoff_s = BACKOFF_MIN_S
                    await self._say(connection, ASKS)
                    for channel in CHANNELS:
                        self._pass_on(channel)
                    while True:  # one at a time: while it waits for notices the connection takes no statement
                        for notice in [one async for one in connection.notifies(stop_after=1)]:
                            await self._hear(connection, notice)
            except psycopg.Error as error:
                log.warning("notices wait", action="notices_wait", why=str(error), for_ms=backoff_s * 1000)
            with suppress(TimeoutError):
                async with asyncio.timeout(backoff_s):
                    await self._stopping.wait()
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)

    async def _connected(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            self._address,
            autocommit=True,
            connect_timeout=CONNECT_S,
            keepalives_idle=PROBE_S,
            keepalives_interval=PROBE_S,
            application_name="ringback-notify",
        )

    async def _hear(self, connection: psycopg.AsyncConnection[tuple[object, ...]], notice: psycopg.Notify) -> None:
        if notice.payload.removesuffix(ASKS) == self._origin:
            return
        self._alone = False
        if notice.payload.endswith(ASKS):
            await self._say(connection, "")
        self._pass_on(notice.channel)

    async def _say(self, connection: psycopg.AsyncConnection[tuple[object, ...]], mark: str) -> None:
        """That we are here."""
        await connection.execute("SELECT pg_notify(%s, %s)", (PRESENT, self._origin + mark))

    def _pass_on(self, channel: str) -> None:
        for heard in self._subscribers[channel]:
            heard()
