"""A database with the tables of campaigns, on each of the two."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from campaigns.wiring import CHAIN
from cti.sql.connections import database_url, writer_engine
from cti.sql.schema import upgrade

Transaction = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store can be made."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ringback.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Of a database that has the tables."""
    upgrade(url, [CHAIN])
    made = writer_engine(database_url(url))
    yield made
    made.dispose()
