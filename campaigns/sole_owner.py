"""Work that one process does for all of them: whoever owns the one resource of a lease group."""

from campaigns.context import Context
from campaigns.leased_task import lease_changes
from campaigns.periodic_task import PeriodicTask
from cti.hosting import Host
from cti.leases.ownership import HEARTBEAT_MS


class SoleTask(PeriodicTask):
    """Looks at its lease, and where it is ours at what there is to do. `ours`: whether this process does the work."""

    def __init__(self, context: Context, host: Host, group: str, resource: str, idle_ms: float) -> None:
        """`idle_ms`: from one look to the next where no other process could own it."""
        super().__init__(context, HEARTBEAT_MS if host.shared else idle_ms)
        self._ownership = host.ownership(group, (resource,))
        self.ours = False

    async def start(self) -> None:
        await self._ownership.start()

    async def stop(self) -> None:
        await self._ownership.stop()

    async def _look(self, now_ms: float) -> bool:
        lost = await self._look_at_lease()
        return await self._work(now_ms, lost=lost)

    async def _look_at_lease(self) -> bool:
        """Whether it was lost since the last look. Raises LedgerAway, OutcomeUnknown."""
        await self._ownership.turn()
        gone, taken = lease_changes(self._ownership)
        self.ours = (self.ours and not gone) or bool(taken)
        return bool(gone)

    async def _work(self, now_ms: float, *, lost: bool) -> bool:
        """The work, if it is ours; whether anything was done. Raises what is in `away`."""
        raise NotImplementedError
