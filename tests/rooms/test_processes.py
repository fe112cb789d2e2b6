"""The part installed beside real processes: all in one on SQLite, and apart on PostgreSQL."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.faults.cluster.parts import Part
from tests.integration.serving_process import offered
from tests.rooms.installed import install

TENANT = "city"
WAIT_S = 60.0


class Site:
    """Processes by name, and a client."""

    def __init__(self, db: str, folder: Path, session: aiohttp.ClientSession) -> None:
        self.db, self._folder, self.session = db, folder, session
        self._environment: Mapping[str, str] = {"RINGBACK_DB": db, "PYTHONPATH": str(install(folder / "site"))}
        self.parts: list[Part] = []

    async def start(self, role: str, number: int = 0) -> Part:
        part = Part(role, number, self._environment, self._folder)
        self.parts.append(part)
        await part.start(self.session)
        return part

    async def key(self) -> str:
        command = ("-m", "cti", "keys", "create", "--tenant", TENANT, "--scopes", "admin,notes:write")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env={**os.environ, **self._environment}, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().split()[0]

    async def ask(self, url: str, key: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        media = "application/cloudevents+json" if path == "/v1/events" else "application/json"
        headers |= {"Content-Type": media} if body is not None else {}
        data = None if body is None else aiohttp.JsonPayload(body, content_type=media)
        async with self.session.request(method, url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def read(self, url: str, key: str, count: int) -> list[dict[str, Any]]:
        """The notes, once so many have been read."""
        async with asyncio.timeout(WAIT_S):
            while True:
                _, told = await self.ask(url, key, "GET", "/v1/notes")
                if sum(note["read_epoch"] > 0 for note in told["notes"]) >= count:
                    found: list[dict[str, Any]] = told["notes"]
                    return found

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        engine = create_engine(make_url(self.db))
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return found


@pytest.fixture
async def site(url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with aiohttp.ClientSession() as session:
        made = Site(url, tmp_path, session)
        try:
            yield made
        finally:
            await asyncio.gather(*(part.stop() for part in made.parts))


async def called(site: Site, url: str, key: str) -> None:
    """A call, and its birth as the part has it."""
    status, _ = await site.ask(url, key, "POST", "/v1/events", offered("call-1"))
    assert status == 202
    async with asyncio.timeout(WAIT_S):
        while not site.rows("SELECT call_id FROM calls"):
            await site.ask(url, key, "GET", "/v1/calls")
    assert site.rows("SELECT call_id FROM calls") == site.rows("SELECT call_id FROM note_births")


async def test_serve_hosts_everything(site: Site) -> None:
    served = await site.start("serve")
    key = await site.key()
    status, _ = await site.ask(served.url, key, "POST", "/v1/notes", {"lane": "east", "body": "hello"})
    assert status == 201
    (note,) = await site.read(served.url, key, 1)
    assert note["read_epoch"] == 1
    await called(site, served.url, key)
    async with site.session.get(f"{served.url}/metrics") as answer:
        assert 'ringback_notes_total{tenant="city"} 1.0' in await answer.text()
    await served.stop()
    assert served.exit_code == 0
    again = await site.start("serve", 1)
    await site.ask(again.url, key, "POST", "/v1/notes", {"lane": "east", "body": "again"})
    epochs = sorted(note["read_epoch"] for note in await site.read(again.url, key, 2))
    assert epochs[0] == 1 < epochs[1], "another start has another epoch"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_each_process_hosts_its_share(site: Site) -> None:
    gateway, engine = await site.start("gateway"), await site.start("engine")
    first, second = await site.start("noter"), await site.start("noter", 1)
    key = await site.key()
    lanes = [f"lane {n}" for n in range(6)]
    for lane in lanes:
        status, _ = await site.ask(gateway.url, key, "POST", "/v1/notes", {"lane": lane, "body": "hello"})
        assert status == 201
    await site.read(gateway.url, key, len(lanes))
    await called(site, gateway.url, key)
    assert len(site.rows("SELECT owner FROM engines")) == 1, "no noter is among the engines"
    assert {row[0][:5] for row in site.rows("SELECT owner FROM lease_owners")} == {"notes"}
    assert len(site.rows("SELECT owner FROM lease_owners")) == 2
    async with asyncio.timeout(WAIT_S):
        while site.rows("SELECT count(*) FROM leases GROUP BY owner ORDER BY 1") != [(3,), (3,)]:
            await site.ask(gateway.url, key, "GET", "/v1/notes")
    async with site.session.get(f"{first.url}/v1/notes") as answer:
        assert answer.status == 404, "a process of the part's own has probes alone"
    first.send(signal.SIGKILL)
    for lane in lanes:
        await site.ask(gateway.url, key, "POST", "/v1/notes", {"lane": lane, "body": "again"})
    await site.read(gateway.url, key, 2 * len(lanes))
    await second.stop()
    await engine.stop()
    assert (second.exit_code, engine.exit_code) == (0, 0)
    assert {row[0] for row in site.rows("SELECT owner FROM leases")} == {""}
