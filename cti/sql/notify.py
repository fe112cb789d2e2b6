"""NOTIFY between the processes on one PostgreSQL: an append, a round with commands.
Channels are named when the listener is made.

A notification only saves waiting. Every subscriber also looks by itself now and then: a notification that is lost, or a
listener that is cut off for a while, costs time and nothing else. PostgreSQL delivers a notification when its
transaction commits, or never.

Transactions that notify commit one after another in the whole database. A process therefore notifies a channel only
once it knows that another one listens to it: a new listener announces its channels and asks the others to announce
theirs, and every process answers. One that names no channels (an earlier release) listens to all of them.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import URL, Connection

from cti.sql.connections import CONNECT_S
from cti.sql.point import rows_of

PRESENT = "ringback_present"  # the channel of announcements
CHANNEL = re.compile(r"[a-z_]{1,63}")  # a name that PostgreSQL takes without quotes
ASKS = "?"  # at the end: every process answers with its announcement
LISTENS_TO = ":"  # after an origin: its channels
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.1, 5.0
PROBE_S = 10  # an idle connection whose other end has gone is found by the system

log = structlog.get_logger()
Callback = Callable[[], None]


class Notifications:
    """Notifies the other processes, and listens to them on a connection of its own, between `start` and `stop`."""

    def __init__(self, url: URL, channels: Iterable[str], unused_channels: Collection[str] = ()) -> None:
        """`unused_channels`: those that this process does not listen to; their subscribers are never called."""
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._origin = uuid4().hex[:12]  # the payload: a process skips its own notifications
        self._subscribers: dict[str, list[Callback]] = {channel: [] for channel in (*channels, PRESENT)}
        assert all(map(CHANNEL.fullmatch, self._subscribers)), self._subscribers
        self._listens_to = [channel for channel in self._subscribers if channel not in unused_channels]
        self.wanted: frozenset[str] = frozenset()  # the channels that another process listens to
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def notify(self, connection: Connection, channel: str) -> None:
        """Notify a channel when this transaction commits: once, however often this is called in it."""
        if channel in self.wanted:
            rows_of(connection, "SELECT pg_notify(?, ?)", channel, self._origin)

    def subscribe(self, channel: str, callback: Callback) -> None:
        """Call `callback` at each notification of another process, and at each reconnection: one may be missed then."""
        self._subscribers[channel].append(callback)

    def start(self) -> None:
        """Listen, on the running loop; wait for a database that is away."""
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
                    for channel in self._listens_to:
                        await connection.execute(f"LISTEN {channel}".encode())
                    backoff_s = BACKOFF_MIN_S
                    await self._announce(connection, ASKS)
                    for channel in self._listens_to:
                        self._call_subscribers(channel)
                    while True:  # one at a time: while it waits for one the connection takes no statement
                        for notified in [each async for each in connection.notifies(stop_after=1)]:
                            await self._receive(connection, notified)
            except psycopg.Error as error:
                log.warning("notifications wait", action="notices_wait", why=str(error), for_ms=backoff_s * 1000)
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

    async def _receive(self, connection: psycopg.AsyncConnection[tuple[object, ...]], notified: psycopg.Notify) -> None:
        origin, names_channels, channels = notified.payload.removesuffix(ASKS).partition(LISTENS_TO)
        if origin == self._origin:
            return
        if notified.channel == PRESENT:
            self.wanted |= set(channels.split(",")) if names_channels else self._subscribers.keys()
        if notified.payload.endswith(ASKS):
            await self._announce(connection, "")
        self._call_subscribers(notified.channel)

    async def _announce(self, connection: psycopg.AsyncConnection[tuple[object, ...]], mark: str) -> None:
        """Announce this process and its channels; with ASKS as `mark`, ask the others to do so."""
        payload = "".join((self._origin, LISTENS_TO, ",".join(self._listens_to), mark))
        await connection.execute("SELECT pg_notify(%s, %s)", (PRESENT, payload))

    def _call_subscribers(self, channel: str) -> None:
        for callback in self._subscribers[channel]:
            callback()
