"""A campaign starts: at once, or by itself at its time.

What is asked of a start is asked in its transaction, and once more when a start that was set is due: the contacts that
its manager has seen, the approval, a feed of payments that speaks, no other campaign for the same items. Whoever starts
holds the tenant's row, so that of two campaigns with the same customers one comes first.

A start that is due is the work of the lane's dialler. The campaign's version keeps two of them apart. What does not
hold makes the campaign a draft again, or `approved` where that still holds, with the reason where people read it.
"""

from collections.abc import Collection
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from campaigns.approvals.standing import check_approved, standing
from campaigns.context import Context
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.dialler.ability import check
from campaigns.dialler.actions import Also, Done, held, lane_of, may, nothing_more, run_each, write
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import (
    ApprovalNeeded,
    CannotDial,
    ContactsChanged,
    NotFound,
    Overlaps,
    SettlementsSilent,
    Stale,
    WrongState,
)
from campaigns.ledger import audit, campaigns, lanes, outbound, overlapping, withdrawing
from campaigns.ledger.campaigns import Schedule
from campaigns.ledger.overlapping import Other
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.turns import WHO
from campaigns.settlements import silence

TRIES = 3  # of a start beside which others are started
WHY = {
    ContactsChanged: "contacts_changed",
    ApprovalNeeded: "approval_needed",
    CannotDial: "cannot_dial",
    SettlementsSilent: "settlements_silent",
    Overlaps: "overlaps",
}
"""Why a start that was due was not made, by the code that the same start by hand would get."""

log = structlog.get_logger()


class StartRequest(NamedTuple):
    """`contacts`: how many its manager has seen. `at_ms`: when it starts by itself; None: now. `overlap`: though
    another campaign has the same.
    """

    contacts: int
    at_ms: int | None = None
    overlap: bool = False


async def start(
    context: Context, tenant: str, campaign: str, wish: StartRequest, who: str, also: Also = nothing_more,
    version: int | None = None,
) -> CampaignRow:  # fmt: skip
    """A live stream of the switch is not needed. `version`: of the campaign that is meant; None: whatever it is now.

    Raises NotFound, WrongState, CannotDial, ContactsChanged, ApprovalNeeded, SettlementsSilent, Overlaps; Stale where
    the version is another one, or others were quicker each time.
    """
    step = CampaignStep.START if wish.at_ms is None else CampaignStep.SCHEDULE
    row = await may(context, tenant, campaign, step)
    await check(context, row)
    for _ in range(TRIES - 1):
        try:
            return await _start(context, row, wish, step, who, also, version)
        except Stale:
            if version is not None:
                raise
    return await _start(context, row, wish, step, who, also, version)


async def _start(
    context: Context,
    row: CampaignRow,
    wish: StartRequest,
    step: CampaignStep,
    who: str,
    also: Also,
    version: int | None,
) -> CampaignRow:
    states = await context.reader.run(withdrawing.import_states, row.id)
    there: int = await context.reader.run(withdrawing.contacts_there, row.id)
    beside = [] if wish.overlap else await _compared(context, row)
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        before = held(connection, row.tenant, row.id, alone=True)
        if version is not None and before.version != version:
            raise Stale("campaigns")
        counted = there
        if withdrawing.import_states(connection, row.id) != states:  # since they were counted
            counted = withdrawing.contacts_there(connection, row.id)
        schedule = None if wish.at_ms is None else Schedule(wish.at_ms, wish.contacts, int(wish.overlap))
        after = campaigns.set_state(connection, before, step, who, now_ms, schedule=schedule)
        heard_ms = outbound.read(connection, row.tenant).settlements_heard_ms
        if row.kind == silence.KIND and silence.is_silent(context.settings, heard_ms, now_ms):
            raise SettlementsSilent(heard_ms)
        if counted != wish.contacts:
            raise ContactsChanged(wish.contacts, counted)
        check_approved(connection, context, before)
        if not wish.overlap and overlapping.others(connection, before) != beside:
            raise Stale("another campaign of the kind")
        lanes.put(connection, [lane_of(after)])
        also(connection)
        return Done(after, Withdrawn())

    return await write(context, act)


async def _compared(context: Context, row: CampaignRow) -> list[Other]:
    """The other campaigns of the kind, none of which has the same. Raises Overlaps."""
    beside: list[Other] = await context.reader.run(overlapping.others, row)
    for other in beside:
        count, counted_all = await context.reader.run(overlapping.common, row, other.id)
        if count:
            raise Overlaps(other.id, other.name, count, counted_all)
    return beside


# -- by itself ---------------------------------------------------------------------------------------------------------


async def start_due(context: Context, rows: Collection[CampaignRow]) -> bool:
    """Start what is due of these; whether anything was moved. Raises LedgerAway, OutcomeUnknown."""
    moved = False
    for row in rows:
        if row.state == CampaignState.SCHEDULED and row.start_at_ms is not None and row.start_at_ms <= context.now_ms():
            moved = await _start_by_itself(context, row) or moved
    return moved


async def _start_by_itself(context: Context, row: CampaignRow) -> bool:
    wish = StartRequest(row.start_contacts or 0, None, bool(row.start_overlap))

    def also(connection: Connection) -> None:
        details = {"contacts": wish.contacts, "scheduled": True}
        audit.note(connection, row.tenant, context.now_ms(), WHO, "campaign_started", row.id, details)

    try:
        await start(context, row.tenant, row.id, wish, WHO, also, row.version)
    except (ContactsChanged, ApprovalNeeded, CannotDial, SettlementsSilent, Overlaps) as reason:
        return await _not_started(context, row, WHY[type(reason)])
    except (NotFound, WrongState, Stale):  # somebody was quicker
        return False
    return True


async def _not_started(context: Context, row: CampaignRow, why: str) -> bool:
    now_ms = context.now_ms()

    def act(connection: Connection) -> bool:
        before = held(connection, row.tenant, row.id)
        if before.version != row.version:
            return False
        approved = standing(connection, context, before).in_force
        step = CampaignStep.STILL_APPROVED if approved else CampaignStep.NOT_STARTED
        campaigns.set_state(connection, before, step, WHO, now_ms, why=why)
        return True

    try:
        moved: bool = await context.write(run_each, act)
    except (NotFound, Stale):
        return False
    if moved:
        log.warning("a campaign did not start at its time", action="not_started", campaign=row.id, why=why)
        context.metrics.not_started(why)
    return moved
