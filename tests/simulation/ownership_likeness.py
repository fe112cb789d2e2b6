"""When two worlds of the ownership model are alike, so that only one of them need be explored."""

from collections.abc import Mapping
from typing import Any

from cti.leases.ownership import GAP_MAX_MS, PROVEN_HEARTBEATS, SILENT_MS
from tests.simulation.ownership_model import Process, World


def signature(world: World) -> tuple[Any, ...]:
    """Worlds with the same one behave alike: epochs and heartbeats count from the ledger's, times from now."""
    claims = world.ledger._claims
    ranks = {n: _ranks(world, n) for n in claims}
    owned = [
        (owner, world.committed.get((partition, claims[partition].epoch)))
        for partition, owner in world.ledger._owners.items()
    ]
    heartbeats = [
        (name, min(heartbeat, PROVEN_HEARTBEATS), min(world.silent_ms[name], SILENT_MS))
        for name, heartbeat in world.ledger._heartbeats.items()
    ]
    return (
        *owned,
        *heartbeats,
        world.away,
        world.faults,
        *[_mind(world, process, ranks) for process in world.processes.values()],
    )


def _ranks(world: World, partition: int) -> dict[int, int]:
    """The epochs of a partition that anybody remembers, the latest first."""
    known = {world.ledger._claims[partition].epoch}
    for one in world.processes.values():
        known |= {epochs[partition] for epochs in one.epochs() if partition in epochs}
    return {epoch: rank for rank, epoch in enumerate(sorted(known, reverse=True))}


def _mind(world: World, process: Process, ranks: Mapping[int, Mapping[int, int]]) -> tuple[Any, ...]:
    watch, now = process.watch, world.now_ms
    looked = now if watch._looked_ms is None else watch._looked_ms

    def same(name: str, heartbeat: int | None) -> bool:
        return heartbeat == world.ledger._heartbeats.get(name)

    last = sorted(watch._heartbeats.items())
    heard = [(n, same(n, heartbeat), min(looked - at, SILENT_MS)) for n, (heartbeat, at) in last]
    wanted = [(one.resource, same(world.ledger._owners[one.resource], one.heartbeat)) for one in process.wanted]
    epochs = [tuple(sorted((n, ranks[n][epoch]) for n, epoch in each.items())) for each in process.epochs()]
    times = (watch._looked_ms is None, min(now - looked, GAP_MAX_MS))
    return watch.owner, *epochs, tuple(sorted(watch.leaving)), tuple(heard), tuple(wanted), *times
