"""What callers do, in a database: SQLite or PostgreSQL. In memory there is nobody to read it."""

import asyncio
from collections.abc import Collection

from sqlalchemy import Connection

from cti.callers import requests
from cti.callers.requests import Pending
from cti.callers.rows import CallbackRequest
from cti.sql.database import Database

CALLED_BACK = "ringback_callback_requests"  # NOTIFY: a round has written some


class SqlCallbackRequests:
    """`CallbackRequests` on a ledger."""

    def __init__(self, database: Database, writer: str) -> None:
        """`writer`: the purpose whose writer drops what is old."""
        self._reader, self._writer = database.reader, database.writer(writer)
        self._events: set[asyncio.Event] = set()
        database.subscribe(CALLED_BACK, self.on_commit)

    async def read(self, limit: int = 100) -> list[CallbackRequest]:
        return await self._reader.run(requests.read_requests, limit)

    def take(self, connection: Connection, ids: Collection[str]) -> set[str]:
        return requests.take(connection, ids)

    def wake(self, event: asyncio.Event) -> None:
        self._events.add(event)

    # -- for the store -------------------------------------------------------------------------------------------------

    def on_commit(self) -> None:
        """After the commit of a round with requests."""
        for event in self._events:
            event.set()

    async def pending(self) -> Pending:
        return await self._reader.run(requests.pending)

    async def purge(self, now_ms: int) -> int:
        """A bounded piece of work; how many rows went."""
        return await self._writer.run(requests.purge, now_ms)
