"""The campaign that a callback goes into: one stands for each switch, trunk group, queue and channel of a tenant.

It is made and started with its first callback. It takes callbacks for `TAKES_MS`, then another one is made; from
`ENDS_MS` on it ends like any other, once its contacts are final, and retention takes it. One that was stopped, or whose
callbacks were withdrawn, takes no more: the next callback makes another. Its contacts are those of import 1.
"""

import hashlib
import json

from sqlalchemy import Connection

from campaigns.callbacks.asked import CallbackAsked
from campaigns.core.campaign import STANDING_TAKES_MS
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.kinds import known_kinds
from campaigns.ledger import callbacks, campaigns, imported, lanes
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow

KIND = "callback"
IMPORT = 1  # of each standing campaign
FILE = "callbacks"
WHO = "callbacks"


def prototype(asked: CallbackAsked, rules: OperatorRules, now_ms: int) -> CampaignRow:
    """The campaign as it would be made now; its id is that of the next."""
    defaults = known_kinds()[KIND].defaults
    return CampaignRow(
        id="", tenant=asked.tenant, name=f"callbacks {asked.queue or asked.trunk_group}"[:128], kind=KIND,
        switch=asked.switch, trunk_group=asked.trunk_group, caller_id=None, queue=asked.queue, language="zh",
        windows="[]", closed_dates="[]", zone=rules.zone, calls_per_second=defaults.calls_per_second,
        calls_at_once=defaults.calls_at_once,
        ring_timeout_s=max(defaults.ring_timeout_s, rules.ring_timeout_floor_ms // 1000),
        attempts_max=defaults.attempts_max, retry="{}", channels=json.dumps([asked.channel]),
        fallback=defaults.fallback.value, priority=defaults.priority, received_at_ms=now_ms, notice_out_by_ms=None,
        fallback_by_ms=None, expires_at_ms=None, deadlines_given=0, provisional=0, state=CampaignState.DRAFT.value,
        paused_why=None, live=None, version=1, made_at_ms=now_ms, started_at_ms=None, resumed_at_ms=None,
        ended_at_ms=None, made_by=WHO, profile=f"{rules.name}@{rules.version}",
    )  # fmt: skip


def held(connection: Connection, row: CampaignRow, now_ms: int) -> CampaignRow | None:
    """The campaign that takes callbacks like `row`'s, locked; None: there is none."""
    found = callbacks.standing(connection, row, now_ms - STANDING_TAKES_MS)
    for campaign in found:
        locked = campaigns.lock(connection, campaign, row.tenant)
        if locked is not None and locked.state in callbacks.TAKING and callbacks.import_taken(connection, campaign):
            return locked
    return None


def made(connection: Connection, row: CampaignRow, now_ms: int) -> CampaignRow | None:
    """A new one, running and locked; None: somebody was quicker."""
    count = callbacks.standing_ever(connection, row)
    row = row._replace(id=_id(row, count))
    if not callbacks.make_campaign(connection, row):
        return None
    campaigns.add_history(connection, row.id, now_ms, campaigns.CREATED, WHO)
    started = campaigns.set_state(connection, row, CampaignStep.START, WHO, now_ms)
    lanes.put(connection, [Lane(row.tenant, row.switch, row.trunk_group)])
    imported.make_own(connection, row, FILE, 0, WHO, now_ms)
    return started


def _id(row: CampaignRow, count: int) -> str:
    """The id of the `count`-th campaign of a lane: two processes that make it at the same time make the same one."""
    words = (row.tenant, row.switch, row.trunk_group, row.queue or "", row.channels, str(count))
    return f"c{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:15]}"
