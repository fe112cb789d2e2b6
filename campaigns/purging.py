"""`Part.purge` of campaigns."""

from campaigns.context import Context
from campaigns.ledger.retention import Limits, purge
from cti.hosting import Purge


def purging(context: Context, kept_ms: int) -> Purge:
    """Drops what ended longer ago than `kept_ms`, payments that were told longer ago than the settings say, and what
    nobody asks for any more.
    """

    settlements_ms = context.settings.settlements_ms

    async def purged(at_ms: int) -> int:
        gone: int = await context.writer.run(purge, Limits(at_ms, at_ms - kept_ms, at_ms - settlements_ms))
        return gone

    return purged
