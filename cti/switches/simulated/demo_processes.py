"""The processes of the demonstration: started, found ready, ended in good order or by force."""

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from cti.switches.simulated.reader import Reader

START_S = 12.0  # for the service to be ready
STOP_S = 4.0
LOOK_EVERY_S = 0.2
LOG = "service.log"
LAST_CHARS = 2000  # of what a process said before it failed


class DemoError(Exception):
    """A part of the demo could not be started or did not end."""


@asynccontextmanager
async def serving(environment: Mapping[str, str], folder: Path, *words: str) -> AsyncIterator[Process]:
    """The service as a process; stopped in good order, at last by force."""
    with (folder / LOG).open("wb") as output:
        service = await asyncio.create_subprocess_exec(
            *_command(*words), env=environment, stdin=DEVNULL, stdout=output, stderr=output
        )
    try:
        yield service
    finally:
        await _stop(service)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def until_ready(reader: Reader, service: Process, folder: Path) -> None:
    for _ in range(int(START_S / LOOK_EVERY_S)):
        if service.returncode is not None:
            break
        if await reader.ready():
            return
        await asyncio.sleep(LOOK_EVERY_S)
    last_lines = (folder / LOG).read_text(encoding="utf-8", errors="replace")[-LAST_CHARS:]
    raise DemoError(f"the service was not ready within {START_S:g} s:\n{last_lines}")


async def finished(words: tuple[str, ...], environment: Mapping[str, str], within_s: float) -> str:
    """What the command printed. Raises DemoError if it failed or took too long."""
    process = await asyncio.create_subprocess_exec(
        *_command(*words), env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(within_s):
            out, errors = await process.communicate()
    except TimeoutError:
        await _stop(process)
        raise DemoError(f"ringback {words[0]} did not end within {within_s:g} s") from None
    if process.returncode != 0:
        raise DemoError(f"ringback {words[0]} ended with {process.returncode}: {errors.decode()[-LAST_CHARS:]}")
    return out.decode()


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "cti", *words)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
