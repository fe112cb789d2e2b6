"""When two worlds of the ownership model are alike, so that only one of them need be explored."""

from collections.abc import Mapping
from typing import Any

from cti.ownership import GAP_MAX_MS, PROVEN_BEATS, SILENT_MS
from tests.simulation.ownership_model import Process, World


def signature(world: World) -> tuple[Any, ...]:
    """Worlds with the same one behave alike: epochs and beats count from the ledger's, times from now."""
    claims = world.ledger._claims
    ranks = {n: _ranks(world, n) for n in claims}
    owned = [
        (owner, world.committed.get((partition, claims[partition].epoch)))
        for partition, owner in world.ledger._owners.items()
    ]
    beats = [
        (name, min(beat, PROVEN_BEATS), min(world.unbeaten_ms[name], SILENT_MS))
        for name, beat in world.ledger._beats.items()
    ]
    return (
        *owned,
        *beats,
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

    def same(name: str, beat: int | None) -> bool:
        return beat == world.ledger._beats.get(name)

    heard = [(n, same(n, beat), min(looked - at, SILENT_MS)) for n, (beat, at) in sorted(watch._beats.items())]
    wanted = [(one.partition, same(world.ledger._owners[one.partition], one.beat)) for one in process.wanted]
    epochs = [tuple(sorted((n, ranks[n][epoch]) for n, epoch in each.items())) for each in process.epochs()]
    times = (watch._looked_ms is None, min(now - looked, GAP_MAX_MS))
    return watch.owner, *epochs, tuple(sorted(watch.leaving)), tuple(heard), tuple(wanted), *times
