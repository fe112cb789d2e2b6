"""Some of the attacks, on a real process: those that take a few seconds each. All of them: `make hostile`."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.stores import fresh_postgres, fresh_sqlite
from tests.hostile.attack import ATTACKS, POSTGRESQL, SQLITE, Bench, carried_out
from tests.hostile.every import ALL
from tests.postgres import PostgresServer

ON_SQLITE = (
    "C1-log-pipe-closed", "C2-late-events", "C3-second-serve", "H1-colliding-keys", "H4-bad-time", "H5-masking",
    "M-one-source-two-switches", "M-undeclared-source", "M-bound-key-reads", "M-file-mode", "M-headers",
    "M-workbooks",
)  # fmt: skip
ON_POSTGRESQL = ("H1-colliding-keys", "M-one-source-two-switches")


@pytest.mark.parametrize("name", ON_SQLITE)
async def test_the_product_holds_on_sqlite(name: str, tmp_path: Path) -> None:
    entry = await carried_out(ATTACKS[name], Bench(SQLITE, fresh_sqlite, tmp_path))
    assert entry["passed"], json.dumps(entry, indent=2)


@pytest.mark.parametrize("name", ON_POSTGRESQL)
async def test_the_product_holds_on_postgresql(name: str, tmp_path: Path, postgres: PostgresServer) -> None:
    bench = Bench(POSTGRESQL, partial(fresh_postgres, postgres), tmp_path, postgres)
    entry = await carried_out(ATTACKS[name], bench)
    assert entry["passed"], json.dumps(entry, indent=2)


def test_the_selection_is_of_attacks() -> None:
    assert {*ON_SQLITE, *ON_POSTGRESQL} <= {*ALL}
