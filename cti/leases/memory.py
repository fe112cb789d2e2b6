"""Engines and partitions in memory, with the conditions of the SQL ledger."""

from collections.abc import Mapping, Sequence

from cti.errors import WrongPartitions
from cti.leases.sql import NOBODY
from cti.rows import Claim, Holding, Holdings, Wanted


class MemoryLeases:
    """`Ownerships` of `cti.ports` over dictionaries."""

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}
        self._owners: dict[int, str] = {}
        self._heartbeats: dict[str, int] = {}

    async def claim(self, owner: str, partitions: int) -> list[Claim]:
        self._make(partitions)
        for number in range(partitions):
            self._pass_on(number, owner)
        return list(self._claims.values())

    async def join(self, owner: str, partitions: int) -> None:
        self._make(partitions)
        self._heartbeats[owner] = 1

    async def heartbeat(self, owner: str, count: int) -> None:
        self._heartbeats[owner] = count

    async def holdings(self) -> Holdings:
        held = [Holding(number, claim.epoch, self._owners[number]) for number, claim in sorted(self._claims.items())]
        return Holdings(dict(self._heartbeats), held)

    async def take(self, owner: str, wanted: Sequence[Wanted]) -> list[Claim]:
        free = [one.partition for one in wanted if one == self._as_wanted(one.partition)]
        for partition in free:
            self._pass_on(partition, owner)
        return sorted(self._claims[partition] for partition in free)

    async def release(self, owner: str, held: Mapping[int, int]) -> None:
        for partition, epoch in held.items():
            if (self._owners[partition], self._claims[partition].epoch) == (owner, epoch):
                self._pass_on(partition, NOBODY)

    async def leave(self, owner: str) -> None:
        await self.release(owner, {number: claim.epoch for number, claim in self._claims.items()})
        self._heartbeats.pop(owner, None)

    async def forget(self, heartbeats: Mapping[str, int]) -> None:
        for owner in [owner for owner, heartbeat in heartbeats.items() if self._heartbeats.get(owner) == heartbeat]:
            if owner not in self._owners.values():
                del self._heartbeats[owner]

    def _make(self, partitions: int) -> None:
        if len(self._claims) not in {0, partitions}:
            raise WrongPartitions(f"made with {len(self._claims)}, asked for {partitions}")
        for number in range(partitions):
            self._claims.setdefault(number, Claim(number, 0, 0, 0))
            self._owners.setdefault(number, NOBODY)

    def _as_wanted(self, partition: int) -> Wanted:
        return Wanted(partition, self._claims[partition].epoch, self._heartbeats.get(self._owners[partition]))

    def _pass_on(self, partition: int, owner: str) -> None:
        claim = self._claims[partition]
        self._claims[partition] = claim._replace(epoch=claim.epoch + 1)
        self._owners[partition] = owner
