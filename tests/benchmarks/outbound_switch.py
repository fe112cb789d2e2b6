"""A switch that takes every call and says nothing of it: it notes when each order came, by a thread of its own."""

import selectors
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.stream import Stream, asked
from tests.benchmarks.traffic import heartbeat, stamp
from tests.benchmarks.wire import ONE, Answer, Door, Lanes, timed

BEAT_S = 1.0  # over one connection after the other: one that is silent for long is closed
TURN_S = 0.2
LANES = 4
ACCEPTED = b'{"state":"accepted"}'


class OutboundSwitch:
    """`calls`: (order, arrival in ms since the epoch) of each makeCall, in the order of coming."""

    def __init__(self, door: Door, switch: str) -> None:
        self.calls: list[tuple[str, float]] = []
        self._door, self._switch, self._more = door, switch, threading.Condition()
        self._lanes = Lanes(door, LANES)
        self._stream = Stream(asked(door, switch), self._came)
        self._lanes.selector.register(self._stream.connection, selectors.EVENT_READ, self._stream.serve)
        self._beats, self._beat_at, self._ending = 0, 0.0, False
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, enough: Callable[[int], bool], most_s: float) -> bool:
        """Whether enough calls came in so much time."""
        with self._more:
            self._more.wait_for(lambda: self._failed or enough(len(self.calls)), most_s)
            assert self._failed is None, self._failed
            return enough(len(self.calls))

    def stop(self) -> None:
        self._ending = True
        self._thread.join()
        self._lanes.close()
        self._stream.connection.close()

    def _run(self) -> None:
        try:
            while not self._ending:
                if time.monotonic() >= self._beat_at:
                    self._beat()
                self._lanes.turn(TURN_S)
        except (OSError, AssertionError) as failed:
            with self._more:
                self._failed = failed
                self._more.notify_all()

    def _beat(self) -> None:
        self._beats, self._beat_at = self._beats + 1, time.monotonic() + BEAT_S
        request = timed(self._door.request("POST", "/v1/events", heartbeat(self._beats, self._switch), ONE))
        self._lanes.lanes[self._beats % LANES].send(stamp(time.time() * 1000).join(request), _taken)

    def _came(self, command: dict[str, Any], arrived_ms: float) -> None:
        if command["command"] == "makeCall":
            with self._more:
                self.calls.append((command["id"], arrived_ms))
                self._more.notify_all()
        lane = min(self._lanes.lanes, key=lambda one: (not one.idle, len(one.waiting)))
        lane.send(
            self._door.request("POST", f"/v1/commands/{command['id']}/result", ACCEPTED, "application/json"), _taken
        )


def _taken(answer: Answer) -> None:
    assert answer.status == 202, answer


@contextmanager
def outbound_switch(door: Door, switch: str, declaration: Mapping[str, Any]) -> Iterator[OutboundSwitch]:
    """Declared, and on its stream, until the block ends."""
    declared = door.ask("PUT", f"/v1/switches/{switch}", declaration)
    assert declared.status == 200, declared
    found = OutboundSwitch(door, switch)
    found.start()
    try:
        yield found
    finally:
        found.stop()
