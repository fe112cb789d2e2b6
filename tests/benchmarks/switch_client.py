"""The switch of the lateness figures, a process of its own: it keeps its own list of what falls due, by its own clock.

Calls are brought to talking, then some are held one after the other over a window, so that a notice falls due HOLD-2's
time after each hold began; every command is answered at once. A job on standard input, what it saw on standard output.
"""

import json
import selectors
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.stream import Stream, asked
from tests.benchmarks.traffic import SWITCH, TALKING, batch_of, event, heartbeat, stamp
from tests.benchmarks.wire import BATCH, ONE, Answer, Door, Lanes, timed

NOTICE_MS = 15_000  # HOLD-2: the first word to a held caller
HOLD_S = 20.0
BEAT_S = 5.0
TICK_S = 0.02  # the switch posts what happened in this time together
SETTLE_S = 8.0  # longer than a late event makes the engine doubt our clock
LANES = 8
WAITING_MAX = 5_000  # requests of ours that wait; more means that the server does not keep up at all
OVERDUE_S = 20.0


@dataclass(frozen=True, slots=True)
class Job:
    """So many calls, brought to talking within `load_s`; of these `held`, one after the other, within `window_s`."""

    url: str
    key: str
    calls: int
    held: int
    load_s: float
    window_s: float


@dataclass(slots=True)
class Seen:
    """Lateness in ms: from when a notice was due, and from when a transition happened, to the byte on the stream."""

    notices_ms: list[float] = field(default_factory=list)
    transitions_ms: list[float] = field(default_factory=list)
    missing: int = 0
    repeated: int = 0
    answers: int = 0
    busy: float = 0.0


class Switch:
    """The calls, the clock and the stream of one switch."""

    def __init__(self, job: Job) -> None:
        self.job, self.door, self.seen = job, Door(job.url, job.key), Seen()
        self._lanes = Lanes(self.door, LANES)
        self._stream = Stream(asked(self.door, SWITCH), self._commanded)
        self._lanes.selector.register(self._stream.connection, selectors.EVENT_READ, self._stream.serve)
        self._known: set[str] = set()
        self._due_ms: dict[str, int] = {}  # notices that have not come, by call
        self._held_ms: dict[str, int] = {}
        self._sequence = 0
        self._heartbeats = 0
        self._beat_at = 0.0

    def run(self) -> Seen:
        """The whole job."""
        every = self.job.load_s / self.job.calls
        self._pass([(number * every, number, TALKING) for number in range(self.job.calls)])
        self._until(time.monotonic() + SETTLE_S, lambda: False)
        started, used = time.monotonic(), time.process_time()
        every = self.job.window_s / self.job.held
        held = [(number * every, number, ("held",)) for number in range(self.job.held)]
        taken = [(HOLD_S + number * every, number, ("retrieved",)) for number in range(self.job.held)]
        self._pass(sorted(held + taken))
        self._until(time.monotonic() + OVERDUE_S, lambda: not self._due_ms)
        self.seen.missing = len(self._due_ms)
        self.seen.busy = (time.process_time() - used) / (time.monotonic() - started)
        self._lanes.close()
        self._stream.connection.close()
        return self.seen

    # -- what happens --------------------------------------------------------------------------------------------------

    def _pass(self, script: Iterable[tuple[float, int, tuple[str, ...]]]) -> None:
        """Let everything in the script happen at its second."""
        started = time.monotonic()
        waiting: list[tuple[int, tuple[str, ...]]] = []
        for at, number, kinds in script:
            while time.monotonic() < started + at:
                self._post(waiting)
                waiting = []
                self._until(max(time.monotonic() + TICK_S, started + at), lambda: False)
            waiting.append((number, kinds))
        self._post(waiting)

    def _post(self, happened: Iterable[tuple[int, tuple[str, ...]]]) -> None:
        """Tell of it, as of now."""
        now_ms, events = int(time.time() * 1000), []
        for number, kinds in happened:
            subject = f"call-{number}"
            for kind in kinds:
                self._sequence += 1
                events.append(event(subject, number, kind, self._sequence))
                if kind == "held":
                    self._due_ms[subject] = now_ms + NOTICE_MS
                    self._held_ms[subject] = now_ms
        if events:
            request = timed(self.door.request("POST", "/v1/events", batch_of(events), BATCH))
            self._lanes.lanes[0].send(stamp(now_ms).join(request), self._answered)

    def _until(self, end: float, enough: Callable[[], bool]) -> None:
        """Serve what comes, until then."""
        while (left := end - time.monotonic()) > 0 and not enough():
            if time.monotonic() >= self._beat_at:
                self._beat()
            self._lanes.turn(min(left, BEAT_S))

    def _beat(self) -> None:
        self._heartbeats, self._beat_at = self._heartbeats + 1, time.monotonic() + BEAT_S
        request = timed(self.door.request("POST", "/v1/events", heartbeat(self._heartbeats), ONE))
        self._lanes.lanes[0].send(stamp(time.time() * 1000).join(request), self._answered)

    # -- what is commanded ---------------------------------------------------------------------------------------------

    def _commanded(self, command: dict[str, Any], arrived_ms: float) -> None:
        """Note when it came, and obey."""
        if command["id"] in self._known:
            self.seen.repeated += 1
            return
        self._known.add(command["id"])
        subject = command["subject"]
        if command["rule"] == "HOLD-2":
            self.seen.notices_ms.append(arrived_ms - self._due_ms.pop(subject))
        elif command.get("message") == "hold_inform":
            self.seen.transitions_ms.append(arrived_ms - self._held_ms[subject])
        path, body = f"/v1/commands/{command['id']}/result", b'{"state":"done"}'
        lane = min(self._lanes.lanes[1:], key=lambda one: (not one.idle, len(one.waiting)))
        assert len(lane.waiting) < WAITING_MAX, "the server does not keep up with the answers"
        lane.send(self.door.request("POST", path, body, "application/json"), self._answered)

    def _answered(self, answer: Answer) -> None:
        assert answer.status == 202, answer
        self.seen.answers += 1


def main() -> int:
    """Do the job."""
    print(json.dumps(asdict(Switch(Job(**json.loads(sys.stdin.read()))).run())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
