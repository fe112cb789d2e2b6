"""Real time, bounded: this trial is a program, and waits by the clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class TooLong(Exception):
    """Something did not come about within its time."""


async def pause(seconds: float) -> None:
    """Let so much time pass."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
    except TimeoutError:
        return


async def until(what: str, holds: Callable[[], Awaitable[bool]], most_s: float, every_s: float = 0.1) -> None:
    """Ask again and again. Raises TooLong, naming `what`."""
    ends = time.monotonic() + most_s
    while not await holds():
        if time.monotonic() > ends:
            raise TooLong(f"{what}: not within {most_s:g} s")
        await pause(every_s)
