"""Lease groups in memory, with the conditions of those in SQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic

from cti.errors import Fenced, WrongPartitions
from cti.leases.ports import NOBODY, C, Holding, Holdings, Lease, R, Wanted
from cti.rows import Claim


class MemoryGroup(Generic[R, C]):
    """`Leases` over dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._claims: dict[R, C] = {}
        self._owners: dict[R, str] = {}
        self._heartbeats: dict[str, int] = {}

    def _make(self, resources: Any) -> None:
        raise NotImplementedError

    def _raised(self, claim: C) -> C:
        """The same under the next epoch."""
        raise NotImplementedError

    async def claim(self, owner: str, resources: Any) -> list[C]:
        self._make(resources)
        for resource in self._owners:
            self._pass_on(resource, owner)
        return [self._claims[resource] for resource in sorted(self._owners)]

    async def join(self, owner: str, resources: Any) -> None:
        self._make(resources)
        self._heartbeats[owner] = 1

    async def heartbeat(self, owner: str, count: int) -> None:
        self._heartbeats[owner] = count

    async def holdings(self) -> Holdings[R]:
        held = [Holding(resource, self._claims[resource].epoch, owner) for resource, owner in self._owners.items()]
        return Holdings(dict(self._heartbeats), sorted(held))

    async def take(self, owner: str, wanted: Sequence[Wanted[R]]) -> list[C]:
        free = [want.resource for want in wanted if want == self._as_wanted(want.resource)]
        for resource in free:
            self._pass_on(resource, owner)
        return [self._claims[resource] for resource in sorted(free)]

    async def release(self, owner: str, held: Mapping[R, int]) -> None:
        for resource, epoch in held.items():
            if self._owners.get(resource) == owner and self._claims[resource].epoch == epoch:
                self._pass_on(resource, NOBODY)

    async def leave(self, owner: str) -> None:
        await self.release(owner, {resource: claim.epoch for resource, claim in self._claims.items()})
        self._heartbeats.pop(owner, None)

    async def forget(self, heartbeats: Mapping[str, int]) -> None:
        for owner in [owner for owner, heartbeat in heartbeats.items() if self._heartbeats.get(owner) == heartbeat]:
            if owner not in self._owners.values():
                del self._heartbeats[owner]

    def _as_wanted(self, resource: R) -> Wanted[R] | None:
        if resource not in self._owners:
            return None
        return Wanted(resource, self._claims[resource].epoch, self._heartbeats.get(self._owners[resource]))

    def _pass_on(self, resource: R, owner: str) -> None:
        self._claims[resource] = self._raised(self._claims[resource])
        self._owners[resource] = owner


class MemoryLeases(MemoryGroup[int, Claim]):
    """The engines' group: partitions, whose number is fixed for life."""

    def _make(self, resources: int) -> None:
        if len(self._claims) not in {0, resources}:
            raise WrongPartitions(f"made with {len(self._claims)}, asked for {resources}")
        for number in range(resources):
            self._claims.setdefault(number, Claim(number, 0, 0, 0))
            self._owners.setdefault(number, NOBODY)

    def _raised(self, claim: Claim) -> Claim:
        return claim._replace(epoch=claim.epoch + 1)


class MemoryNamedLeases(MemoryGroup[str, Lease]):
    """`NamedLeases`. A retired resource has a claim and no owner."""

    def _make(self, resources: Collection[str]) -> None:
        for name in resources:
            self._claims.setdefault(name, Lease(name, 0))
            self._owners.setdefault(name, NOBODY)

    def _raised(self, claim: Lease) -> Lease:
        return claim._replace(epoch=claim.epoch + 1)

    async def add(self, resources: Collection[str]) -> None:
        self._make(resources)

    async def retire(self, resources: Collection[str]) -> None:
        for name in self._owners.keys() & set(resources):
            self._pass_on(name, NOBODY)
            del self._owners[name]

    def hold(self, held: Mapping[str, int]) -> None:
        """The fence, as `cti.leases.sql.hold`. Raises `Fenced`."""
        gone = {name for name, epoch in held.items() if name not in self._claims or self._claims[name].epoch != epoch}
        if gone:
            raise Fenced(resources=gone)
