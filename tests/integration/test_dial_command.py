"""`ringback dial` on real ledgers: a new one allows dialling, an upgraded one once an operator has said so."""

import argparse
import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.migrations import CHAIN
from cti.adapters.store import open_store
from cti.cli.dial import add_arguments, run
from cti.errors import DialNotAllowed
from cti.sql.connections import sqlite_file
from cti.sql.schema import upgrade
from cti.sql.sqlite_file import FileLock
from tests.contract.dialling import order, put, subscribe
from tests.contract.rows import PARTITIONS, START_MS
from tests.upgrade.test_upgrade import BEFORE, load_postgresql, load_sqlite

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ringback.db"


@pytest.fixture
def upgraded(url: str) -> str:
    """A ledger with data of the release before, brought up to date."""
    (load_sqlite if url.startswith("sqlite") else load_postgresql)(url, BEFORE)
    upgrade(url, [CHAIN])
    return url


def dial(capsys: pytest.CaptureFixture[str], url: str, *words: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    capsys.readouterr()
    code = run(parser.parse_args([*words, "--db", url]))
    said = capsys.readouterr()
    return code, said.out, said.err


def order_is_put(url: str) -> bool:
    async def put_one() -> bool:
        async with open_store(url, VirtualClock(START_MS), PARTITIONS) as store:
            await subscribe(store)
            return await put(store, order("a")) == {"a"}

    return asyncio.run(put_one())


def test_a_new_ledger_allows_dialling(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(url, [CHAIN])
    code, out, _ = dial(capsys, url, "status", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["allowed"], found["by"], found["older_sessions"]) == (True, "a new ledger", 0)
    assert order_is_put(url)


def test_an_upgraded_one_waits_for_an_operator(upgraded: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = dial(capsys, upgraded, "status")
    assert (code, "dialling is allowed: no" in out) == (1, True)
    with pytest.raises(DialNotAllowed):
        order_is_put(upgraded)
    code, out, _ = dial(capsys, upgraded, "allow", "--by", "wang", "--json")
    assert (code, json.loads(out)["by"]) == (0, "wang")
    code, out, _ = dial(capsys, upgraded, "allow", "--by", "li")
    assert (code, "by wang" in out) == (0, True), "the first one stands"
    assert order_is_put(upgraded)


def test_an_older_process_that_runs_forbids_it(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_postgresql(postgres_url, BEFORE)
    older = create_engine(postgres_url, connect_args={"application_name": "ringback"})
    with older.connect() as session:
        session.execute(text("SELECT 1"))
        session.commit()
        upgrade(postgres_url, [CHAIN])
        code, _, err = dial(capsys, postgres_url, "allow")
        assert (code, "1 database sessions are of processes of an older release" in err) == (1, True)
        code, out, _ = dial(capsys, postgres_url, "status", "--json")
        found = json.loads(out)
        assert (code, found["allowed"], found["older_sessions"]) == (1, False, 1)
    older.dispose()
    asyncio.run(_without_sessions(postgres_url))
    assert dial(capsys, postgres_url, "allow")[0] == 0


async def _without_sessions(url: str) -> None:
    """The server notices a closed connection a little later."""
    engine = create_engine(url)
    with engine.connect() as connection:
        gone = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ringback' AND state IS NOT NULL")
        async with asyncio.timeout(20):
            while await asyncio.to_thread(connection.scalar, gone):
                connection.rollback()
    engine.dispose()


def test_a_file_that_is_served_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/ringback.db"
    load_sqlite(url, BEFORE)
    upgrade(url, [CHAIN])
    file = sqlite_file(url)
    assert file is not None
    with FileLock(file):
        code, _, err = dial(capsys, url, "allow")
        assert (code, "serves this SQLite file" in err) == (1, True)
        assert dial(capsys, url, "status")[0] == 1
    assert dial(capsys, url, "allow")[0] == 0


@pytest.mark.parametrize("url_of", ["memory:", "sqlite:///{folder}/nothing.db"])
def test_what_cannot_be_dialled_from_is_refused(
    url_of: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = dial(capsys, url_of.format(folder=tmp_path), "status")
    assert (code, err.startswith("ringback dial: ")) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_of_an_older_release_is_to_be_upgraded_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/ringback.db"
    load_sqlite(url, BEFORE)
    code, _, err = dial(capsys, url, "allow")
    assert (code, "ringback migrate" in err) == (1, True)
