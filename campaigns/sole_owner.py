"""Work that one process does for all of them: whoever owns the one resource of a lease group."""

from cti.hosting import Host
from cti.leases.ownership import HEARTBEAT_MS


class SoleOwner:
    """`every_ms`: how often `turn` is to be called, at least; `idle_ms` where nobody else could own it."""

    def __init__(self, host: Host, group: str, resource: str, idle_ms: float) -> None:
        self._ownership = host.ownership(group, (resource,))
        self.every_ms = HEARTBEAT_MS if host.shared else idle_ms
        self.ours = False

    async def start(self) -> None:
        await self._ownership.start()

    async def turn(self) -> bool:
        """One more look at the lease; whether it was lost since the last. Raises LedgerAway, OutcomeUnknown."""
        await self._ownership.turn()
        changes = self._ownership.changes()
        self._ownership.released(changes.release)
        lost = bool(changes.lost or changes.release)
        self.ours = (self.ours and not lost) or bool(changes.take)
        return lost

    async def stop(self) -> None:
        await self._ownership.stop()
