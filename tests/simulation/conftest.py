"""What the simulations share."""

from collections.abc import AsyncIterator

import pytest

from tests.scheduler import Scene, scene


@pytest.fixture
async def it() -> AsyncIterator[Scene]:
    """The product in memory, its clock at the start."""
    async with scene("memory:") as running:
        yield running
