"""How a serving process runs and stops: event loop, garbage collector, thread switching, signals.

Calls are trees without cycles: reference counts free them. The collector only has to find the cycles that libraries
leave, and those are young. A full pass over 10,000 live calls would stop the process for tenths of a second, so objects
a few seconds old are frozen (`gc.freeze`), and a full pass is made a few times a day.

A thread of its own waits for signals: the stop is then as quick when the loop is busy or a thread hangs in a
database. Ending the process by force loses nothing that was accepted: it is as safe as kill -9.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
import uvloop

from cti.cli.log_writer import LogWriter

SWITCH_INTERVAL_S = 0.0005  # a writer thread that wakes waits for the interpreter this long, not 5 ms
GC_THRESHOLDS = (150_000, 10, 1_000_000)  # allocations before a young pass; the last keeps full passes away
FREEZE_EVERY_S = 10.0
OLDEST = 2  # generation
FULL_PASS_EVERY = 2_160  # freezes: six hours
LAST_LINE_S = 0.3  # for the last line to be written, if the reader of the log takes it
STOP_S = 4.5  # from the signal to the end of the process, whatever hangs
FORCED = 1  # exit code
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger()


def stop_on_signals(lines: LogWriter) -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set; `lines` is the log. Called once, before any other thread is started: they
    inherit the mask.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    threading.Thread(target=_hear, args=(loop, stop, lines), name="signals", daemon=True).start()
    return stop


def _hear(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, lines: LogWriter) -> None:
    signal.sigwait(SIGNALS)
    end_by_force_later(lines)
    try:
        loop.call_soon_threadsafe(stop.set)
    except RuntimeError:  # the loop is closed: the process is ending
        return


def end_by_force_later(
    lines: LogWriter, seconds: float = STOP_S, end: Callable[[int], Any] = os._exit
) -> threading.Thread:
    """End the process if it still runs then, once its last line is written or takes too long."""

    def wait() -> None:
        time.sleep(seconds)
        log.error("stopped by force", action="stopped_by_force", after_s=seconds)
        lines.drain(LAST_LINE_S)
        end(FORCED)

    waiting = threading.Thread(target=wait, name="end-by-force", daemon=True)
    waiting.start()
    return waiting


def run_serving(main: Coroutine[Any, Any, int]) -> int:
    """Run a serving process to its end; its exit code. The collector rests until `settle_memory`."""
    gc.disable()
    gc.freeze()  # what was imported stays; there is hardly any waste among it
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_kept(main))


def settle_memory() -> None:
    """Freeze the objects made at the start, which stay. Called once the service serves."""
    gc.collect()
    gc.freeze()
    gc.callbacks.append(keep_what_lives)
    gc.enable()


def keep_what_lives(phase: str, found: Mapping[str, int]) -> None:
    """Freeze what a pass has looked through where it found no waste at all, as with calls alone: else the next pass of
    the older generation would look through ten times as much. Where there is waste, the generations go on as ever.
    """
    if phase == "stop" and found["generation"] < OLDEST and not found["collected"]:
        gc.freeze()


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
