"""A product with campaigns on each of the two databases."""

from collections.abc import AsyncIterator

import pytest

from tests.campaigns.dialler.acting import Acting, acting


@pytest.fixture
async def product(url: str) -> AsyncIterator[Acting]:
    async with acting(url) as made:
        yield made
