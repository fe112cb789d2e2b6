"""The attacks by name, and how one is run on one store: within its time, and with a verdict whatever happens."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.stores import Fresh
from tests.hostile.busy import Busy
from tests.hostile.site import Site, site_on
from tests.hostile.verdict import Verdict
from tests.postgres import PostgresServer

SQLITE, POSTGRESQL = "sqlite", "postgresql"
BOTH = (SQLITE, POSTGRESQL)
LEAVES_S = 30.0  # for ending the processes of an attack that was broken off
ERROR_CHARS_MAX = 600


@dataclass(frozen=True, slots=True)
class Bench:
    """Where an attack works: a kind of store, and a folder of its own. `server`: that of PostgreSQL."""

    store: str
    fresh: Fresh
    folder: Path
    server: PostgresServer | None = None

    @contextlib.asynccontextmanager
    async def site(
        self, mode: str = "", environment: Mapping[str, str] | None = None, db: str = "", start: bool = True
    ) -> AsyncIterator[Site]:
        """A site on an empty store (or on `db`), with its process started; `mode`: of tests.hostile.product."""
        with contextlib.ExitStack() as stack:
            url = db or stack.enter_context(self.fresh())
            async with site_on(url, self.folder, mode, environment) as site:
                if start:
                    await site.start()
                yield site


Run = Callable[[Bench, Verdict], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """`limit_s`: beyond it the attack is broken off, and has failed."""

    name: str
    run: Run
    stores: tuple[str, ...]
    limit_s: float


ATTACKS: dict[str, Attack] = {}


def attack(name: str, limit_s: float, stores: tuple[str, ...] = BOTH) -> Callable[[Run], Run]:
    """Put a function among the attacks. Its docstring says what is tried."""

    def added(run: Run) -> Run:
        assert name not in ATTACKS, name
        ATTACKS[name] = Attack(name, run, stores, limit_s)
        return run

    return added


async def carried_out(one: Attack, bench: Bench) -> dict[str, Any]:
    """The attack's entry in the JSON document."""
    verdict, began = Verdict(" ".join((one.run.__doc__ or "").split())), time.monotonic()
    busy = Busy()
    task = asyncio.ensure_future(one.run(bench, verdict))
    try:
        await asyncio.wait({task}, timeout=one.limit_s)
        if not task.done():
            verdict.must(False, f"the attack comes to its end within {one.limit_s:g} s")
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=LEAVES_S)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        verdict.must(False, f"the attack comes to its end: {type(error).__name__}: {str(error)[-ERROR_CHARS_MAX:]}")
    verdict.figure |= {"seconds": round(time.monotonic() - began, 1), **await busy.figure()}
    return verdict.shown()
