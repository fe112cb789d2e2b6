"""What people order of a campaign, and of a tenant's whole outbound side: each order is one transaction.

A transaction first takes the rows that every turn locks: the campaign's, then the tenant's. So a turn that is under way
commits before, or is undone. Orders that were not sent are withdrawn in it; what a claim was quicker with may still
ring until its expiry, and is acknowledged after that (`stop_acknowledged`, `freeze_acknowledged`): nothing reaches the
switch any more.

Contacts of a stopped campaign are closed in pieces (`close_some`), the first of them at once.

All raise LedgerAway, OutcomeUnknown, and what is named beside each.
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection

from campaigns.approvals.standing import check_covered
from campaigns.context import Context
from campaigns.core.campaign import moved
from campaigns.core.reasons import CampaignState, CampaignStep, Why
from campaigns.dialler.ability import check
from campaigns.dialler.withdrawal import Withdrawn, withdraw
from campaigns.errors import NotFound, WrongState
from campaigns.ledger import campaigns, lanes, outbound, withdrawing
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, OutboundRow

CLOSED_AT_ONCE = 500  # contacts of a stopped campaign in one transaction
NOT_DIALLED = "not_dialled"
FINISH, CLEAR = "finish", "clear"  # what becomes of live calls
_PAUSED_AS = {why.value: why for why in (Why.FAILURE_SPIKE, Why.QUEUE_BUSY)}

Made = TypeVar("Made")
Also = Callable[[Connection], None]
"""Statements of the caller's in the same transaction, at its end: a line of the audit log."""


def nothing_more(_connection: Connection) -> None:
    """The default of `also`: adds no statement."""


class Done(NamedTuple, Generic[Made]):
    """`made`: what was acted on, as it became."""

    made: Made
    took: Withdrawn


# -- campaigns ---------------------------------------------------------------------------------------------------------


async def pause(
    context: Context,
    tenant: str,
    campaign: str,
    who: str,
    why: str = Why.CAMPAIGN_PAUSED.value,
    also: Also = nothing_more,
) -> CampaignRow:
    """`why`: campaign_paused, or the product's own reason: failure_spike, cannot_dial, queue_busy.

    Raises NotFound, WrongState.
    """
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = held(connection, tenant, campaign)
        after = campaigns.set_state(connection, row, CampaignStep.PAUSE, who, now_ms, why=why)
        took = withdraw_unsent(context, connection, after, _PAUSED_AS.get(why, Why.CAMPAIGN_PAUSED), now_ms)
        also(connection)
        return Done(after, took)

    return await write(context, act)


async def resume(context: Context, tenant: str, campaign: str, who: str, also: Also = nothing_more) -> CampaignRow:
    """What drained when it was paused drains on. Raises NotFound, WrongState, CannotDial, ApprovalNeeded."""
    await check(context, await may(context, tenant, campaign, CampaignStep.RESUME))
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = held(connection, tenant, campaign)
        step = CampaignStep.RESUME_DRAIN if row.draining else CampaignStep.RESUME
        after = campaigns.set_state(connection, row, step, who, now_ms)
        check_covered(connection, context, row)
        also(connection)
        return Done(after, Withdrawn())

    return await write(context, act)


async def stop(
    context: Context, tenant: str, campaign: str, live: str, who: str, also: Also = nothing_more
) -> CampaignRow:
    """`live`: `finish` or `clear` the calls that are under way. The campaign is `stopping` until every sent order is
    done, refused or 5 s past its expiry; then, and if nothing was under way at once, it is `stopped`.

    Raises NotFound, WrongState.
    """
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = campaigns.set_state(
            connection, held(connection, tenant, campaign), CampaignStep.STOP, who, now_ms, live=live
        )
        lanes.put(connection, [lane_of(row)])  # of a draft: its dialler does the rest
        took = withdraw_unsent(context, connection, row, Why.CAMPAIGN_STOPPED, now_ms)
        if close_some(connection, row, CLOSED_AT_ONCE, now_ms) < CLOSED_AT_ONCE:
            row = _stopped_at_once(connection, row, who, now_ms)
        also(connection)
        return Done(row, took)

    return await write(context, act)


def close_some(connection: Connection, campaign: CampaignRow, limit: int, now_ms: int) -> int:
    """Cancel contacts of a stopped campaign that have no open order, and recall its notices that nobody has yet: at
    most `limit` together. Returns how many; fewer than `limit`: only contacts with an open order are left.
    """
    closed = withdrawing.close_some(connection, campaign.id, limit)
    return closed + withdrawing.recall_some(connection, campaign.tenant, campaign.id, limit - closed, now_ms)


