"""Callers whose call has ended without anybody saying so (the engine was killed, this side was away) are found here,
and lines that an outbound call had when they were to be taken.
"""

import structlog

from campaigns.context import Context
from campaigns.inbound_callers.looking import leave, take
from campaigns.ledger import callers
from campaigns.periodic_task import PeriodicTask
from cti.hosting import Host

LOOK_MS = 5_000.0
IDLE_MS = 60_000.0  # where nobody was calling: what is looked for here has gone wrong before
CALLERS_MAX = 1_000  # of one look
LASTS_MAX_MS = 4 * 3_600_000  # as long as a call without any event lives: beyond it the line is free in any case

log = structlog.get_logger()


class Leaving(PeriodicTask):
    """Each process that dials looks; twice does no harm."""

    def __init__(self, context: Context, host: Host) -> None:
        super().__init__(context, IDLE_MS)
        self._still_live = host.still_live

    async def _look(self, now_ms: float) -> bool:
        """Whether a line was left."""
        del now_ms
        reader, wall_ms = self._context.reader, self._context.now_ms()
        calling = await reader.run(callers.calls, CALLERS_MAX)
        if not calling:
            return False
        self._next_ms = self._context.clock.now_ms() + LOOK_MS
        live = await self._still_live([call_id for call_id, _ in calling])
        gone = [call_id for call_id, since_ms in calling if call_id not in live or wall_ms - since_ms > LASTS_MAX_MS]
        if gone:
            await leave(self._context, gone)
        untaken = await reader.run(callers.untaken, CALLERS_MAX)
        if untaken:
            await take(self._context, untaken)
        return bool(gone)

    def _wait(self, error: Exception, now_ms: float) -> None:
        del now_ms
        log.warning("callers wait", action="callers_wait", why=str(error))
