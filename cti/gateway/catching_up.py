"""`?min_position=`: a read that wants to see what was posted waits until the ledger has it, for a second at most."""

import asyncio
from collections.abc import Mapping

from cti.gateway.positions import reached, token_of
from cti.gateway.pulse import Pulse
from cti.ports import Reads
from cti.web.limits import Limits
from cti.web.refusal import busy


class CatchingUp:
    """Waits for positions to be committed."""

    def __init__(self, reads: Reads, pulse: Pulse, limits: Limits) -> None:
        self._reads, self._pulse, self._limits = reads, pulse, limits
        self._waiters = 0

    async def as_of(self, wanted: Mapping[int, int] | None) -> str:
        """Waits for `wanted`; the token of what is committed then, whether or not it was reached in time."""
        positions = await self._reads.positions()
        if wanted and not reached(positions, wanted):
            positions = await self._waited(wanted, positions)
        return token_of(positions)

    async def _waited(self, wanted: Mapping[int, int], positions: Mapping[int, int]) -> Mapping[int, int]:
        if self._waiters >= self._limits.position_waiters:
            raise busy("overloaded", self._limits.retry_after_s, "Too many reads wait for a position")
        self._waiters += 1
        try:
            async with asyncio.timeout(self._limits.position_wait_s):
                while not reached(positions, wanted):
                    await self._moved()
                    positions = await self._reads.positions()
        except TimeoutError:
            pass  # the answer's as_of says how far it is
        finally:
            self._waiters -= 1
        return positions

    async def _moved(self) -> None:
        """Wait until the engine of this process commits, or a poll is due."""
        try:
            async with asyncio.timeout(self._limits.position_poll_s):
                await self._pulse.moved.wait()
        except TimeoutError:
            return
