"""From HTTP to the committed record, beside the same door that only parses and appends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.figures import Figure, against, quantile
from tests.benchmarks.processes import done, spoken
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import COMMANDS, SWITCH
from tests.benchmarks.wire import Door

RUNS = 3
LIVE_CALLS = 800
CLIENT_BUSY_MAX = 0.9  # above it the client may have been what was measured


@dataclass(frozen=True, slots=True)
class Shape:
    """How events come: so many in a request, so many requests in all, so many of them under way."""

    batch: int
    requests: int
    connections: int


SHAPES = (Shape(1, 8_000, 64), Shape(50, 800, 16), Shape(500, 120, 8))


def figures(store: str, fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Events a second at every batch, runs of both kinds in turn; then what the collector cost meanwhile."""
    pauses: list[float] = []
    for shape in SHAPES:
        sized = Shape(shape.batch, shape.requests // 4, shape.connections) if quick else shape
        wholes, doors = [], []
        for _ in range(1 if quick else RUNS):
            rate, held_up = _run(fresh, "whole", sized, heard)
            wholes.append(rate)
            pauses += held_up
            doors.append(_run(fresh, "door", sized, heard)[0])
        yield against(f"http_to_record_{store}", wholes, doors, "events/s", shape.batch)
    if pauses:
        yield Figure(f"gc_pause_under_load_{store}_p99", quantile(pauses, 0.99), "ms", runs=len(pauses))
        yield Figure(f"gc_pause_under_load_{store}_max", max(pauses), "ms", runs=len(pauses))


def _run(fresh: Fresh, part: str, shape: Shape, heard: list[str]) -> tuple[float, list[float]]:
    """One run on an empty database: (events a second, pauses in ms)."""
    with fresh() as url, spoken("tests.benchmarks.server", "--db", url, "--part", part) as server:
        said = server.heard()
        door = Door(said["url"], said["key"])
        declared = door.ask("PUT", f"/v1/switches/{SWITCH}", {"commands": COMMANDS, "if_other_ready": True})
        assert declared.status == 200, declared
        job = {
            "url": door.url, "key": door.key, "batch": shape.batch, "requests": shape.requests,
            "connections": shape.connections, "live_calls": LIVE_CALLS, "engine": part == "whole",
        }  # fmt: skip
        before = server.asked()
        seen = done("tests.benchmarks.load_client", job)
        after = server.asked()
        if part == "whole":
            _judge(door, seen)
    rate = seen["events"] / seen["whole_s"]
    server_busy = (after["cpu_s"] - before["cpu_s"]) / seen["whole_s"]
    took = f"{seen['whole_s']:.2f} s (posted in {seen['posted_s']:.2f})"
    busy = f"client {seen['busy']:.0%}, server {server_busy:.0%} of a processor"
    heard.append(f"batch {shape.batch} {part}: {rate:,.0f} events/s in {took}, {busy}")
    if seen["busy"] > CLIENT_BUSY_MAX:
        heard.append(f"batch {shape.batch} {part}: the client was the bottleneck")
    return rate, [ms for _, ms in after["pauses"]]


def _judge(door: Door, seen: dict[str, Any]) -> None:
    """A figure counts only if every call that ended has its record."""
    told = door.ask("GET", "/v1/indicators").json()
    assert told["calls"] == seen["calls_ended"], f"{told['calls']} records of {seen['calls_ended']} calls"
