"""A client that posts calls as fast as the door takes them, a process of its own: a job on standard input, what it saw
on standard output.

It heeds no Retry-After: each connection sends the next calls as soon as it has its answer. What was refused is not sent
again, so that `calls` is what the product has promised to keep.
"""

import itertools
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial

from tests.benchmarks.traffic import OPEN_TIME, TALKING, batch_of, data_of, stamp
from tests.benchmarks.wire import BATCH, Answer, Door, Lane, Lanes, timed

NICE = 10  # the attacker's machine is another one: it takes nothing of the server's processors
TURN_S = 0.05
SWITCH = "flood-1"
SOURCE = f"/switches/{SWITCH}"
LIFE = (*TALKING, *("held", "retrieved") * 4, "connectionCleared", "callCleared")
"""With four holds: each begins and ends with a command, which costs the engine more than the door."""


@dataclass(frozen=True, slots=True)
class Job:
    """Post for `seconds`, at most `calls_max` calls; `calls`: in one request; `connections` at a time."""

    url: str
    key: str
    seconds: float
    calls: int = 70
    calls_max: int = 40_000
    connections: int = 8


@dataclass(slots=True)
class Seen:
    """`calls`: those of requests that were taken. `without_retry_after`: refusals that do not say when to try again."""

    statuses: dict[int, int] = field(default_factory=dict)
    calls: int = 0
    events: int = 0
    without_retry_after: int = 0
    first_429_s: float | None = None
    closed: int = 0  # connections that the server closed
    seconds: float = 0.0


class Flood:
    """All connections, each with one request under way."""

    def __init__(self, job: Job) -> None:
        self._job, self._door = job, Door(job.url, job.key)
        self._lanes = Lanes(self._door, job.connections)
        self._numbers = itertools.count()
        self._statuses: Counter[int] = Counter()
        self.seen = Seen()

    def run(self) -> Seen:
        began = time.monotonic()
        for lane in self._lanes.lanes:
            self._next(lane)
        while (passed := time.monotonic() - began) < self._job.seconds and self._statuses.total() < self._requests_max:
            before = self._statuses[429]
            self._turn()
            if self._statuses[429] > before and self.seen.first_429_s is None:
                self.seen.first_429_s = round(passed, 2)
        self.seen.seconds = round(time.monotonic() - began, 2)
        self.seen.statuses = dict(sorted(self._statuses.items()))
        self._lanes.close()
        return self.seen

    def _turn(self) -> None:
        """Serve what is ready; where the server has closed a connection, all are opened anew."""
        try:
            self._lanes.turn(TURN_S)
        except ConnectionError:
            self.seen.closed += 1
            self._lanes.close()
            self._lanes = Lanes(self._door, self._job.connections)
            for lane in self._lanes.lanes:
                self._next(lane)

    @property
    def _requests_max(self) -> int:
        return 10 * self._job.calls_max // self._job.calls

    def _next(self, lane: Lane) -> None:
        first = next(self._numbers) * self._job.calls
        events = [one for number in range(first, first + self._job.calls) for one in _call(number)]
        request = timed(self._door.request("POST", "/v1/events", batch_of(events), BATCH))
        lane.send(stamp(time.time() * 1000).join(request), partial(self._answered, lane, len(events)))

    def _answered(self, lane: Lane, events: int, answer: Answer) -> None:
        self._statuses[answer.status] += 1
        if answer.status == 202:
            self.seen.calls += self._job.calls
            self.seen.events += events
        elif not answer.header("Retry-After").isdigit():
            self.seen.without_retry_after += 1
        if self.seen.calls < self._job.calls_max:
            self._next(lane)


def _call(number: int) -> list[bytes]:
    """A whole call with its holds."""
    items = [
        {
            "specversion": "1.0", "id": f"flood-{number}-{place}", "source": SOURCE, "type": f"ringback.call.{kind}.v1",
            "subject": f"flood-{number}", "time": OPEN_TIME.decode(), "datacontenttype": "application/json",
            "sequence": place, "data": data_of(kind, number),
        }
        for place, kind in enumerate(LIFE)
    ]  # fmt: skip
    return [json.dumps(item, separators=(",", ":")).encode() for item in items]


def main() -> int:
    os.nice(NICE)
    print(json.dumps(asdict(Flood(Job(**json.loads(sys.stdin.read()))).run())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
