"""A few reading threads with a connection each: a query neither waits for the writer nor blocks the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from cti.sql.errors import LedgerAway
from cti.sql.trouble import word_of

READERS = 4

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


class SqlReader:
    """Runs queries, each in a transaction of its own (one snapshot); at most READERS at a time, the others wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")

    async def run(
        self,
        query: Callable[Concatenate[Connection, Asked], Found],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Found:
        """What the query finds. Raises `LedgerAway`."""
        try:
            asked = self._threads.submit(lambda: self._read(query, *args, **kwargs))
        except RuntimeError as fault:  # after stop()
            raise LedgerAway("its readers are not running") from fault
        return await asyncio.wrap_future(asked)

    async def stop(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    def _read(
        self, query: Callable[Concatenate[Connection, Asked], Found], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Found:
        try:
            with self._engine.connect() as connection:
                try:
                    return query(connection, *args, **kwargs)
                except self._driver_error as fault:  # of a statement that did not go through SQLAlchemy
                    connection.invalidate()
                    raise LedgerAway(str(fault), word_of(fault)) from fault
        except NoConnectionFree as fault:
            raise LedgerAway(str(fault)) from fault
        except DBAPIError as fault:
            raise LedgerAway(str(fault.orig), word_of(fault)) from fault
