"""A product that asks for approvals, on a database in a file; and one of which the test is the dialler."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.campaigns.api.site import Site, site
from tests.campaigns.dialler.acting import Acting, acting
from tests.campaigns.second_key.asked import ABLE
from tests.ready import ready_sqlite


@pytest.fixture
async def it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setenv("RINGBACK_APPROVAL", "on")
    async with site(ready_sqlite(tmp_path / "ringback.db")) as made:
        await made.add_key("maker", "campaigns:read campaigns:write campaigns:approve")
        assert (await made.ask("PUT", "/v1/switches/s1", ABLE, key="admin")).status == 200
        yield made


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Acting]:
    async with acting(ready_sqlite(tmp_path / "ringback.db")) as made:
        yield made
