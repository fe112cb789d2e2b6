"""Settings of a campaign are changed, while it runs too: pace, windows, priority.

The campaign's version rises: a turn that has read the old settings is undone, and the next obeys. Where the windows
change, orders that were not sent are taken back and decided on anew. Before the start a change makes an approval void,
and a start that was set is off. Once it has begun its windows stay within those that were approved; pace and priority
are no part of what was.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.approvals import digest as digests
from campaigns.approvals import voiding
from campaigns.context import Context
from campaigns.core.campaign import BEGUN, NOT_BEGUN
from campaigns.core.reasons import CampaignState, Why
from campaigns.dialler.actions import Also, Done, held, withdraw_unsent, write
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import ChangedMeanwhile, WindowsWider, WrongState
from campaigns.ledger import approvals, campaigns
from campaigns.ledger.rows import CampaignRow

CHANGE = "change"
ALLOWED = tuple(sorted(state.value for state in NOT_BEGUN | BEGUN))


class Changes(NamedTuple):
    """Columns of the campaign with other values, and which versions of it are meant; None: any."""

    columns: Mapping[str, Any]
    versions: frozenset[int] | None


async def change(
    context: Context, tenant: str, campaign: str, changes: Changes, who: str, also: Callable[[Mapping[str, Any]], Also]
) -> CampaignRow:
    """`also`: given what was changed, of those columns that were not so already; not called where nothing was.

    Raises NotFound, WrongState, ChangedMeanwhile, WindowsWider.
    """
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = held(connection, tenant, campaign)
        if row.state not in ALLOWED:
            raise WrongState(row.state, CHANGE, ALLOWED)
        if changes.versions is not None and row.version not in changes.versions:
            raise ChangedMeanwhile(row.version)
        other = {name: value for name, value in changes.columns.items() if getattr(row, name) != value}
        if not other:
            return Done(row, Withdrawn())
        if "windows" in other and CampaignState(row.state) in BEGUN:
            _check_windows(connection, row, other["windows"])
        after = campaigns.replace(connection, row, row._replace(**other))
        after = voiding.make_void(connection, after, voiding.SETTINGS, who, now_ms)
        took = Withdrawn()
        if "windows" in other:
            took = withdraw_unsent(context, connection, after, Why.CAMPAIGN_HOURS, now_ms)
        also(other)(connection)
        return Done(after, took)

    return await write(context, act)


def _check_windows(connection: Connection, row: CampaignRow, windows: str) -> None:
    """Raises WindowsWider."""
    last = approvals.last(connection, row.id)
    if last is None or last.void_at_ms is not None:
        return
    allowed = digests.parts_of(last.parts).settings[digests.WINDOWS]
    if not digests.within(json.loads(windows), allowed):
        raise WindowsWider(allowed)
