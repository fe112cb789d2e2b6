"""Many histories, and what is planted, in several processes; the report does not depend on how many there are."""

import asyncio
import gc
import hashlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import structlog

from tests.simulation.outbound.history import History, Told
from tests.simulation.outbound.judge import KINDS
from tests.simulation.outbound.planted import ALL, caught
from tests.simulation.outbound.site import WEEKS_MAX, site

FAILED_MAX = 100  # seeds that are named


def quiet() -> None:
    """What the product logs of its faults is not news here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def worker() -> None:
    """At the start of a process that plays histories: what they leave is collected seldom."""
    quiet()
    gc.set_threshold(100_000, 20, 20)


async def histories(seeds: Sequence[int]) -> list[Told]:
    """At most WEEKS_MAX, one after the other in one place."""
    async with site() as place:
        return [await History(place, seed).play() for seed in seeds]


def simulated(n: int, seed: int, processes: int | None = None) -> dict[str, Any]:
    """The report on `n` histories of the seeds from `seed` on, and on what is planted."""
    pieces = [range(first, min(first + WEEKS_MAX, seed + n)) for first in range(seed, seed + n, WEEKS_MAX)]
    workers = min(processes or os.cpu_count() or 1, max(len(pieces), 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=worker) as pool:
        planted = [pool.submit(_caught, number) for number in range(len(ALL))] if n > 1 else []
        told = [one for piece in pool.map(_histories, pieces) for one in _shown(piece)]
        found = {one.name: future.result() for one, future in zip(ALL, planted, strict=False)}
    for name, at in found.items():
        print(f"planted: {name}: " + ("NOT CAUGHT" if at is None else f"caught by seed {at}"), file=sys.stderr)
    return report(told) | {"planted": {name: at is not None for name, at in found.items()}}


def _histories(seeds: Sequence[int]) -> list[Told]:
    return asyncio.run(histories(seeds))


def _caught(number: int) -> int | None:
    return asyncio.run(caught(ALL[number], 1))


def _shown(told: Sequence[Told]) -> Iterator[Told]:
    for one in told:
        for violation in one.violations:
            again = f"make simulate ORDERS=1 SEED={one.seed} N=1"
            print(f"seed {one.seed}: {violation.kind}: {violation.what}  ({again})", file=sys.stderr, flush=True)
        yield one


def report(told: Sequence[Told], kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """`trace`: one of all histories, in the order of seeds."""
    faults: Counter[str] = Counter()
    found: Counter[str] = Counter(dict.fromkeys(kinds, 0))
    trace = hashlib.sha256()
    for one in told:
        faults.update(one.faults)
        found.update(violation.kind for violation in one.violations)
        trace.update(one.trace.encode())
    return {
        "histories": len(told),
        "orders": sum(one.orders for one in told),
        "faults": dict(sorted(faults.items())),
        "violations": dict(found),
        "failed": [one.seed for one in told if one.violations][:FAILED_MAX],
        "trace": trace.hexdigest(),
    }
