"""The drills, one of them on PostgreSQL too; and that the judge sees what happens where nobody acts."""

from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.drill import CONTACTS, NAMES, played
from tests.ready import ready_sqlite


async def test_nobody_is_told_wrongly_on_postgresql(postgres_ready_url: str) -> None:
    nobody_was_told_wrongly(await played("wrong-file", postgres_ready_url))


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_nobody_is_told_wrongly(tmp_path: Path, name: str) -> None:
    nobody_was_told_wrongly(await played(name, ready_sqlite(tmp_path / "drill.db")))


def nobody_was_told_wrongly(found: dict[str, Any]) -> None:
    assert (found["told_wrongly"], found["adds_up"]) == (0, True), found
    assert found["contacts"] >= CONTACTS // 2
    assert found["told_before"] > 0, "the accident had begun"
    assert found["told_before"] + found["told_after"] < found["contacts"], "the action came in time"
    assert found["notices_recalled"] > 0


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_where_nobody_acts_the_drill_fails(tmp_path: Path, name: str) -> None:
    found = await played(name, f"sqlite:///{tmp_path}/drill.db", acting=False)
    assert found["told_wrongly"] > 0
