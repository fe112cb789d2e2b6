"""From an inbound event to its command, while 200 dial orders a second leave, and without them; in turn."""

import asyncio
import statistics
import threading
from collections.abc import Iterator

from tests.benchmarks.figures import Figure, quantile
from tests.benchmarks.orders import A_SECOND, DECLARED, SWITCH, TURN_S, Arrivals, make
from tests.benchmarks.processes import done, spoken
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import COMMANDS
from tests.benchmarks.traffic import SWITCH as INBOUND
from tests.benchmarks.wire import Door

RUNS = 3
CALLS, LOAD_S, WINDOW_S = 1_500, 5.0, 15.0  # 100 holds a second, as in `lateness`
AROUND_S = 30.0  # the calls settle before the first hold, and the last notice comes after the last hold


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """On PostgreSQL, beside `orders`: medians of the runs, the baseline is that of the runs without orders."""
    with_orders: list[list[float]] = []
    without: list[list[float]] = []
    for _ in range(1 if quick else RUNS):
        without.append(_run(fresh, quick, 0, heard))
        with_orders.append(_run(fresh, quick, A_SECOND, heard))
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value, baseline = (statistics.median(quantile(run, share) for run in runs) for runs in (with_orders, without))
        yield Figure(f"transition_lateness_200_orders_a_second_{name}", value, "ms", baseline, runs=len(without))


def _run(fresh: Fresh, quick: bool, a_second: int, heard: list[str]) -> list[float]:
    """One run on an empty database: ms from each hold to its prompt on the inbound switch's stream."""
    part = 10 if quick else 1
    calls, load_s, window_s = CALLS // part, LOAD_S / part, WINDOW_S / part
    with fresh() as url, spoken("tests.benchmarks.server", "--db", url, "--part", "whole") as server:
        said = server.heard()
        door = Door(said["url"], said["key"])
        for switch, declaration in ((INBOUND, {"commands": COMMANDS, "if_other_ready": True}), (SWITCH, DECLARED)):
            declared = door.ask("PUT", f"/v1/switches/{switch}", declaration)
            assert declared.status == 200, declared
        arrivals = Arrivals(door)
        made: dict[str, float] = {}
        maker = threading.Thread(
            target=lambda: made.update(
                asyncio.run(make(url, TURN_S, round(a_second * TURN_S), load_s + window_s + AROUND_S))
            )
        )
        if a_second:
            maker.start()
        job = {"calls": calls, "held": calls, "load_s": load_s, "window_s": window_s}
        seen = done("tests.benchmarks.switch_client", {"url": door.url, "key": door.key, **job})
        if a_second:
            maker.join()
        arrivals.expect(made)
        came = len(arrivals.at_ms.keys() & made.keys())
        arrivals.end()
    assert came == len(made), "an order that is valid for 10 s did not come"
    transitions: list[float] = seen["transitions_ms"]
    assert len(transitions) == calls, f"{len(transitions)} prompts for {calls} holds"
    heard.append(f"{came} orders left; {calls} prompts, latest {max(transitions):.1f} ms")
    return transitions
