"""The server of the throughput figures, a process of its own: the whole product, or its door and log alone.

Its first line on standard output says where it is; a line on standard input asks how it fares, the end of it stops it.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from cti.adapters.clock import SystemClock
from cti.adapters.store import open_store
from cti.cli.logging_setup import set_up_logging
from cti.cli.runtime import run_serving, settle_memory
from cti.gateway.app import make_app
from cti.gateway.keys import make_key
from cti.gateway.pulse import Pulse
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from cti.web.server import listen
from cti.wiring import read_book, serving, standard_of
from tests.benchmarks.traffic import TENANT

SCOPES = ("events:write", "commands:read", "calls:read", "campaigns:read", "campaigns:write")
# One key carries all of the load: what a key may do a second is not what is measured.
LIMITS = Limits(requests_per_s=1e6, requests_burst=1e6)


class Pauses:
    """How long the garbage collector held the process up, by generation."""

    def __init__(self) -> None:
        self.found: list[tuple[int, float]] = []  # (generation, ms)
        self._since = 0.0

    def __call__(self, phase: str, told: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._since = now
        else:
            self.found.append((told["generation"], (now - self._since) * 1000))


@contextlib.asynccontextmanager
async def door_alone(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The door as the product has it, over the store as the product has it, and no engine: (address, key)."""
    clock, telemetry = SystemClock(), Telemetry()
    store = open_store(settings.db, clock, settings.partitions, server_clock=True)

    async def ready() -> dict[str, str | None]:
        return {}

    async with store:
        standard = standard_of(read_book(settings.profile))
        app = make_app(
            store.log, store.ledger, store.ledger, LIMITS, telemetry, Pulse(), standard=standard, ready=ready
        )
        _, key = await make_key(store.ledger, TENANT, " ".join(SCOPES), "*", "bench", int(clock.now_ms()))
        listening = await listen(app, settings.host, settings.port, LIMITS)
        try:
            yield listening.url, key
        finally:
            await listening.stop()


@contextlib.asynccontextmanager
async def whole(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The product: (address, key)."""
    async with serving(settings, limits=LIMITS) as service:
        yield service.url, await service.new_key(TENANT, SCOPES, ["*"])


def _fares(pauses: Pauses) -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    found, pauses.found = pauses.found, []
    return {"cpu_s": used.ru_utime + used.ru_stime, "rss_kib": used.ru_maxrss, "pauses": found}


async def _asked(pauses: Pauses) -> None:
    """Answer on standard output until standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(_fares(pauses)), flush=True)


async def _serve(db: str, part: str) -> int:
    settings = Settings.read(db=db, listen="127.0.0.1:0")
    pauses = Pauses()
    async with (whole if part == "whole" else door_alone)(settings) as (url, key):
        settle_memory()
        gc.callbacks.append(pauses)
        print(json.dumps({"url": url, "key": key}), flush=True)
        await _asked(pauses)
    return 0


def main() -> int:
    """Serve until nobody asks any more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", required=True)
    parser.add_argument("--part", choices=("whole", "door"), required=True)
    args = parser.parse_args()
    set_up_logging("warning")
    return run_serving(_serve(args.db, args.part))


if __name__ == "__main__":
    sys.exit(main())
