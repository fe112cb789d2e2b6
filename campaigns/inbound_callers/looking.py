"""Who calls: the engine asks with the callers of a round, and is told what to say; a contact with open work is not
dialled as long as his call lasts.

Numbers are looked up when somebody calls, in the index of contacts: nothing is copied when a campaign starts, and what
a payment, a revision or a withdrawal has changed is what the caller hears.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.reasons import FINAL_STATES, CampaignState, State, Why
from campaigns.dialler.actions import Done, run_each, write
from campaigns.dialler.withdrawal import Withdrawn, withdraw
from campaigns.inbound_callers import words
from campaigns.ledger import callers, do_not_call, numbers, outbound, people
from campaigns.ledger.callers import Calling
from campaigns.ledger.numbers import Match
from cti.callers.rows import Caller, KnownCaller

ACCOUNTS_MAX = 20  # of one number that are not dialled: it may be that of a block of flats
_OVER = frozenset({CampaignState.DONE, CampaignState.STOPPED, CampaignState.EXPIRED})


class Found(NamedTuple):
    """What is known of a caller."""

    caller: Caller
    matches: list[Match]


class InboundCallers:
    """`KnowsCallers`, of campaigns."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def look(self, asked: Sequence[Caller]) -> Sequence[KnownCaller]:
        """Raises LedgerAway, OutcomeUnknown."""
        now_ms = self._context.now_ms()
        known: list[KnownCaller] = []
        calling: list[Calling] = []
        for found in await self._context.reader.run(_find, asked, now_ms):
            matches = [match for match in found.matches if is_open(match) or words.outages_of(match, now_ms)]
            if matches:
                announced = words.announcement(matches, now_ms)
                known.append(KnownCaller(found.caller.call_id, announced, words.prompt(matches, announced)))
                calling += lines_of(found.caller, matches, now_ms)
        if calling:
            await take(self._context, calling)
        return known

    async def left(self, call_ids: Collection[str]) -> None:
        """Raises LedgerAway, OutcomeUnknown: the calls are found as ended later."""
        await leave(self._context, call_ids)


def _find(connection: Connection, asked: Sequence[Caller], now_ms: int) -> list[Found]:
    found: list[Found] = []
    for tenant in sorted({caller.tenant for caller in asked}):
        mine = [caller for caller in asked if caller.tenant == tenant]
        matches = numbers.find(connection, tenant, {caller.number for caller in mine}, now_ms)
        of: dict[str, list[Match]] = {}
        for match in matches:
            of.setdefault(match.number, []).append(match)
        found += [Found(caller, of[caller.number]) for caller in mine if caller.number in of]
    return found


def is_open(match: Match) -> bool:
    """Whether there is still something to be done for the contact."""
    return State(match.contact.state) not in FINAL_STATES and CampaignState(match.campaign.state) not in _OVER


def lines_of(caller: Caller, matches: Sequence[Match], now_ms: int) -> list[Calling]:
    """What the call takes: the number, and the persons whose it is; nothing where nobody would be dialled."""
    accounts = sorted({match.contact.account for match in matches if is_open(match)})
    lines = [caller.number, *map(people.account_key, accounts[:ACCOUNTS_MAX])] if accounts else []
    return [Calling(caller.call_id, line, caller.tenant, now_ms) for line in lines]


async def take(context: Context, calling: Sequence[Calling]) -> None:
    """Take these lines. An order on one of them is withdrawn if it was not sent; what was sent goes on, and the line is
    taken once that has ended. Raises LedgerAway, OutcomeUnknown.
    """
    missing = await context.write(run_each, lambda connection: callers.take(connection, calling))
    for tenant in sorted({row.tenant for row in missing}):
        await _withdraw(context, tenant, [row for row in missing if row.tenant == tenant])


async def _withdraw(context: Context, tenant: str, rows: Sequence[Calling]) -> None:
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[None]:
        outbound.lock(connection, tenant)
        orders = {
            order.command: order
            for line in sorted({row.line for row in rows})
            for order in do_not_call.orders_on(connection, tenant, line)
        }
        found = list(orders.values())
        took = withdraw(connection, context.dial, context.rules, found, tenant, Why.NUMBER_BUSY, now_ms)
        callers.take(connection, rows)
        return Done(None, took if found else Withdrawn())

    await write(context, act)


async def leave(context: Context, call_ids: Collection[str]) -> int:
    """These calls have ended; how many lines were theirs. Raises LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()
    left: int = await context.write(run_each, lambda connection: callers.leave(connection, call_ids, now_ms))
    return left
