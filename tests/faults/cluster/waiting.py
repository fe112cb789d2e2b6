"""Real time, bounded: this trial is a program, and waits by the clock."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

GAP_MAX_S = 5.0  # from one look to the next; a longer one counts as this: a look itself waits for less


class TooLong(Exception):
    """Something did not come about within its time."""


async def pause(seconds: float) -> None:
    """Let so much time pass."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
    except TimeoutError:
        return


async def until(what: str, holds: Callable[[], Awaitable[bool]], most_s: float, every_s: float = 0.1) -> None:
    """Ask again and again. Raises TooLong, naming `what`: after so much time of which this process saw every part.

    A machine that stood still for a minute says nothing of what is waited for.
    """
    spent_s, looked_s = 0.0, time.monotonic()
    while not await holds():
        now_s = time.monotonic()
        spent_s, looked_s = spent_s + min(now_s - looked_s, GAP_MAX_S), now_s
        if spent_s > most_s:
            raise TooLong(f"{what}: not within {most_s:g} s")
        await pause(every_s)


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Done beside the block, and not longer."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
