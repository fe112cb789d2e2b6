"""What many live calls cost: memory, the time to load them at a start, the collector's pauses with them alive."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.figures import Figure, quantile
from tests.benchmarks.processes import done
from tests.benchmarks.stores import Fresh

CALLS = 20_000
LOADS = 3
HOLDING = "tests.benchmarks.holding"


def figures(fresh: Mapping[str, Fresh], quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Bytes by allocation and by resident pages; then, on every store, the load and the pauses."""
    calls = CALLS // 10 if quick else CALLS
    with fresh["sqlite"]() as url:
        traced = _filled(url, calls, "--traced")
    yield Figure("bytes_per_live_call_allocated", traced["bytes"], "bytes", runs=calls)
    for store, database in fresh.items():
        with database() as url:
            filled = _filled(url, calls)
            if store == "sqlite":
                pauses = filled["pauses"] or [0.0]
                yield Figure("bytes_per_live_call_resident", filled["bytes"], "bytes", runs=calls)
                yield Figure(f"gc_pause_{calls}_live_calls_p99", quantile(pauses, 0.99), "ms", runs=len(pauses))
                yield Figure(f"gc_pause_{calls}_live_calls_max", max(pauses), "ms", runs=len(pauses))
            loads = [done(HOLDING, {}, "load", "--db", url) for _ in range(1 if quick else LOADS)]
            told = min(load["calls"] for load in loads)
            assert told >= calls, f"{told} of {calls} calls were loaded"
            share = calls / told  # those that filled the log's tail before were loaded too
            seconds = [load["seconds"] for load in loads]
            heard.append(f"{store}: {told} live calls loaded in {', '.join(f'{one:.2f}' for one in seconds)} s")
            yield Figure(f"load_{calls}_live_calls_{store}", statistics.median(seconds) * share, "s", runs=len(loads))


def _filled(url: str, calls: int, *more: str) -> Any:
    return done(HOLDING, {}, "fill", "--db", url, "--calls", str(calls), *more)
