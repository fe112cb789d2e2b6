"""A million contacts wait for an opening: what the dialler costs meanwhile, when its first call comes, and its pace."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from statistics import mean

from tests.benchmarks.campaign_seed import MOST, SWITCH, Seed, seed
from tests.benchmarks.figures import Figure
from tests.benchmarks.outbound_switch import outbound_switch
from tests.benchmarks.product import Product, pause, product
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import TENANT
from tests.benchmarks.wire import Door
from tests.campaigns.open_now import open_country
from tests.faults.served import made_key

WAITING, A_SECOND = 1_000_000, 200
LANE = "main"
SEEDED_S = 150.0  # at most until all are there
IDLE_S = SETTLED_S = 10.0
CLOSED_S, PACED_S, FIRST_MAX_S = 30.0, 20.0, 30.0
STEP_MS = 10
DECLARED = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
    "trunk_groups": {LANE: {"calls_per_second": A_SECOND, "calls_at_once": MOST}},
}  # fmt: skip


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """On PostgreSQL: a gateway, an engine and a dialler, processes of their own."""
    waiting, part = (WAITING // 50, 0.2) if quick else (WAITING, 1.0)
    with fresh() as url, product(url) as run:
        door = Door(run.start("gateway"), asyncio.run(made_key(url, TENANT)))
        run.start("engine")
        run.start("dialler")
        with outbound_switch(door, SWITCH, DECLARED) as switch:
            pause(SETTLED_S * part)
            idle = _cpu_share(run, IDLE_S * part)
            opens_ms = _seeded(url, waiting, SEEDED_S * part, CLOSED_S * part)
            pause(SETTLED_S * part)
            closed = _cpu_share(run, opens_ms / 1000 - time.time() - 1.0)
            assert not switch.wait(bool, 0.0), "a call came before the opening"
            yield Figure("closed_hours_cpu", 100 * closed, "%", 100 * idle)
            assert switch.wait(bool, opens_ms / 1000 - time.time() + FIRST_MAX_S), "no call came"
            yield Figure("first_dial_after_opening", (switch.calls[0][1] - opens_ms) / 1000, "s")
            pause(PACED_S * part)
            times = [at_ms for _, at_ms in switch.calls]
        heard.append(f"{len(times)} calls; the dialler used {100 * _cpu_share(run, 1.0):.1f} % of a processor then")
    yield Figure("pace_200_a_second", greatest_in_a_second(times), "calls")
    yield Figure("pace_200_a_second_mean", mean_in_a_second(times), "calls/s")


def _cpu_share(run: Product, seconds: float) -> float:
    """Of a processor, used by the dialler, which was started last."""
    before, began_s = run.cpu_s(-1), time.monotonic()
    pause(seconds)
    return (run.cpu_s(-1) - before) / (time.monotonic() - began_s)


def _seeded(url: str, waiting: int, most_s: float, closed_s: float) -> float:
    """The contacts, and a campaign that opens when all have been there for so long; the opening, in ms."""
    now_ms = time.time() * 1000
    opens_ms = now_ms + (most_s + SETTLED_S + closed_s) * 1000
    seed(url, [Seed("million", LANE, waiting, open_country(now_ms, waiting), opens_ms, A_SECOND)])
    took_s = time.time() - now_ms / 1000
    assert took_s < most_s, f"{waiting} contacts took {took_s:.0f} s"
    return opens_ms


def mean_in_a_second(times_ms: Sequence[float]) -> float:
    """The mean over all windows of 1,000 ms, STEP_MS apart, from the first call to the last. The times are in order."""
    begins = [times_ms[0] + at * STEP_MS for at in range(int((times_ms[-1] - times_ms[0] - 1_000) / STEP_MS) + 1)]
    return mean(bisect_left(times_ms, at_ms + 1_000) - bisect_left(times_ms, at_ms) for at_ms in begins)


def greatest_in_a_second(times_ms: Sequence[float]) -> int:
    """How many came within 1,000 ms at most; the times are in order."""
    found = first = 0
    for at, now_ms in enumerate(times_ms):
        while now_ms - times_ms[first] >= 1_000:
            first += 1
        found = max(found, at - first + 1)
    return found
