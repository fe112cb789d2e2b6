"""The partitions that this engine works on: what it takes it loads, what it loses it drops.

A partition is taken over in the background, its calls slice by slice, while the others go on; it is read from the
moment it has been loaded. One that is let go is read no further, and given back once all of it is committed.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from cti import errors
from cti.core.identity import key_of
from cti.engine.gathering import Gathering
from cti.engine.loading import Loaded, load
from cti.ports import EventLog, Ledger, Ownership
from cti.rows import Claim, Fence

EPOCH_BITS = 32  # copies of one owner of a partition are numbered below

log = structlog.get_logger()


class Partitions:
    """Epochs and positions of one engine's partitions. `read`: the last position read; `committed`: what stands."""

    def __init__(self, work: Gathering, event_log: EventLog, ledger: Ledger, ownership: Ownership) -> None:
        self._work, self._log, self._ledger, self._ownership = work, event_log, ledger, ownership
        self.epochs: dict[int, int] = {}
        self.read: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self._coming: dict[int, tuple[Claim, asyncio.Task[Loaded]]] = {}

    # -- what changes --------------------------------------------------------------------------------------------------

    def take(self, claims: Iterable[Claim], wake: asyncio.Event) -> None:
        """Begin to load these; `wake` is set when one has come."""
        for claim in claims:
            task = asyncio.create_task(load(self._work, self._ledger, claim.partition))
            task.add_done_callback(lambda _: wake.set())
            self._coming[claim.partition] = (claim, task)

    def come(self) -> list[tuple[Claim, Loaded]]:
        """Those that have been loaded; what the ledger did not give is loaded again."""
        found: list[tuple[Claim, Loaded]] = []
        for partition, (claim, task) in list(self._coming.items()):
            if not task.done():
                continue
            del self._coming[partition]
            if (fault := task.exception()) is None:
                found.append((claim, task.result()))
            elif isinstance(fault, errors.LedgerAway | errors.OutcomeUnknown):
                log.warning("partition not loaded", action="engine_waits", partition=partition, why=str(fault))
                self.take([claim], asyncio.Event())  # whoever asks next finds it
            else:
                raise fault
        return found

    async def all_come(self) -> list[tuple[Claim, Loaded]]:
        """Those that are on their way, once all of them have been loaded. Raises errors.LedgerAway."""
        coming, self._coming = list(self._coming.values()), {}
        return [(claim, await task) for claim, task in coming]

    def adopt(self, claim: Claim, loaded: Loaded) -> None:
        """Work on it from now on."""
        partition, work = claim.partition, self._work
        self.epochs[partition] = claim.epoch
        self.read[partition] = self.committed[partition] = claim.position
        work.command_nos[partition] = claim.command_no
        # Behind all numbers of former owners: what one of them learns late of its copies says nothing of ours.
        work.outbox_nos[partition] = claim.epoch << EPOCH_BITS
        work.partition_ms[partition] = 0.0  # nothing of it was read yet: no timer fires on what it may hold
        work.layers.base.calls.update(loaded.calls)
        work.layers.base.agents.update(loaded.agents)
        work.telemetry.agents_are(work.layers.base.agents.values())

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget these and all that is in memory of them; nothing of them may be uncommitted."""
        gone = set(partitions)
        for partition in gone & self._coming.keys():
            self._coming.pop(partition)[1].cancel()
        gone &= self.epochs.keys()
        work, base = self._work, self._work.layers.base
        for partition in gone:
            del self.epochs[partition], self.read[partition], self.committed[partition]
            del work.command_nos[partition], work.outbox_nos[partition], work.partition_ms[partition]
        for source in work.sources.values():
            source.forget(gone)
        calls = {key: live for key, live in base.calls.items() if live.partition in gone}
        work.telemetry.calls_left(live.call for live in calls.values())
        for key in calls:
            del base.calls[key]
        for agent in [key for key in base.agents if self._log.partition_of(key_of(*key), "agent") in gone]:
            del base.agents[agent]
        work.telemetry.agents_are(base.agents.values())

    async def stop(self) -> None:
        """Load nothing any more."""
        tasks = [task for _, task in self._coming.values()]
        self._coming.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- positions -----------------------------------------------------------------------------------------------------

    def back(self) -> None:
        """Read again what is not committed; until then these partitions have no time."""
        self.read = dict(self.committed)
        self._work.partition_ms = dict.fromkeys(self.epochs, 0.0)

    def stand(self, positions: Mapping[int, int]) -> None:
        """A round up to these positions is committed."""
        self.committed.update({partition: at for partition, at in positions.items() if partition in self.epochs})

    def at_end(self, positions: Mapping[int, int]) -> bool:
        """Whether all is read up to these positions."""
        return all(at >= positions.get(partition, 0) for partition, at in self.read.items())

    def fences(self) -> list[Fence]:
        """What a round that holds all that was read has to prove, and where it leads."""
        numbers = self._work.command_nos
        return [
            Fence(partition, epoch, self.read[partition], numbers.get(partition, 0))
            for partition, epoch in self.epochs.items()
        ]
