"""An engine, and transactions of it, on each of the two databases."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Connection, Engine

from cti.sql.connections import database_url, writer_engine

Transaction = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Writes to a database that has the tables."""
    made = writer_engine(database_url(url))
    yield made
    made.dispose()
