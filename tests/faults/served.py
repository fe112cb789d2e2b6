"""The serving process as its killer sees it: `ringback serve`, started, found ready, ended by kill -9."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

READY_WITHIN_S = 60.0
ASK_EVERY_S = 0.05
SCOPES = "events:write,commands:read,calls:read,admin"


class Died(Exception):
    """The process ended although nobody had killed it, or never became ready."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def made_key(db: str, tenant: str, environment: Mapping[str, str] | None = None) -> str:
    """An API key, made by the product's own command; `environment`: more variables for it."""
    command = ("-m", "cti", "keys", "create", "--db", db, "--tenant", tenant, "--scopes", SCOPES, "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, "no key could be made"
    key: str = json.loads(out)["key"]
    return key


class Served:
    """One serving process at a time, always at the same address; `environment`: more variables for it."""

    def __init__(self, db: str, log_path: Path, environment: Mapping[str, str] | None = None) -> None:
        self._db, self._log_path, self._port = db, log_path, free_port()
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self.up = asyncio.Event()  # set while a process is known to answer
        self.starts = self.kills = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start a process and return when it says that it is ready. Raises Died."""
        await self.spawn()
        await self.ready(session)

    async def spawn(self) -> None:
        """Start a process, ready or not."""
        arguments = ("-m", "cti", "serve", "--db", self._db, "--listen", f"127.0.0.1:{self._port}")
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=log, stderr=log, env=self._environment
            )
        self.starts += 1

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return when the process answers. Raises Died."""
        assert self._process is not None
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await self._answers(session):
                    if await self._ended_within(ASK_EVERY_S):
                        raise Died(f"exit code {self._process.returncode}: {self.last_words()}")
        except TimeoutError:
            raise Died(f"not ready within {READY_WITHIN_S} s: {self.last_words()}") from None
        self.up.set()

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _ended_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def kill(self) -> None:
        """kill -9. Raises Died if there was nothing to kill."""
        assert self._process is not None
        self.up.clear()
        if self._process.returncode is not None:
            raise Died(f"exit code {self._process.returncode}: {self.last_words()}")
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self.kills += 1

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process is None or self._process.returncode is not None:
            return -1
        self.up.clear()
        self._process.terminate()
        return await self._process.wait()

    def last_words(self) -> str:
        """The end of what the processes logged."""
        return self._log_path.read_text("utf-8", "replace")[-2_000:] if self._log_path.exists() else ""
