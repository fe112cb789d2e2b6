"""Entries are made and removed. Once it is told that one was made, nothing is sent there any more but what is written;
who waited is looked at again at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.reasons import Why
from campaigns.dialler.actions import Also, Done, nothing_more, run_each, write
from campaigns.dialler.case import order_valid_ms
from campaigns.dialler.withdrawal import Withdrawn, withdraw
from campaigns.do_not_call.entries import number_of
from campaigns.ledger import contacts, do_not_call, outbound, withdrawing
from campaigns.ledger.rows import DoNotCallRow

WOKEN_MAX = 1_000  # of one entry; others are looked at when their time has come


class Entered(NamedTuple):
    """`row`: the entry as it holds. `withdrawn`: orders."""

    row: DoNotCallRow
    is_new: bool
    withdrawn: int


async def enter(context: Context, row: DoNotCallRow, also: Also = nothing_more) -> Entered:
    """Make an entry; of one that is there the reason and the times change. Raises LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()
    until_ms = now_ms + order_valid_ms(context.speed)

    def act(connection: Connection) -> Done[Entered]:
        outbound.lock(connection, row.tenant)
        is_new = do_not_call.write(connection, row)
        made = do_not_call.read(connection, row.tenant, row.line)
        assert made is not None, "it was written just now"
        took = Withdrawn()
        if do_not_call.holds(made, now_ms, until_ms):
            took = take_back(connection, context, row.tenant, row.line, now_ms)
            if number_of(row.line) is None:
                _wake(connection, do_not_call.waiting_on(connection, row.tenant, row.line, WOKEN_MAX), now_ms)
        also(connection)
        return Done(Entered(made, is_new, len(took.orders)), took)

    entered = await write(context, act)
    if number_of(row.line) is not None and do_not_call.holds(entered.row, now_ms):
        waiting = await context.reader.run(do_not_call.waiting_on, row.tenant, row.line, WOKEN_MAX)
        if waiting:
            await context.write(run_each, lambda connection: _wake(connection, waiting, now_ms))
    return entered


async def remove(context: Context, tenant: str, line: str, also: Also = nothing_more) -> bool:
    """Whether there was an entry. Raises LedgerAway, OutcomeUnknown."""

    def act(connection: Connection) -> bool:
        gone = do_not_call.remove(connection, tenant, line)
        if gone:
            also(connection)
        return gone

    return bool(await context.write(run_each, act))


def take_back(connection: Connection, context: Context, tenant: str, line: str, now_ms: int) -> Withdrawn:
    """The order that has the number, or the account, where it was not sent. The tenant's row is locked."""
    orders = do_not_call.orders_on(connection, tenant, line)
    return withdraw(connection, context.dial, context.rules, orders, tenant, Why.DO_NOT_CALL, now_ms)


def _wake(connection: Connection, ids: Sequence[str], now_ms: int) -> None:
    contacts.replace(connection, do_not_call.wake(withdrawing.hold(connection, ids), now_ms))
