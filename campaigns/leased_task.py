"""Tasks that share resources with other processes, each resource under a lease."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from cti.leases.ownership import HEARTBEAT_MS
from cti.leases.ports import Lease, NamedOwnership
from cti.ports import Clock


class LeaseChanges(NamedTuple):
    """Of this process: the resources that it owns no more, and the leases that are new."""

    gone: Sequence[str]
    taken: Sequence[Lease]


def lease_changes(ownership: NamedOwnership) -> LeaseChanges:
    """The changes since the last call. What is to be released is released: nothing of it may be under way."""
    changes = ownership.changes()
    ownership.released(changes.release)
    return LeaseChanges((*changes.lost, *changes.release), changes.take)


class LeasedTask:
    """`Task` of `cti.hosting`: works on what it owns; a change of the leases wakes it."""

    waits_after_work: ClassVar = True  # until `next_ms`; otherwise it goes on at once

    def __init__(self, clock: Clock, ownership: NamedOwnership, wake: asyncio.Event) -> None:
        """`wake`: set whenever there is something to do."""
        self._clock, self.ownership, self._wake = clock, ownership, wake
        self._turned_ms = float("-inf")

    async def start(self) -> None:
        await self.ownership.start()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.ownership.run())
            while True:
                self._wake.clear()
                if not await self._work() or self.waits_after_work:
                    await self._clock.wait(self._wake, self.next_ms())

    def next_ms(self) -> float:
        """When there is something to do again."""
        raise NotImplementedError

    async def step(self) -> bool:
        """All that is at hand; whether anything was done."""
        await self.turn_leases()
        return await self._work()

    async def turn_leases(self) -> None:
        """What `ownership.run` does, where it is due: for a scheduler that moves the time."""
        if self._clock.now_ms() >= self._turned_ms + HEARTBEAT_MS:
            self._turned_ms = self._clock.now_ms()
            await self.ownership.turn()

    async def stop(self) -> None:
        await self.ownership.stop()

    async def _work(self) -> bool:
        """Apply the changes of the leases and do what there is to do; whether anything was done."""
        raise NotImplementedError
