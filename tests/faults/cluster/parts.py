"""A gateway or an engine as a process: started again whenever it ends, as a supervisor would, always at one address."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from tests.faults.cluster.waiting import TooLong, pause, until
from tests.faults.served import free_port

READY_MAX_S = 90.0
START_PAUSE_S = 0.5  # before one that did not come up is started again
STOP_MAX_S = 20.0
LAST_WORDS = 3_000


class Part:
    """One process at a time. `up`: it has been ready since its start, and nobody has stopped or killed it."""

    def __init__(
        self, role: str, number: int, environment: Mapping[str, str], folder: Path, port: int | None = None
    ) -> None:
        self.role, self.name, self.port = role, f"{role}-{number}", port or free_port()
        self.log = folder / f"{self.name}.log"
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self.up = asyncio.Event()
        self.starts = 0
        self.refused_starts = 0  # ended before they were ready: what they need was away
        self.exit_code: int | None = None  # of the orderly stop
        self.ended_alone = 0  # ended after they had been ready, and nobody had killed them

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start it, as often as it takes, until it is ready. Raises TooLong."""
        await self._spawn()

        async def ready() -> bool:
            if self.process.returncode is not None:
                self.refused_starts += 1
                await pause(START_PAUSE_S)
                await self._spawn()
            return await self.answers(session)

        try:
            await until(f"{self.name} is ready", ready, READY_MAX_S)
        except TooLong as late:
            raise TooLong(f"{late}\n{self.last_words()}") from None
        self.up.set()

    async def tried(self, most_s: float) -> int:
        """Started once where it must not come up; its exit code. Raises TimeoutError if it stays."""
        await self._spawn()
        return await asyncio.wait_for(self.process.wait(), most_s)

    async def _spawn(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self.arguments(), stdout=log, stderr=log, env={**kept, **self._environment},
                start_new_session=True,  # a Ctrl-C is for the trial, which ends its processes in order
            )  # fmt: skip
        self.starts += 1

    def arguments(self) -> Sequence[str]:
        """Of the interpreter."""
        return ("-m", "cti", self.role, "--listen", f"127.0.0.1:{self.port}")

    async def answers(self, session: aiohttp.ClientSession) -> bool:
        """Whether it says that it is ready."""
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def kill(self, rest_s: float, session: aiohttp.ClientSession) -> None:
        """kill -9; started again after a while."""
        self.up.clear()
        self.send(signal.SIGKILL)
        await self.process.wait()
        await pause(rest_s)
        await self.start(session)

    async def hold(self, seconds: float) -> None:
        """Stopped for so long, then let go on."""
        self.freeze()
        try:
            await pause(seconds)
        finally:
            self.thaw()

    def freeze(self) -> None:
        self.up.clear()
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)
        self.up.set()

    async def mend(self, session: aiohttp.ClientSession) -> None:
        """Start it again where it has ended by itself, and count that."""
        if self.up.is_set() and self.process.returncode is not None:
            self.ended_alone += 1
            self.up.clear()
            await self.start(session)

    def send(self, what: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(what)

    async def stop(self) -> None:
        """Ended in order, by force where that takes too long."""
        if self._process is None or self._process.returncode is not None:
            return
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.exit_code = await asyncio.wait_for(self._process.wait(), STOP_MAX_S)
        except TimeoutError:
            self.send(signal.SIGKILL)
            self.exit_code = await self._process.wait()

    def last_words(self) -> str:
        """The end of what it logged."""
        return self.log.read_text("utf-8", "replace")[-LAST_WORDS:] if self.log.exists() else ""
