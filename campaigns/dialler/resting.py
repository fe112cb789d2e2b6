"""Dialling that rests by itself (`spikes`), from what the ledger says: read after a turn, when calls have ended."""

import json
from collections.abc import Collection, Mapping

from campaigns.context import Context
from campaigns.core.campaign import DIALS
from campaigns.core.reasons import Channel, Why
from campaigns.dialler.actions import pause
from campaigns.dialler.spikes import LOOKED_AT, QUEUE_RESTS_MS, is_queue_free, is_spike
from campaigns.errors import NotFound, WrongState
from campaigns.ledger.ended_calls import last_calls, last_to_queue
from campaigns.ledger.rows import AttemptRow, CampaignRow
from campaigns.ledger.turns import WHO
from cti.dial.declared import takes_agent_first


async def pause_where_needed(
    context: Context, campaigns: Mapping[str, CampaignRow], refused: Mapping[str, str], ended: Collection[str]
) -> set[str]:
    """Pause campaigns whose switch cannot dial (`refused`: why, by campaign), or of whose last calls too many failed
    (`ended`: campaigns of which a call has ended); the ids of those paused now.

    `campaigns`: as the turn read them. Raises LedgerAway, OutcomeUnknown.
    """
    paused: set[str] = set()
    for campaign in sorted({*refused, *ended} & campaigns.keys()):
        row = campaigns[campaign]
        if row.state not in DIALS:
            continue
        why = refused.get(campaign) or await _spike(context, row)
        if why is not None and await _pause(context, row, why):
            paused.add(campaign)
    return paused


async def queue_is_free(context: Context, campaign: CampaignRow) -> bool:
    """`World.queue_free`: whether those who press 0 may hope for an agent, and those who are called by one are. Raises
    LedgerAway.
    """
    if Channel.AGENT in json.loads(campaign.channels):
        declared = await context.declared(campaign.tenant, campaign.switch)
        return declared is not None and campaign.queue is not None and takes_agent_first(declared.declaration)
    if campaign.queue is None:
        return True
    now_ms = context.now_ms()
    of_queue = (campaign.tenant, campaign.switch, campaign.queue)
    ended: list[AttemptRow] = await context.reader.run(last_to_queue, *of_queue, now_ms - 2 * QUEUE_RESTS_MS, LOOKED_AT)
    return is_queue_free(ended, now_ms)


async def _spike(context: Context, row: CampaignRow) -> str | None:
    since_ms = row.resumed_at_ms or row.started_at_ms or 0
    ended: list[AttemptRow] = await context.reader.run(last_calls, row.id, since_ms, LOOKED_AT)
    return Why.FAILURE_SPIKE.value if is_spike(ended, context.settings.failure_spike_percent) else None


async def _pause(context: Context, row: CampaignRow, why: str) -> bool:
    """False: somebody has paused or stopped it meanwhile."""
    try:
        await pause(context, row.tenant, row.id, WHO, why)
    except (WrongState, NotFound):
        return False
    return True
