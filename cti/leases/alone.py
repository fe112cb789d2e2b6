"""Ownership where one process has the store for itself (SQLite, memory): it owns everything at once, also what another
process owned before. A process that is taken over ends.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, Generic
from uuid import uuid4

from cti.errors import Fenced
from cti.leases.ports import C, Claims, Lease, NamedLeases, R, Wanted
from cti.rows import Changes


def new_owner(kind: str = "engine") -> str:
    """A name for one start of one process: a process started again is another owner."""
    return f"{kind}-{uuid4().hex[:16]}"


class Alone(Generic[R, C]):
    """`Ownership` of `cti.ports` without heartbeats. `resources`: as `Leases.claim` takes them."""

    def __init__(self, leases: Claims[C], resources: Any, owner: str) -> None:
        self._leases, self._resources, self._owner = leases, resources, owner
        self._new: list[C] = []

    async def start(self) -> None:
        self._new = list(await self._leases.claim(self._owner, self._resources))

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def turn(self) -> None:
        """Do nothing: no other process takes over."""

    def changes(self) -> Changes[R, C]:
        new, self._new = self._new, []
        return Changes([], [], new)

    def released(self, resources: Iterable[R]) -> None:
        """Do nothing: there is no other process to release for."""

    def lost(self, resources: Iterable[R]) -> None:
        gone = list(resources)
        raise Fenced(
            partitions=[resource for resource in gone if isinstance(resource, int)],
            resources=[resource for resource in gone if isinstance(resource, str)],
        )

    async def stop(self) -> None:
        """The next to start takes everything over."""


class AloneNamed(Alone[str, Lease]):
    """`NamedOwnership`: what is added is owned at once."""

    def __init__(self, leases: NamedLeases, resources: Collection[str], owner: str) -> None:
        super().__init__(leases, resources, owner)
        self._named = leases
        self._retired: set[str] = set()

    async def add(self, resources: Collection[str]) -> None:
        await self._named.add(resources)
        seen = await self._named.holdings()
        free = [holding for holding in seen.resources if holding.owner != self._owner]
        wanted = [Wanted(holding.resource, holding.epoch, seen.heartbeats.get(holding.owner)) for holding in free]
        self._new += await self._named.take(self._owner, wanted)

    async def retire(self, resources: Collection[str]) -> None:
        await self._named.retire(resources)
        self._retired |= set(resources)
        self._new = [claim for claim in self._new if claim.resource not in self._retired]

    def changes(self) -> Changes[str, Lease]:
        lost, self._retired = sorted(self._retired), set()
        return Changes(lost, [], super().changes().take)
