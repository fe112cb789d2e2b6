"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway_site import Site, site_at
from tests.ready import ready_sqlite


@pytest.fixture(params=["memory", "sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that no other test uses, with no row."""
    return "memory:" if request.param == "memory" else ready_sqlite(tmp_path / "ringback.db")


@pytest.fixture
async def site(store_url: str) -> AsyncIterator[Site]:
    """A gateway with the limits it has by default."""
    async with site_at(store_url) as running:
        yield running
