"""Both databases."""

from pathlib import Path

import pytest

from tests.ready import BOTH, ready_url


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with every table and no row."""
    return ready_url(request.param, request, tmp_path)
