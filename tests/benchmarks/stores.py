"""Fresh databases for single runs: a new SQLite file, a new database of a real PostgreSQL with durability on."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.postgres import PostgresServer, running_server

Fresh = Callable[[], AbstractContextManager[str]]
"""Gives the URL of an empty database, which goes when the block ends."""


@contextmanager
def fresh_sqlite() -> Iterator[str]:
    """A new file."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-", ignore_cleanup_errors=True) as folder:
        yield f"sqlite:///{Path(folder) / 'ringback.db'}"


@contextmanager
def fresh_postgres(server: PostgresServer) -> Iterator[str]:
    """A new database."""
    url = server.create_database()
    try:
        yield url
    finally:
        server.drop_database(url)


@contextmanager
def stores() -> Iterator[dict[str, Fresh]]:
    """Both kinds by name; the PostgreSQL server runs until the block ends."""
    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        yield {"sqlite": fresh_sqlite, "postgresql": partial(fresh_postgres, server)}
