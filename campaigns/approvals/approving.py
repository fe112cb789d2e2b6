"""A second key approves a campaign: one that had no hand in it, and that names what it has read."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.approvals import digest as digests
from campaigns.approvals.standing import standing
from campaigns.context import Context
from campaigns.core.reasons import CampaignStep
from campaigns.dialler.actions import Also, Done, held, may, nothing_more, write
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import ApprovalMismatch, SecondKeyNeeded
from campaigns.ledger import approvals, campaigns
from campaigns.ledger.approvals import changers, key_id
from campaigns.ledger.rows import ApprovalRow, CampaignRow


class Seen(NamedTuple):
    """What was read: the digest and, to be told which part has changed, the hashes of its parts."""

    digest: str
    parts: Mapping[str, str] | None = None


async def approve(
    context: Context, tenant: str, campaign: str, seen: Seen, who: str, also: Also = nothing_more
) -> CampaignRow:
    """Raises NotFound, WrongState, SecondKeyNeeded, ApprovalMismatch."""
    await may(context, tenant, campaign, CampaignStep.APPROVE)
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = held(connection, tenant, campaign)
        after = campaigns.set_state(connection, row, CampaignStep.APPROVE, who, now_ms, why=seen.digest)
        if key_id(who) in changers(connection, row):
            raise SecondKeyNeeded(who)
        now = standing(connection, context, row)
        if now.digest != seen.digest:
            hashes = digests.hashes(now.parts)
            raise ApprovalMismatch(now.digest, hashes, digests.changed(seen.parts, hashes) if seen.parts else [])
        approvals.put(connection, ApprovalRow(row.id, 0, now_ms, now.digest, digests.text_of(now.parts), who))
        also(connection)
        return Done(after, Withdrawn())

    return await write(context, act)
