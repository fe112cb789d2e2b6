"""The partitions that this engine works on: it loads a partition that it takes, and drops one that it loses.

A partition is loaded in the background, its calls in slices, while the engine works on the others; reading begins when
it is loaded. A partition to be released is not read any more, and is given back once all of it is committed.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from cti import errors
from cti.core.identity import key_of
from cti.engine.live_calls import Layers
from cti.engine.loading import Loaded, load
from cti.engine.metrics import CallMetrics
from cti.engine.round_writer import RoundWriter
from cti.engine.sources import Sources
from cti.engine.times import Times
from cti.ports import EventLog, Ledger
from cti.rows import Claim, Fence

EPOCH_BITS: Final = 32  # outbox rows of one owner of a partition are numbered below

log: Final = structlog.get_logger()


class Partitions:
    """Epochs and committed positions of one engine's partitions."""

    def __init__(
        self, layers: Layers, sources: Sources, writer: RoundWriter, times: Times, telemetry: CallMetrics,
        event_log: EventLog, ledger: Ledger,
    ) -> None:  # fmt: skip
        self._layers, self._sources, self._writer, self._times = layers, sources, writer, times
        self._telemetry, self._log, self._ledger = telemetry, event_log, ledger
        self.epochs: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self._loading: dict[int, tuple[Claim, asyncio.Task[Loaded]]] = {}

    # -- loading -------------------------------------------------------------------------------------------------------

    def take(self, claims: Iterable[Claim], wake: asyncio.Event) -> None:
        """Start loading these; `wake` is set when one has been loaded."""
        for claim in claims:
            loading = load(self._sources, self._ledger, claim.partition, publishing=self._writer.publishing)
            task = asyncio.create_task(loading)
            task.add_done_callback(lambda _: wake.set())
            self._loading[claim.partition] = (claim, task)

    def loaded(self) -> list[tuple[Claim, Loaded]]:
        """The partitions that have been loaded; those that failed are loaded again."""
        found: list[tuple[Claim, Loaded]] = []
        for partition, (claim, task) in list(self._loading.items()):
            if not task.done():
                continue
            del self._loading[partition]
            if (fault := task.exception()) is None:
                found.append((claim, task.result()))
            elif isinstance(fault, errors.LedgerAway | errors.OutcomeUnknown):
                log.warning("partition not loaded", action="engine_waits", partition=partition, why=str(fault))
                self.take([claim], asyncio.Event())  # the next call finds it
            else:
                raise fault
        return found

    async def all_loaded(self) -> list[tuple[Claim, Loaded]]:
        """Those that are being loaded, once all of them have been. Raises errors.LedgerAway."""
        loading, self._loading = list(self._loading.values()), {}
        return [(claim, await task) for claim, task in loading]

    async def stop(self) -> None:
        """Load nothing any more."""
        tasks = [task for _, task in self._loading.values()]
        self._loading.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- adopt and drop ------------------------------------------------------------------------------------------------

    def adopt(self, claim: Claim, loaded: Loaded) -> None:
        """Work on it from now on."""
        partition, writer, base = claim.partition, self._writer, self._layers.base
        self.epochs[partition] = claim.epoch
        self.committed[partition] = claim.position
        writer.command_nos[partition] = claim.command_no
        # Above all numbers of former owners: a late acknowledgement of one of their rows must not cover ours.
        writer.outbox_nos[partition] = claim.epoch << EPOCH_BITS
        self._times.partition_ms[partition] = 0.0  # nothing of it was read yet: until then no timer fires
        base.calls.update(loaded.calls)
        base.agents.update(loaded.agents)
        for source, snapshot in loaded.snapshots:
            source.load_snapshot(partition, snapshot)
        self._telemetry.agents_are(base.agents.values())

    def drop(self, partitions: Iterable[int]) -> list[int]:
        """Drop these with all their state, none of which may be uncommitted; return those that this engine had."""
        gone = set(partitions)
        for partition in gone & self._loading.keys():
            self._loading.pop(partition)[1].cancel()
        gone &= self.epochs.keys()
        writer, base = self._writer, self._layers.base
        for partition in gone:
            del self.epochs[partition], self.committed[partition]
            del writer.command_nos[partition], writer.outbox_nos[partition]
            del self._times.partition_ms[partition]
        for source in self._sources.all():
            source.forget(gone)
        calls = {key: live for key, live in base.calls.items() if live.partition in gone}
        self._telemetry.calls_left(live.call for live in calls.values())
        for key in calls:
            del base.calls[key]
        for agent in [key for key in base.agents if self._log.partition_of(key_of(*key), "agent") in gone]:
            del base.agents[agent]
        self._telemetry.agents_are(base.agents.values())
        return sorted(gone)

    # -- positions -----------------------------------------------------------------------------------------------------

    def start_over(self) -> None:
        """What is not committed is read again; until then these partitions have no time."""
        self._times.partition_ms = dict.fromkeys(self.epochs, 0.0)

    def commit(self, positions: Mapping[int, int]) -> None:
        """A round up to these positions is committed."""
        self.committed.update(
            {partition: position for partition, position in positions.items() if partition in self.epochs}
        )

    def moved(self, positions: Mapping[int, int]) -> Sequence[tuple[int, int]]:
        """(partition, position) of each partition that a round up to these positions moves on."""
        return [
            (partition, position)
            for partition, position in positions.items()
            if self.committed.get(partition, position) < position
        ]

    def fences(self, positions: Mapping[int, int]) -> list[Fence]:
        """The fences of a round up to these positions: the epochs to compare, the positions and numbers to write."""
        numbers = self._writer.command_nos
        return [
            Fence(partition, epoch, positions[partition], numbers.get(partition, 0))
            for partition, epoch in self.epochs.items()
        ]
