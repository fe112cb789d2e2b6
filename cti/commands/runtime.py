"""How a serving process runs: the event loop, the garbage collector, the threads' turns."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

SWITCH_INTERVAL_S = 0.0005  # a writer thread that wakes waits for the interpreter this long, not 5 ms
# Calls are trees without cycles: reference counts free them. The collector finds only what libraries leave, so it may
# come seldom; a full pass over 10,000 live calls stops everything for tenths of a second.
GC_THRESHOLDS = (50_000, 50, 1_000)


def run_serving(main: Coroutine[Any, Any, int]) -> int:
    """Run a serving process to its end; its exit code."""
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def settle_memory() -> None:
    """What was made at the start stays: take it out of the collector's sight. Called once the service serves."""
    gc.collect()
    gc.freeze()
