"""Logs where each tenant's audit log ends, once a day: kept elsewhere, it shows that nothing was cut off since."""

import structlog

from campaigns.context import Context
from campaigns.ledger import audit
from campaigns.periodic_task import PeriodicTask
from campaigns.settings import DAY_MS
from cti.errors import LedgerAway

EVERY_MS = float(DAY_MS)
AGAIN_MS = 60_000.0  # after the ledger was away

log = structlog.get_logger()


class Anchors(PeriodicTask):
    """Each process that dials logs them; the same line twice does no harm."""

    away = (LedgerAway,)

    def __init__(self, context: Context) -> None:
        super().__init__(context, EVERY_MS)

    async def _look(self, now_ms: float) -> bool:
        """The lines of a day; nothing is written to the ledger."""
        del now_ms
        after = ""
        while heads := await self._context.reader.run(audit.heads, after):
            for head in heads:
                log.info("audit head", action="audit_head", tenant=head.tenant, no=head.no, hash=head.hash)
            after = heads[-1].tenant
        return False

    def _wait(self, error: Exception, now_ms: float) -> None:
        self._next_ms = now_ms + AGAIN_MS
        log.warning("audit heads wait", action="audit_heads_wait", why=str(error))
