"""A callback that is not wanted any more: an order that was not sent is withdrawn, a call that is under way goes on."""

from sqlalchemy import Connection

from campaigns.callbacks.putting import Put
from campaigns.context import Context
from campaigns.core.after import Closed
from campaigns.core.reasons import FINAL_STATES, State, Why
from campaigns.dialler.actions import Also, Done, nothing_more, write
from campaigns.dialler.case import Case
from campaigns.dialler.withdrawal import Withdrawn, give_back
from campaigns.dialler.withdrawal import write as write_cases
from campaigns.errors import NotFound, WrongState
from campaigns.ledger import attempts, callbacks, campaigns, contacts, outbound, withdrawing
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.tables import OPEN_STATES

CANCEL = "cancel"


async def cancel(context: Context, tenant: str, callback: str, also: Also = nothing_more) -> Put:
    """The callback as it is then. Raises NotFound, WrongState, LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[Put]:
        row = callbacks.read(connection, tenant, callback)
        campaign = None if row is None else campaigns.lock(connection, row.campaign, tenant, share=True)
        if row is None or campaign is None:
            raise NotFound(callback)
        outbound.lock(connection, tenant, share=True)
        (held,) = withdrawing.hold(connection, [row.contact])
        if held.state in FINAL_STATES:
            raise WrongState(held.state, CANCEL, OPEN_STATES)
        tried = attempts.of_contacts(connection, [held.id])[held.id]
        case = Case(campaign, campaign_of(campaign, context.rules), held, tried)
        ids = {
            attempt.command: n
            for n, attempt in case.attempts.items()
            if attempt.step == "open" and attempt.command is not None
        }
        gone = sorted(ids[command] for command in context.dial.withdraw(connection, tenant, ids))
        give_back(case, gone, Why.CALLBACK_CANCELLED, now_ms)
        case.apply(Closed(State.CANCELLED))
        case.row = case.row._replace(why=Why.CALLBACK_CANCELLED.value)
        write_cases(connection, tenant, [case], now_ms)
        also(connection)
        (after,) = contacts.read(connection, [held.id])
        took = Withdrawn(tuple((case.of.kind, case.attempts[n].channel) for n in gone))
        return Done(Put(row, after, campaign), took)

    return await write(context, act)
