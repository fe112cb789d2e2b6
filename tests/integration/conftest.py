"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway_site import Site, site_at


@pytest.fixture(params=["memory", "sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is that no other test uses."""
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'ringback.db'}"


@pytest.fixture
async def site(store_url: str) -> AsyncIterator[Site]:
    """A gateway with the limits it has by default."""
    async with site_at(store_url) as running:
        yield running
