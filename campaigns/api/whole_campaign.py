"""A campaign as it is answered: settings, `progress` and `next`, from one transaction and a look at its switch."""

from typing import Any

from campaigns.api import progress, shown_approval
from campaigns.api.outlook import SwitchLook, outlook_of
from campaigns.api.pace import carried
from campaigns.api.shown import shown_campaign
from campaigns.context import Context
from campaigns.core.campaign import DIALS
from campaigns.core.waiting import SWITCH_SILENT_MAX_MS
from campaigns.ledger.rows import CampaignRow
from cti.hosting import DeclaredSwitch

NOT_LOOKED_AT = SwitchLook(heard=True, clock_true=True)


async def whole(context: Context, row: CampaignRow) -> dict[str, Any]:
    """The answer. Raises LedgerAway."""
    now_ms, now_s = context.now_ms(), context.clock.now_ms() / 1000
    key = ("figures", row.id, row.version)
    kept = context.cache.get(key, now_s)
    if kept is None:
        started = context.cache.started()
        kept = (now_ms, await context.reader.run(progress.read, row, now_ms))
        context.cache.put(key, kept, now_s, started)
    read_at_ms, read = kept
    declared = await context.declared(row.tenant, row.switch) if row.state in DIALS else None
    switch = await _switch(context, row, declared) if row.state in DIALS else NOT_LOOKED_AT
    return {
        **shown_campaign(row, context.rules),
        **shown_approval.shown_decided(await context.reader.run(shown_approval.read, context, row), now_ms),
        "progress": progress.progress_of(row, read, context.rules, carried(row, declared), read_at_ms),
        "next": outlook_of(row, read, context.rules, switch, now_ms),
    }


async def _switch(context: Context, row: CampaignRow, declared: DeclaredSwitch | None) -> SwitchLook:
    """How the switch of a campaign stands, as the dialler sees it."""
    if declared is None:
        return SwitchLook(heard=False, clock_true=True)
    standing = await context.dial.standing(row.tenant, row.switch, declared.source)
    last_ms = standing.last_word_ms
    heard = (
        standing.alive
        and last_ms is not None
        and standing.at_ms - last_ms <= SWITCH_SILENT_MAX_MS * max(context.speed, 1.0)
    )
    return SwitchLook(heard, standing.word is None or standing.word.trusted)
