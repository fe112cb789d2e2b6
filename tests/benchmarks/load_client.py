"""The client of the throughput figures, a process of its own: a job on standard input, what it saw on standard output.

It posts a fixed number of requests, one at a time on each of several connections, and stops its clock when the answers
are in and, where an engine is behind the door, when the ledger has all of it: `Ringback-As-Of` at the highest position
that was told.
"""

import itertools
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tests.benchmarks.traffic import batch_of, interleaved, stamp
from tests.benchmarks.wire import BATCH, ONE, Answer, Door, Lane, Lanes, timed

ANSWER_S_MAX = 120.0  # a run that takes longer has failed
POSITION = re.compile(rb'"position":"([0-9:,]*)"')
CLEARED = b"ringback.call.callCleared.v1"


@dataclass(frozen=True, slots=True)
class Job:
    """What to post. `live_calls` over all connections; `engine`: whether the clock waits for the ledger."""

    url: str
    key: str
    batch: int
    requests: int
    connections: int
    live_calls: int
    engine: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it. `busy`: this process's share of a processor; near 1 it was the bottleneck itself."""

    events: int
    calls_ended: int
    posted_s: float
    whole_s: float
    busy: float


def main() -> int:
    """Do the job."""
    print(json.dumps(asdict(run(Job(**json.loads(sys.stdin.read()))))))
    return 0


def run(job: Job) -> Seen:
    """Build the requests, then post them against the clock. Raises AssertionError when one is not taken."""
    door = Door(job.url, job.key)
    built = [_requests(door, job, lane) for lane in range(job.connections)]
    ended = sum(piece.count(CLEARED) for requests in built for request in requests for piece in request)
    lanes = Lanes(door, job.connections)
    answers: list[Answer] = []
    started, used = time.monotonic(), time.process_time()
    for lane, requests in zip(lanes.lanes, built, strict=True):
        _next(lane, iter(requests), answers)
    total = sum(len(requests) for requests in built)
    while len(answers) < total:
        lanes.turn(1.0)
        assert time.monotonic() - started < ANSWER_S_MAX, f"{len(answers)} of {total} answers"
    posted_s = time.monotonic() - started
    if job.engine:
        _caught_up(lanes, door, _token(answers), started)
    whole_s = time.monotonic() - started
    busy = (time.process_time() - used) / whole_s
    lanes.close()
    refused = [answer for answer in answers if answer.status != 202]
    assert not refused, refused[0]
    return Seen(total * job.batch, ended, posted_s, whole_s, busy)


def _requests(door: Door, job: Job, lane: int) -> list[tuple[bytes, ...]]:
    """The requests of one connection; its calls are told by no other, so each call's events arrive in order."""
    events = interleaved(lane, job.connections, max(job.live_calls // job.connections, 1))
    share = len(range(lane, job.requests, job.connections))
    if job.batch == 1:
        return [timed(door.request("POST", "/v1/events", one, ONE)) for one in itertools.islice(events, share)]
    batches = (batch_of(list(itertools.islice(events, job.batch))) for _ in range(share))
    return [timed(door.request("POST", "/v1/events", body, BATCH)) for body in batches]


def _next(lane: Lane, requests: Iterator[tuple[bytes, ...]], answers: list[Answer], *given: Answer) -> None:
    """Note the answer given, and post what is next."""
    answers.extend(given)
    request = next(requests, None)
    if request is not None:
        lane.send(stamp(time.time() * 1000).join(request), partial(_next, lane, requests, answers))


def _token(answers: Sequence[Answer]) -> str:
    """The highest position of every partition that was told."""
    return _written(_highest(found[1].decode() for one in answers if (found := POSITION.search(one.body))))


def _highest(tokens: Iterator[str]) -> dict[int, int]:
    highest: dict[int, int] = {}
    for token in tokens:
        for one in filter(None, token.split(",")):
            partition, position = map(int, one.split(":"))
            highest[partition] = max(highest.get(partition, 0), position)
    return highest


def _written(positions: dict[int, int]) -> str:
    return ",".join(f"{partition}:{position}" for partition, position in sorted(positions.items()))


def _caught_up(lanes: Lanes, door: Door, token: str, started: float) -> None:
    """Return when a read says that it sees all of it."""
    wanted, seen = _highest(iter([token])), [""]
    request = door.request("GET", f"/v1/records?limit=1&min_position={token}")
    while not all(_highest(iter(seen)).get(one, 0) >= at for one, at in wanted.items()):
        assert time.monotonic() - started < ANSWER_S_MAX, f"the ledger is at {seen[0]}, wanted {token}"
        given: list[Any] = []
        lanes.lanes[0].send(request, given.append)
        while not given:
            lanes.turn(1.0)
        assert given[0].status == 200, given[0]
        seen = [given[0].header("Ringback-As-Of")]


if __name__ == "__main__":
    sys.exit(main())