async def stop_acknowledged(context: Context, campaign: CampaignRow) -> bool:
    """Whether nothing of a stopped campaign can reach a person any more."""
    if campaign.state == CampaignState.STOPPED.value:
        return True
    return campaign.state == CampaignState.STOPPING.value and await _cannot_leave(context, campaign.tenant, campaign.id)


# -- the freeze --------------------------------------------------------------------------------------------------------


async def freeze(context: Context, tenant: str, reason: str, who: str, also: Also = nothing_more) -> OutboundRow:
    """Nothing of the tenant is sent any more; pressed again, the last reason stands."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[OutboundRow]:
        held = outbound.lock(connection, tenant)
        row = outbound.replace(connection, held._replace(frozen=1, reason=reason, who=who, at_ms=now_ms))
        orders = withdrawing.unended(connection, tenant)
        took = withdraw(connection, context.dial, context.rules, orders, tenant, Why.FROZEN, now_ms)
        also(connection)
        return Done(row, took)

    return await write(context, act)


async def thaw(context: Context, tenant: str, who: str, also: Also = nothing_more) -> OutboundRow:
    """Campaigns go on as they stand."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[OutboundRow]:
        held = outbound.lock(connection, tenant)
        row = outbound.replace(connection, held._replace(frozen=0, reason=None, who=who, at_ms=now_ms))
        also(connection)
        return Done(row, Withdrawn())

    return await write(context, act)


async def freeze_acknowledged(context: Context, tenant: str) -> bool:
    """Whether the tenant is frozen, and nothing can reach a person any more."""
    row: OutboundRow = await context.reader.run(outbound.read, tenant)
    return bool(row.frozen) and await _cannot_leave(context, tenant, None)


# -- parts of these ----------------------------------------------------------------------------------------------------


async def may(context: Context, tenant: str, campaign: str, step: CampaignStep) -> CampaignRow:
    """The campaign, in a state that allows the step. Raises NotFound, WrongState."""
    row: CampaignRow | None = await context.reader.run(campaigns.read, campaign, tenant)
    if row is None:
        raise NotFound(campaign)
    if moved(CampaignState(row.state), step) is None:
        raise WrongState(row.state, step.value, campaigns.allowed_in(step))
    return row


def held(connection: Connection, tenant: str, campaign: str, *, alone: bool = False) -> CampaignRow:
    """The campaign, its row and the tenant's locked; `alone`: no other campaign of the tenant is started meanwhile.

    Raises NotFound.
    """
    row = campaigns.lock(connection, campaign, tenant)
    if row is None:
        raise NotFound(campaign)
    outbound.lock(connection, tenant, share=not alone)
    return row


def withdraw_unsent(context: Context, connection: Connection, row: CampaignRow, why: Why, now_ms: int) -> Withdrawn:
    """Take back the orders of a campaign that were not sent. Its row and the tenant's are locked."""
    orders = withdrawing.unended(connection, row.tenant, row.id)
    return withdraw(connection, context.dial, context.rules, orders, row.tenant, why, now_ms)


def _stopped_at_once(connection: Connection, row: CampaignRow, who: str, now_ms: int) -> CampaignRow:
    """`stopped`, if nothing was under way."""
    if withdrawing.any_not_final(connection, row.id) or withdrawing.any_unended(connection, row.id):
        return row
    return campaigns.set_state(connection, row, CampaignStep.STOP_ACKNOWLEDGED, who, now_ms)


def lane_of(row: CampaignRow) -> Lane:
    """Whose dialler works the campaign."""
    return Lane(row.tenant, row.switch, row.trunk_group)


async def _cannot_leave(context: Context, tenant: str, campaign: str | None) -> bool:
    orders = await context.reader.run(withdrawing.unended, tenant, campaign)
    ledger_ms: int = await context.reader.run(context.dial.now_ms)
    return await context.dial.stop_acknowledged(tenant, {order.command for order in orders}, ledger_ms)


async def write(context: Context, act: Callable[[Connection], Done[Made]]) -> Made:
    """What `act` made, after the commit."""
    done: Done[Made] = await context.write(run_each, act)
    count(context, done.took)
    return done.made


def run_each(connection: Connection, acts: Sequence[Callable[[Connection], Made]]) -> Sequence[Made]:
    """Work for the writer whose payload is what is to be done."""
    return [act(connection) for act in acts]


def count(context: Context, took: Withdrawn) -> None:
    """Count what was withdrawn, after the commit."""
    if took.orders:
        context.dial_meter.withdrawn(len(took.orders))
        context.dial_meter.not_dialled(len(took.orders))
    for kind, channel in took.orders:
        context.metrics.attempt(kind, channel, NOT_DIALLED)
