"""Logs where each tenant's audit log ends, once a day: kept elsewhere, it shows that nothing was cut off since."""

import asyncio

import structlog

from campaigns.context import Context
from campaigns.ledger import audit
from campaigns.settings import DAY_MS
from cti.errors import LedgerAway

EVERY_MS = float(DAY_MS)
AGAIN_MS = 60_000.0  # after the ledger was away

log = structlog.get_logger()


class Anchors:
    """`Task`: each process that dials logs them; the same line twice does no harm."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_ms = float("-inf")

    async def start(self) -> None:
        """Nothing is held."""

    async def run(self) -> None:
        while True:
            await self.step()
            await self._context.clock.wait(asyncio.Event(), self.next_ms())

    def next_ms(self) -> float:
        return self._next_ms

    async def step(self) -> bool:
        """The lines of a day where they are due; nothing is written to the ledger."""
        now_ms = self._context.clock.now_ms()
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + EVERY_MS
        try:
            after = ""
            while heads := await self._context.reader.run(audit.heads, after):
                for head in heads:
                    log.info("audit head", action="audit_head", tenant=head.tenant, no=head.no, hash=head.hash)
                after = heads[-1].tenant
        except LedgerAway as error:
            self._next_ms = now_ms + AGAIN_MS
            log.warning("audit heads wait", action="audit_heads_wait", why=str(error))
        return False

    async def stop(self) -> None:
        """Nothing is held."""
