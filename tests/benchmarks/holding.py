"""A process that holds many live calls: what they cost in memory, how long they take to load, what the collector costs.

    python -m tests.benchmarks.holding fill --db URL --calls N [--traced]    takes the calls in; what they cost
    python -m tests.benchmarks.holding load --db URL                         loads them from the ledger; its time

A process of its own each time: what an earlier one left in memory would be counted with it.
"""

import argparse
import asyncio
import gc
import json
import mmap
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from cti.adapters.clock import SystemClock
from cti.adapters.store import Store, open_store
from cti.cli.logging_setup import set_up_logging
from cti.cli.runtime import run_serving, settle_memory
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.engine.passivation import PASSIVATE_AFTER_MS
from cti.gateway.pulse import Pulse
from cti.ports import Appending, Clock
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.wiring import read_book
from schemas.envelope import body_of, read_event
from tests.benchmarks.server import Pauses
from tests.benchmarks.traffic import COMMANDS, OPEN_TIME, SOURCE, SWITCH, TALKING, TENANT, event, stamp

SLICE = 250  # calls told at a time
BEFORE = 6_000  # calls whose events fill the log's tail


def main() -> int:
    """Do one of the two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("fill", "load"))
    parser.add_argument("--db", required=True)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--traced", action="store_true", help="count what is allocated, not what is resident")
    args = parser.parse_args()
    set_up_logging("warning")
    return run_serving(_told(_fill(args.db, args.calls, args.traced) if args.what == "fill" else _load(args.db)))


async def _told(what: Awaitable[Mapping[str, object]]) -> int:
    print(json.dumps(await what))
    return 0


async def _fill(db: str, calls: int, traced: bool) -> Mapping[str, object]:
    """Take the calls in: bytes a call, and the collector's pauses meanwhile and with all of them alive.

    The log's tail is filled by earlier calls first: what it holds later is no more than it held before.
    """
    settings, clock, pauses = Settings.read(db=db), SystemClock(), Pauses()
    async with open_store(db, clock, settings.partitions) as store:
        engine = _engine(store, clock, settings)
        await engine.start()
        engine.work.sources.get(TENANT, SOURCE).declare(SWITCH, {"commands": COMMANDS, "if_other_ready": True})
        settle_memory()
        if traced:
            tracemalloc.start()
        await _tell(store, engine, range(BEFORE))
        await _rest(engine, clock)
        before, held = _bytes(traced), engine.calls
        gc.callbacks.append(pauses)
        await _tell(store, engine, range(BEFORE, BEFORE + calls))
        await _rest(engine, clock)
        assert engine.calls - held == calls, f"{engine.calls - held} of {calls} calls are held"
        used = _bytes(traced) - before
        await engine.stop()
    return {"bytes": used / calls, "pauses": [ms for _, ms in pauses.found]}


async def _rest(engine: Engine, clock: Clock) -> None:
    """Let the calls come to rest, as one does in which two people talk: nothing happens to it for a while, in which the
    engine has its turns.
    """
    for _ in range(4):
        await clock.wait(asyncio.Event(), clock.now_ms() + PASSIVATE_AFTER_MS / 2)
        await engine.drain()


def _bytes(traced: bool) -> int:
    """What is allocated or, untraced, resident, after a full collection."""
    gc.collect()
    if traced:
        return tracemalloc.get_traced_memory()[0]
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE


async def _tell(store: Store, engine: Engine, numbers: range) -> None:
    """Offered, queued, delivered and established of each call, slice by slice, each committed before the next."""
    for first in numbers[::SLICE]:
        now = stamp(time.time() * 1000)
        events = [
            event(f"call-{number}", number, kind, number * len(TALKING) + place).replace(OPEN_TIME, now)
            for number in range(first, min(first + SLICE, numbers.stop))
            for place, kind in enumerate(TALKING)
        ]
        await store.log.append([_appending(from_json(one)) for one in events])
        await engine.drain()


def _appending(item: dict[str, Any]) -> Appending:
    return Appending(TENANT, f"{TENANT}:{SOURCE}:{item['subject']}", body_of(item), read_event(item))


async def _load(db: str) -> Mapping[str, object]:
    """A new engine's start."""
    settings, clock = Settings.read(db=db), SystemClock()
    async with open_store(db, clock, settings.partitions) as store:
        engine = _engine(store, clock, settings)
        started = time.perf_counter()
        await engine.start()
        seconds = time.perf_counter() - started
        calls = engine.calls
        await engine.stop()
    return {"calls": calls, "seconds": seconds}


def _engine(store: Store, clock: Clock, settings: Settings) -> Engine:
    return Engine(store.log, store.ledger, clock, read_book(settings.profile), CallMetrics(Telemetry()), Pulse())


if __name__ == "__main__":
    sys.exit(main())
