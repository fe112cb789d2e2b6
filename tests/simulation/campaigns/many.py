"""Many histories of campaigns, and what is planted, in several processes; the report does not depend on how many there
are."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

from tests.campaigns import never
from tests.simulation.campaigns import plans_kept
from tests.simulation.campaigns.callers import EARLY, PROMISE
from tests.simulation.campaigns.history import CampaignHistory
from tests.simulation.campaigns.planted import ALL, caught
from tests.simulation.campaigns.site import HISTORIES_MAX, campaign_site
from tests.simulation.outbound.campaign import report, worker
from tests.simulation.outbound.history import Told

KINDS = (*never.KINDS, EARLY, PROMISE, *plans_kept.KINDS)


class Lived(NamedTuple):
    """A history, and what became of its contacts."""

    told: Told
    outcomes: Counter[str]


async def histories(seeds: Sequence[int]) -> list[Lived]:
    """At most HISTORIES_MAX, one after the other in one place."""
    lived = []
    async with campaign_site() as place:
        for seed in seeds:
            history = CampaignHistory(place, seed)
            lived.append(Lived(await history.play(), history.outcomes))
    return lived


def simulated(n: int, seed: int, processes: int | None = None) -> dict[str, Any]:
    """The report on `n` histories of the seeds from `seed` on, and on what is planted."""
    pieces = [range(first, min(first + HISTORIES_MAX, seed + n)) for first in range(seed, seed + n, HISTORIES_MAX)]
    workers = min(processes or os.cpu_count() or 1, max(len(pieces), 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=worker) as pool:
        planted = [pool.submit(_caught, number) for number in range(len(ALL))] if n > 1 else []
        lived = [one for piece in pool.map(_histories, pieces) for one in _shown(piece)]
        found = {one.name: future.result() for one, future in zip(ALL, planted, strict=False)}
    for name, at in found.items():
        print(f"planted: {name}: " + ("NOT CAUGHT" if at is None else f"caught by seed {at}"), file=sys.stderr)
    return reported(lived) | {"planted": {name: at is not None for name, at in found.items()}}


def reported(lived: Sequence[Lived]) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    for one in lived:
        outcomes.update(one.outcomes)
    told = report([one.told for one in lived], KINDS)
    return {**told, "dials": told.pop("orders"), "outcomes": dict(sorted(outcomes.items()))}


def _histories(seeds: Sequence[int]) -> list[Lived]:
    return asyncio.run(histories(seeds))


def _caught(number: int) -> int | None:
    return asyncio.run(caught(ALL[number], 1))


def _shown(lived: Sequence[Lived]) -> Iterator[Lived]:
    for one in lived:
        for violation in one.told.violations:
            again = f"make simulate SEED={one.told.seed} N=1"
            print(f"seed {one.told.seed}: {violation.kind}: {violation.what}  ({again})", file=sys.stderr, flush=True)
        yield one
