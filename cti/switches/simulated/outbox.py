"""What the switch sends: events in order, results in order for one command; kept until the product accepts it."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from zlib import crc32

from cti.switches.simulated.door import AwayError, Door, RefusedItem, TooLargeError

BATCH_MAX = 500
BATCH_BYTES_MAX = 400_000
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.1, 5.0
QUEUES = 4  # results under way at once
RESULTS_MAX = 1_000  # waiting in one queue; beyond that no further command is read
FINAL_STATUSES = {200, 202, 204}


class Backoff:
    """Exponential backoff; a Retry-After from the product wins."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S

    async def wait(self, away: AwayError) -> None:
        wait_s, self._next_s = self._next_s, min(self._next_s * 2, BACKOFF_MAX_S)
        await asyncio.sleep(wait_s if away.retry_after_s is None else away.retry_after_s)

    def reset(self) -> None:
        self._next_s = BACKOFF_FIRST_S


class _Line:
    """What is sent while the line to the product is up, and whether all of it has left."""

    def __init__(self) -> None:
        self._line_up, self._empty = asyncio.Event(), asyncio.Event()
        self._line_up.set()
        self._empty.set()

    def line(self, up: bool) -> None:
        if up:
            self._line_up.set()
        else:
            self._line_up.clear()

    async def emptied(self) -> None:
        await self._empty.wait()


class Outbox(_Line):
    """Events to be posted. A batch in flight stays at the head until the product has accepted it."""

    def __init__(self, door: Door, on_refused: Callable[[bytes, RefusedItem], None]) -> None:
        super().__init__()
        self._door = door
        self._on_refused = on_refused
        self._bodies: deque[bytes] = deque()
        self._some = asyncio.Event()
        self.position = ""  # of the last batch taken

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, bodies: Sequence[bytes]) -> None:
        if bodies:
            self._bodies.extend(bodies)
            self._empty.clear()
            self._some.set()

    def left(self) -> list[bytes]:
        return list(self._bodies)

    async def run(self) -> None:
        """Send for ever. Raises NotAllowedError."""
        backoff, size = Backoff(), BATCH_MAX
        while True:
            await self._some.wait()
            await self._line_up.wait()
            batch = self._head(size)
            try:
                posted = await self._door.post(batch)
            except AwayError as away:
                await backoff.wait(away)
                continue
            except TooLargeError as too_large:
                if len(batch) > 1:
                    size = len(batch) // 2
                    continue
                self._took(batch, [RefusedItem(0, "too_large", str(too_large))])
            else:
                self.position = posted.position or self.position
                self._took(batch, posted.refused)
            backoff.reset()
            size = BATCH_MAX

    def _head(self, size: int) -> list[bytes]:
        batch: list[bytes] = []
        total = 0
        for body in self._bodies:
            total += len(body) + 1
            if len(batch) == size or (batch and total > BATCH_BYTES_MAX):
                break
            batch.append(body)
        return batch

    def _took(self, batch: Sequence[bytes], refused: Sequence[RefusedItem]) -> None:
        for item in refused:
            if 0 <= item.index < len(batch):
                self._on_refused(batch[item.index], item)
        for _ in batch:
            self._bodies.popleft()
        if not self._bodies:
            self._some.clear()
            self._empty.set()


class Result(NamedTuple):
    """An answer to a command, as it is posted."""

    command_id: str
    body: str


class Results(_Line):
    """Answers to commands: in order for one command, side by side for several."""

    def __init__(self, door: Door, on_status: Callable[[Result, int], None]) -> None:
        super().__init__()
        self._door = door
        self._on_status = on_status
        self._queues: list[deque[Result]] = [deque() for _ in range(QUEUES)]
        self._some = [asyncio.Event() for _ in range(QUEUES)]
        self._room = asyncio.Event()
        self._room.set()

    def put(self, result: Result) -> None:
        queue = crc32(result.command_id.encode()) % QUEUES
        self._queues[queue].append(result)
        self._some[queue].set()
        self._empty.clear()
        if len(self._queues[queue]) >= RESULTS_MAX:
            self._room.clear()

    def left(self) -> list[Result]:
        return [result for queue in self._queues for result in queue]

    async def room(self) -> None:
        """Wait until another command may be read."""
        await self._room.wait()

    async def run(self) -> None:
        """Send for ever. Raises NotAllowedError."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(QUEUES):
                tasks.create_task(self._run_queue(number))

    async def _run_queue(self, number: int) -> None:
        queue, backoff = self._queues[number], Backoff()
        while True:
            await self._some[number].wait()
            await self._line_up.wait()
            result = queue[0]
            try:
                status = await self._door.answer(result.command_id, result.body.encode())
            except AwayError as away:
                await backoff.wait(away)
                continue
            backoff.reset()
            queue.popleft()
            if status not in FINAL_STATUSES:
                self._on_status(result, status)
            if not queue:
                self._some[number].clear()
            if all(len(other) < RESULTS_MAX for other in self._queues):
                self._room.set()
            if not any(self._queues):
                self._empty.set()


def result_body(state: str, time: str, reason: str | None = None, **more: object) -> str:
    """`more`: what a snapshotCall is answered with. Members that are None are left out."""
    result = {"state": state, "time": time, "reason": reason, **more}
    return json.dumps({name: value for name, value in result.items() if value is not None})
