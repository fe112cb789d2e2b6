"""The campaign that a callback goes into: one stands for each switch, trunk group, queue and channel of a tenant.

It is made and started with its first callback. It takes callbacks for `TAKES_MS`, then another one is made; from
`ENDS_MS` on it ends like any other, once its contacts are final, and retention takes it. One that was stopped, or whose
callbacks were withdrawn, takes no more: the next callback makes another. Its contacts are those of import 1.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from campaigns.api.new_campaign import Made, row_of
from campaigns.callbacks.asked import CallbackAsked
from campaigns.core.campaign import STANDING_TAKES_MS
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import CampaignStep
from campaigns.ledger import callbacks, campaigns, lanes
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, ImportRow
from schemas.campaigns import NewCampaign

KIND = "callback"
IMPORT = 1  # of each standing campaign
FILE = "callbacks"
WHO = "callbacks"


def prototype(asked: CallbackAsked, rules: OperatorRules, now_ms: int) -> CampaignRow:
    """The campaign as it would be made now; its id is that of the next."""
    given: Mapping[str, Any] = {
        "name": f"callbacks {asked.queue or asked.trunk_group}"[:128], "kind": KIND, "switch": asked.switch,
        "trunk_group": asked.trunk_group, "queue": asked.queue, "channels": [asked.channel],
    }  # fmt: skip
    return row_of(NewCampaign.model_validate(given), rules, Made("", asked.tenant, WHO, now_ms))


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
    callbacks.make_import(connection, _import(row, now_ms))
    return started


def _id(row: CampaignRow, count: int) -> str:
    """Of the `count`-th: two who make one at the same time make the same one."""
    words = (row.tenant, row.switch, row.trunk_group, row.queue or "", row.channels, str(count))
    return f"c{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:15]}"


def _import(row: CampaignRow, now_ms: int) -> ImportRow:
    return ImportRow(
        campaign=row.id, no=IMPORT, tenant=row.tenant, file=FILE, keep="[]", sha256="", bytes=0, state="done",
        error=None, received=0, accepted=0, rejected=0, merged=0, contacts=0, header=None, made_at_ms=now_ms,
        ended_at_ms=now_ms, who=WHO,
    )  # fmt: skip
