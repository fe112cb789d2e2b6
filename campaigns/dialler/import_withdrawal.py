"""An import is withdrawn: the wrong file was started.

The first transaction takes the rows that every turn locks and raises the campaign's version, so that no turn that was
under way dials any of it. It closes the import's hours classes, takes back all of its orders that were not sent, and
cancels the first contacts. The others follow in pieces, by the campaign's dialler. A contact whose order may be under
way is marked: it ends as its call ends, and nothing follows. The import is `withdrawn` once all its contacts are final,
its letters are taken back, and no order of it can leave: nothing of it reaches anybody any more.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from campaigns.approvals import voiding
from campaigns.context import Context
from campaigns.core.campaign import BEGUN, NOT_BEGUN
from campaigns.core.reasons import Why
from campaigns.dialler import withdrawal
from campaigns.dialler.actions import CLOSED_AT_ONCE, Also, Done, nothing_more, run_each, write
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import NotFound, WrongState
from campaigns.ledger import campaigns, imports, lanes, outbound, withdrawing
from campaigns.ledger import import_withdrawing as rows
from campaigns.ledger.import_withdrawing import ImportRef
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, ImportRow
from campaigns.ledger.turns import WHO
from campaigns.ledger.withdrawing import TAKEN_BACK, WITHDRAWING, WITHDRAWN

ALLOWED = tuple(sorted(state.value for state in NOT_BEGUN | BEGUN))
WITHDRAW = "withdraw"
GONE = "import_gone"  # in the campaign's history: nothing of it can reach anybody


async def withdraw_import(
    context: Context, tenant: str, campaign: str, no: int, who: str, also: Also = nothing_more
) -> ImportRow:
    """The import, `withdrawing` or `withdrawn`; a second time nothing is done, whatever the campaign has become.

    Raises NotFound, WrongState of the campaign or of the import.
    """
    now_ms, of = context.now_ms(), ImportRef(tenant, campaign, no)

    def act(connection: Connection) -> Done[ImportRow]:
        row = campaigns.lock(connection, campaign, tenant)
        made = None if row is None else imports.read(connection, campaign, no)
        if row is None or made is None:
            raise NotFound(f"{campaign}, import {no}")
        if made.state in TAKEN_BACK:
            return Done(made, Withdrawn())
        if row.state not in ALLOWED:
            raise WrongState(row.state, WITHDRAW, ALLOWED)
        if made.state != imports.DONE:
            state = imports.RUNNING if made.state == imports.RECEIVING else made.state
            raise WrongState(state, WITHDRAW, (imports.DONE,))
        outbound.lock(connection, tenant, share=True)
        row = voiding.make_void(connection, campaigns.touch(connection, row), voiding.WITHDRAWAL, who, now_ms)
        lanes.put(connection, [Lane(tenant, row.switch, row.trunk_group)])  # of a draft: its dialler does the rest
        rows.set_state(connection, of, WITHDRAWING)
        live = {order.contact for order in rows.open_orders(connection, of)}
        took = _close(connection, context, row, live, now_ms)
        done, more = _close_some(connection, context, row, of, now_ms)
        if done < CLOSED_AT_ONCE and not rows.any_left(connection, of) and not rows.open_orders(connection, of):
            _gone(connection, of, who, now_ms)
        also(connection)
        return Done(imports.read(connection, campaign, no) or made, Withdrawn((*took.orders, *more.orders)))

    return await write(context, act)


async def go_on(context: Context, campaign: CampaignRow, no: int) -> bool:
    """The next piece of an import that is being withdrawn; whether anything moved.

    Raises LedgerAway, OutcomeUnknown.
    """
    now_ms, of = context.now_ms(), ImportRef(campaign.tenant, campaign.id, no)

    def act(connection: Connection) -> Done[int]:
        row = campaigns.lock(connection, campaign.id, campaign.tenant)
        assert row is not None
        outbound.lock(connection, row.tenant, share=True)
        done, took = _close_some(connection, context, row, of, now_ms)
        return Done(done, took)

    if await write(context, act):
        return True
    orders = await context.reader.run(rows.open_orders, of)
    ledger_ms: int = await context.reader.run(context.dial.now_ms)
    if not await context.dial.stop_acknowledged(of.tenant, {order.command for order in orders}, ledger_ms):
        return False

    def end(connection: Connection) -> bool:
        campaigns.lock(connection, campaign.id, campaign.tenant)
        made = imports.read(connection, campaign.id, no)
        if made is None or made.state != WITHDRAWING or rows.any_left(connection, of):
            return False
        _gone(connection, of, WHO, now_ms)
        return True

    ended: bool = await context.writer.run(run_each, end)
    return ended


def _gone(connection: Connection, of: ImportRef, who: str, now_ms: int) -> None:
    rows.set_state(connection, of, WITHDRAWN)
    campaigns.add_history(connection, of.campaign, now_ms, GONE, who)


def _close_some(
    connection: Connection, context: Context, campaign: CampaignRow, of: ImportRef, now_ms: int
) -> tuple[int, Withdrawn]:
    """At most CLOSED_AT_ONCE contacts and letters; how many, less: none is left but for those under way."""
    ids = rows.to_close(connection, of, CLOSED_AT_ONCE)
    took = _close(connection, context, campaign, ids, now_ms)
    return len(ids) + rows.recall_some(connection, of, CLOSED_AT_ONCE - len(ids), now_ms), took


def _close(
    connection: Connection, context: Context, campaign: CampaignRow, ids: Collection[str], now_ms: int
) -> Withdrawn:
    """Contacts of a campaign that is locked: cancelled, or marked where an order of theirs may be under way."""
    held = withdrawing.hold(connection, ids)
    return withdrawal.take_out(
        connection, context.dial, context.rules, held, campaign.tenant, Why.IMPORT_WITHDRAWN, now_ms
    )
