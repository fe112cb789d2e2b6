"""A product with campaigns on each of the two databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.campaigns.dialler.acting import Acting, acting


@pytest.fixture(params=["sqlite", "postgresql"])
async def product(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Acting]:
    url = f"sqlite:///{tmp_path}/ringback.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    async with acting(url) as made:
        yield made
