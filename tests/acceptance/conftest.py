"""The undisturbed month on SQLite, which all others are compared with."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.replaying import replayed


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="session")
def real(folder: Path) -> dict[str, Any]:
    """The undisturbed month on SQLite."""
    return replayed(folder, f"sqlite:///{folder}/month.db")
