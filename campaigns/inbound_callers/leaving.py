"""Callers whose call has ended without anybody saying so (the engine was killed, this side was away) are found here,
and lines that an outbound call had when they were to be taken.
"""

import asyncio

import structlog

from campaigns.context import Context
from campaigns.inbound_callers.looking import leave, take
from campaigns.ledger import callers
from cti.errors import LedgerAway, OutcomeUnknown
from cti.hosting import Host

LOOK_MS = 5_000.0
IDLE_MS = 60_000.0  # where nobody was calling: what is looked for here has gone wrong before
CALLERS_MAX = 1_000  # of one look
LASTS_MAX_MS = 4 * 3_600_000  # as long as a call without any event lives: beyond it the line is free in any case

log = structlog.get_logger()


class Leaving:
    """`Task`: each process that dials looks; twice does no harm."""

    def __init__(self, context: Context, host: Host) -> None:
        self._context, self._still_live = context, host.still_live
        self._look_ms = float("-inf")

    async def start(self) -> None:
        """Nothing is held."""

    async def run(self) -> None:
        while True:
            await self.step()
            await self._context.clock.wait(asyncio.Event(), self.next_ms())

    def next_ms(self) -> float:
        return self._look_ms

    async def step(self) -> bool:
        """One look, where it is due; whether a line was taken or left."""
        now_ms = self._context.clock.now_ms()
        if now_ms < self._look_ms:
            return False
        self._look_ms = now_ms + IDLE_MS
        try:
            return await self._look()
        except (LedgerAway, OutcomeUnknown) as reason:
            log.warning("callers wait", action="callers_wait", why=str(reason))
            return False

    async def _look(self) -> bool:
        reader, now_ms = self._context.reader, self._context.now_ms()
        calling = await reader.run(callers.calls, CALLERS_MAX)
        if not calling:
            return False
        self._look_ms = self._context.clock.now_ms() + LOOK_MS
        live = await self._still_live([call_id for call_id, _ in calling])
        gone = [call_id for call_id, since_ms in calling if call_id not in live or now_ms - since_ms > LASTS_MAX_MS]
        if gone:
            await leave(self._context, gone)
        untaken = await reader.run(callers.untaken, CALLERS_MAX)
        if untaken:
            await take(self._context, untaken)
        return bool(gone)

    async def stop(self) -> None:
        """Nothing is held."""
