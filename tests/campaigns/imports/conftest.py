"""An importer on the virtual clock."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.campaigns.imports.site import Site, open_site
from tests.ready import ready_sqlite


@pytest.fixture
async def site(url: str) -> AsyncIterator[Site]:
    async with open_site(url) as opened:
        yield opened


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Site]:
    """On SQLite alone: for what has nothing to do with the database."""
    async with open_site(ready_sqlite(tmp_path / "ringback.db")) as opened:
        yield opened
