"""An engine, and transactions of it, on each of the two databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from cti.sql.connections import database_url, writer_engine


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Writes to a database that has the tables."""
    made = writer_engine(database_url(url))
    yield made
    made.dispose()
