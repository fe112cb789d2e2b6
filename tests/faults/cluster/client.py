"""A process of switches, as the trial sees it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.cluster.journal import read
from tests.faults.diary import Diary

LAST_WORDS = 3_000
END_MAX_S = 240.0  # longer than it gives itself


class ClientFailed(Exception):
    """It ended otherwise than in order, with what it said last."""


class Client:
    """One process; it is never killed: what it knows is the measure."""

    def __init__(self, number: int, folder: Path) -> None:
        self.out, self._log = folder / f"client-{number}.json", folder / f"client-{number}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.told: dict[str, Any] = {"acked": 0, "calls": 0, "answers": {}}

    async def start(self, doors: Sequence[str], key: str, seed: int, first: int, lines: int) -> None:
        """Switches at work."""
        await self.begin(
            "tests.faults.cluster.switches", key, "--doors", ",".join(doors), "--seed", str(seed),
            "--first", str(first), "--lines", str(lines),
        )  # fmt: skip

    async def begin(self, module: str, key: str, *arguments: str) -> None:
        """Start a module that takes these, and `--out`; and the key as the first line of its standard input."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, "--out", str(self.out),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=log, start_new_session=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(f"{key}\n".encode())
        await self._process.stdin.drain()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.told = json.loads(line)

    def check(self) -> None:
        """Raises ClientFailed."""
        if self._process is not None and self._process.returncode not in (None, 0):
            raise ClientFailed(
                f"exit code {self._process.returncode}: {self._log.read_text('utf-8', 'replace')[-3000:]}"
            )

    async def finished(self) -> Diary:
        """Let it bring its calls to their ends; what it knows. Raises ClientFailed."""
        await self.ended()
        return await asyncio.to_thread(read, self.out)

    async def ended(self) -> None:
        """Let it come to its end. Raises ClientFailed."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_MAX_S)
        except TimeoutError:
            raise ClientFailed(f"it did not end within {END_MAX_S:g} s") from None
        self.check()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
