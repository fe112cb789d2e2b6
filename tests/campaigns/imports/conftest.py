"""Both databases, and an importer on the virtual clock."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.campaigns.imports.site import Site, open_site


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store can be made."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ringback.db"


@pytest.fixture
async def site(url: str) -> AsyncIterator[Site]:
    async with open_site(url) as opened:
        yield opened


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Site]:
    """On SQLite alone: for what has nothing to do with the database."""
    async with open_site(f"sqlite:///{tmp_path}/ringback.db") as opened:
        yield opened
