"""A campaign drains: nobody new is called, and those with whom something was begun go on to their end.

The first transaction takes the rows that every turn locks, and takes back all orders that were not sent: after it no
contact is begun. Contacts with whom nothing was begun are cancelled in pieces, the first of them at once; what the
others still need (attempts, deadlines, letters) they get as ever. Paused, it stays paused, and drains on when it is
resumed. Once every contact is final the campaign is `done`.
"""

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.reasons import CampaignStep, Why
from campaigns.dialler.actions import (
    CLOSED_AT_ONCE,
    Also,
    Done,
    held,
    nothing_more,
    run_each,
    withdraw_unsent,
    write,
)
from campaigns.ledger import campaigns, draining
from campaigns.ledger.rows import CampaignRow


async def drain(context: Context, tenant: str, campaign: str, who: str, also: Also = nothing_more) -> CampaignRow:
    """Raises NotFound, WrongState, LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = campaigns.set_state(connection, held(connection, tenant, campaign), CampaignStep.DRAIN, who, now_ms)
        took = withdraw_unsent(context, connection, row, Why.CAMPAIGN_DRAINING, now_ms)
        draining.cancel_some(connection, row.id, CLOSED_AT_ONCE)
        also(connection)
        return Done(row, took)

    return await write(context, act)


async def go_on(context: Context, row: CampaignRow) -> bool:
    """The next piece of a campaign that drains; whether anybody was cancelled. Raises LedgerAway, OutcomeUnknown."""

    def cancel(connection: Connection) -> int:
        campaigns.lock(connection, row.id, row.tenant)
        return draining.cancel_some(connection, row.id, CLOSED_AT_ONCE)

    cancelled: int = await context.writer.run(run_each, cancel)
    return bool(cancelled)
