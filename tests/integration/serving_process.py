"""`ringback serve` as a real process whose standard error, disk and signals a test controls."""

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.served import free_port, made_key

STEP_S = 60.0  # no step of a test takes longer
ASK_EVERY_S = 0.05
TENANT = "city"
SOURCE = "/switches/pbx-1"


def event(subject: str, kind: str, ago_s: float = 0.0, **data: Any) -> dict[str, Any]:
    """A call event that happened so long ago, by this machine's clock."""
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() - ago_s, UTC)
    return {
        "specversion": "1.0",
        "id": f"{subject}-{kind}",
        "source": SOURCE,
        "type": f"ringback.call.{kind}.v1",
        "subject": subject,
        "time": at.isoformat(timespec="milliseconds"),
        "data": data,
    }


def offered(subject: str, ago_s: float = 0.0) -> dict[str, Any]:
    """The first event of an inbound call."""
    return event(subject, "offered", ago_s, connection="c", calling="13800000000", called="95598", direction="inbound")


@dataclass(slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Serving:
    """One process and a client of it."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, session: aiohttp.ClientSession) -> None:
        self.process, self.url, self._session = process, url, session

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request."""
        headers = {} if body is None else {"Content-Type": "application/cloudevents+json"}
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(method, self.url + path, data=data, headers=headers) as answer:
            text = await answer.text()
            found = json.loads(text) if "json" in answer.content_type else text
            return Answer(answer.status, dict(answer.headers), found)

    async def post(self, one: Mapping[str, Any]) -> Answer:
        """POST /v1/events."""
        return await self.ask("POST", "/v1/events", one)

    async def ready(self, status: int = 200) -> Answer:
        """Return once /readyz answers so."""
        async with asyncio.timeout(STEP_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    answer = await self.ask("GET", "/readyz")
                    if answer.status == status:
                        return answer
                await self._ended_within(ASK_EVERY_S)

    async def accepted(self, one: Mapping[str, Any]) -> Answer:
        """Post until it is accepted."""
        async with asyncio.timeout(STEP_S):
            while (answer := await self.post(one)).status != 202:
                await self._ended_within(ASK_EVERY_S)
        return answer

    async def live(self, position: str) -> set[str]:
        """Subjects of the calls that are open, once the engine has come to `position`."""
        async with asyncio.timeout(STEP_S):
            while True:
                found = await self.ask("GET", f"/v1/calls?state=live&min_position={position}")
                if found.status == 200:
                    return {one["subject"] for one in found.body["calls"]}

    async def metric(self, name: str) -> float:
        """A metric without labels."""
        text = (await self.ask("GET", "/metrics")).body
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    def disk_full(self, full: bool) -> None:
        """No file may grow any more, as on a full disk; or again."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (1 if full else hard, hard))

    async def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        async with asyncio.timeout(STEP_S):
            return await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.ended()

    async def _ended_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                raise AssertionError(f"the process has ended: exit code {await self.process.wait()}")


async def started(db: str, stderr: int, port: int) -> asyncio.subprocess.Process:
    """A process that serves, ready or not; `stderr`: a descriptor, or as subprocess has it."""
    command = ("-m", "cti", "serve", "--db", db, "--listen", f"127.0.0.1:{port}")
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.DEVNULL, stderr=stderr
    )


@contextlib.asynccontextmanager
async def serving_process(db: str, stderr: int = asyncio.subprocess.DEVNULL) -> AsyncIterator[Serving]:
    """A process that is ready; it is killed at the end if it still runs."""
    key, port = await made_key(db, TENANT), free_port()
    process = await started(db, stderr, port)
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            serving = Serving(process, f"http://127.0.0.1:{port}", session)
            await serving.ready()
            yield serving
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def sqlite_at(folder: Path) -> str:
    """A database URL."""
    return f"sqlite:///{folder / 'ringback.db'}"


def broken_pipe() -> int:
    """A descriptor to write to that nobody reads any more."""
    reads, writes = os.pipe()
    os.close(reads)
    return writes
