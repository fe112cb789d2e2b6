"""A process of the release before goes on beside ours on the upgraded ledger, and knows nothing of dial orders."""

import asyncio
import os
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic_core import from_json
from sqlalchemy import Connection, create_engine

from cti.adapters.clock import VirtualClock
from cti.adapters.store import open_store
from cti.dial.allowed import allow, older_sessions
from cti.errors import DialNotAllowed
from tests.contract.dialling import claimed, dial_of, order, put, subscribe, transact
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT
from tests.upgrade import BEFORE
from tests.upgrade.test_upgrade import load_postgresql

# With the names of that release: all that it does with commands, and with what is old.
EARLIER = """
import asyncio, json, sys
from cti.adapters.clock import VirtualClock
from cti.adapters.store import open_store
async def main(url, tenant, source, start_ms, partitions):
    async with open_store(url, VirtualClock(start_ms), partitions) as store:
        await store.ledger.join("older", partitions)
        for line in sys.stdin:
            open_ones = await store.ledger.open_commands(tenant, source, start_ms, 1_000)
            every = await store.ledger.commands_after(dict.fromkeys(range(partitions), 0), 1_000)
            await store.ledger.beat("older", 2)
            await store.ledger.purge(2 ** 53, 0)
            print(json.dumps([row.id for row in (*open_ones, *every)]), flush=True)
url, tenant, source, start_ms, partitions = sys.argv[1:]
asyncio.run(main(url, tenant, source, int(start_ms), int(partitions)))
"""
OURS = ("a", "ask", "end")
ENDS_S = 60


@asynccontextmanager
async def earlier(url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The release before at work, from before the upgrade on."""
    with zipfile.ZipFile(BEFORE) as wheel:
        wheel.extractall(folder)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", EARLIER, url, TENANT, SOURCE, str(START_MS), str(PARTITIONS),
        stdin=pipe, stdout=pipe, env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(folder)},
    )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), ENDS_S) == 0


async def seen_by(process: asyncio.subprocess.Process) -> set[str]:
    """The ids of all commands that it finds."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"look\n")
    return set(from_json(await asyncio.wait_for(process.stdout.readline(), ENDS_S)))


def found_older(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = older_sessions(connection)
    engine.dispose()
    return found


async def test_it_finds_no_dial_order_and_none_is_made_until_it_has_gone(postgres_url: str, tmp_path: Path) -> None:
    load_postgresql(postgres_url, "cluster-30fac69")
    async with earlier(postgres_url, tmp_path) as process:
        before = await seen_by(process)
        assert before == {"done", "observed", "open", "other"}
        async with open_store(postgres_url, VirtualClock(START_MS), PARTITIONS) as store:
            epoch = await subscribe(store)
            assert await asyncio.to_thread(found_older, postgres_url) > 0, "its sessions are from before the upgrade"
            with pytest.raises(DialNotAllowed):
                await put(store, order("a"))
            await transact(store, _allowed)  # what the command refuses while it runs
            await put(store, order("a"), order("ask", command="snapshotCall"), order("end", command="clearConnection"))
            assert await seen_by(process) == before
            assert await claimed(store, epoch) == list(OURS)
            assert await seen_by(process) == before
            found = [await dial_of(store).order(TENANT, one) for one in OURS]
            assert [one.state for one in found if one is not None] == ["sent"] * 3, "nor does it purge them"


def _allowed(connection: Connection) -> bool:
    return allow(connection, START_MS, "a test")
