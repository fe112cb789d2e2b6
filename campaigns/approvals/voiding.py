"""What makes an approval void: another file, a file that is taken back, other settings.

Before the start the campaign is a draft again, and a start that was set is off. A campaign that runs and needs an
approval pauses with the import that it has none for: in the very transaction in which the import is done, so that none
of its contacts is called before. Less than what was approved needs no other approval (`digest`).
"""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, select

from campaigns.approvals.standing import reasons
from campaigns.context import Context
from campaigns.core.campaign import BEGUN, NOT_BEGUN, moved
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.ledger import approvals, campaigns, imports
from campaigns.ledger.rows import CampaignRow, ImportRow
from campaigns.ledger.tables import campaigns as table

IMPORT, WITHDRAWAL, SETTINGS = "import", "withdrawal", "settings"
VOID = "approval_void"  # why a campaign is paused

Ended = tuple[imports.Key, str, str | None, int]


async def import_ended(context: Context, key: imports.Key, state: str, error: str | None) -> ImportRow | None:
    """The import as it is then. Raises Fenced, LedgerAway, OutcomeUnknown."""
    given: Ended = (key, state, error, context.now_ms())
    ended: ImportRow | None = await context.write(partial(_ended, context), given)
    return ended


def _ended(context: Context, connection: Connection, given: Sequence[Ended]) -> Sequence[ImportRow | None]:
    made: list[ImportRow | None] = []
    for key, state, error, at_ms in given:
        found = connection.execute(select(table).where(table.c.id == key.campaign).with_for_update()).one_or_none()
        ended = imports.ended(connection, [(key, state, error, at_ms)])[0]
        made.append(ended)
        if found is not None and ended is not None and ended.state == imports.DONE and state == imports.DONE:
            _another_file(connection, context, CampaignRow._make(found), ended, at_ms)
    return made


def _another_file(
    connection: Connection, context: Context, row: CampaignRow, ended: ImportRow, at_ms: int
) -> CampaignRow:
    if CampaignState(row.state) not in BEGUN:
        return make_void(connection, row, IMPORT, ended.who, at_ms)
    contacts = sum(file["contacts"] for file in approvals.files(connection, row.id))
    if not reasons(context.settings, row.kind, contacts):
        return row
    approvals.make_void(connection, row.id, IMPORT, at_ms)
    if moved(CampaignState(row.state), CampaignStep.PAUSE) is None:
        return row
    return campaigns.set_state(connection, row, CampaignStep.PAUSE, ended.who, at_ms, why=VOID)


def make_void(connection: Connection, row: CampaignRow, why: str, who: str, at_ms: int) -> CampaignRow:
    """A campaign that has not begun, whose row is locked, is a draft again; one that has begun goes on."""
    if CampaignState(row.state) not in NOT_BEGUN:
        return row
    approvals.make_void(connection, row.id, why, at_ms)
    if moved(CampaignState(row.state), CampaignStep.APPROVAL_VOID) is None:
        return row
    return campaigns.set_state(connection, row, CampaignStep.APPROVAL_VOID, who, at_ms, why=why)
