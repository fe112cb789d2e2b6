"""How a serving process runs: the event loop, the garbage collector, the threads' turns.

Calls are trees without cycles: reference counts free them. The collector has only what libraries leave to
find, and that is young. A full pass over 10,000 live calls would stop everything for tenths of a second, so what has
lived for a few seconds is taken out of its sight (`gc.freeze`), and a full pass is made a few times a day.
"""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

SWITCH_INTERVAL_S = 0.0005  # a writer thread that wakes waits for the interpreter this long, not 5 ms
GC_THRESHOLDS = (50_000, 10, 1_000_000)  # allocations before a young pass; the last keeps full passes away
FREEZE_EVERY_S = 10.0
FULL_PASS_EVERY = 2_160  # freezes: six hours


def run_serving(main: Coroutine[Any, Any, int]) -> int:
    """Run a serving process to its end; its exit code. The collector rests until `settle_memory`."""
    gc.disable()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_kept(main))


def settle_memory() -> None:
    """What was made at the start stays: out of the collector's sight with it. Called once the service serves."""
    gc.collect()
    gc.freeze()
    gc.enable()


async def _kept(main: Coroutine[Any, Any, int]) -> int:
    keeping = asyncio.create_task(_keep_memory())
    try:
        return await main
    finally:
        keeping.cancel()


async def _keep_memory() -> None:
    """Freeze what has lived for a while, again and again; seldom, look through all of it."""
    freezes = 0
    while True:
        await asyncio.sleep(FREEZE_EVERY_S)
        freezes += 1
        if freezes % FULL_PASS_EVERY == 0:
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(1)
        gc.freeze()
