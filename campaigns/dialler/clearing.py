"""Live calls of a stopped campaign that are to be cleared, not waited for."""

from collections.abc import Collection, Iterator, Sequence
from itertools import count

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import CLEAR, run_each
from campaigns.dialler.order_ids import campaign_of_order
from campaigns.dialler.orders import Leg, clearing
from campaigns.ledger.rows import CampaignRow
from cti.dial.rows import CLEAR_CONNECTION, FINAL_RESULTS, MAKE_CALL, DialFact, DialOrderRow, OrderState

CLEARINGS_MAX = 5  # of one call: a switch that does not obey is not asked for ever
PAGE = 1_000


async def clear_live(context: Context, campaign: CampaignRow) -> int:
    """Put an order to clear for each live call of a campaign that was stopped with `clear`; how many. To be called at
    the stop and, as long as the campaign is `stopping`, whenever something is heard of its calls.

    Raises LedgerAway, OutcomeUnknown, DialNotAllowed.
    """
    if campaign.live != CLEAR:
        return 0
    facts = await context.dial.read_facts(campaign.tenant, campaign.switch, campaign.trunk_group, PAGE)
    live = [fact for fact in facts if _is_live(fact, campaign.id)]
    if not live:
        return 0
    orders = await _orders(context, campaign)
    ledger_ms: int = await context.reader.run(context.dial.now_ms)
    made: list[DialOrderRow] = []
    for fact, order, k in to_clear(live, orders, ledger_ms):
        leg = await context.called_leg(campaign.tenant, fact.call_id)
        if leg is not None:
            made.append(clearing(order.order, k, Leg(leg.subject, leg.connection), ledger_ms))
    return await _put(context, made)


def to_clear(
    live: Collection[DialFact], orders: Sequence[OrderState], ledger_ms: int
) -> Iterator[tuple[DialFact, OrderState, int]]:
    """The calls to clear now, with their order and the number of the clearing."""
    by_id = {state.order.id: state for state in orders}
    for fact in sorted(live, key=lambda call: (call.commandid, call.call_id)):
        before = [
            earlier
            for earlier in orders
            if earlier.order.about == fact.commandid and earlier.order.command == CLEAR_CONNECTION
        ]
        order = by_id.get(fact.commandid)
        if order is None or order.order.command != MAKE_CALL or len(before) >= CLEARINGS_MAX:
            continue
        if all(_has_failed(earlier, ledger_ms) for earlier in before):
            yield fact, order, len(before) + 1


def _has_failed(clearing_order: OrderState, ledger_ms: int) -> bool:
    """It was refused, or nothing came of it in its time."""
    if clearing_order.result in FINAL_RESULTS:
        return clearing_order.result == "refused"
    return clearing_order.order.expires_at_ms <= ledger_ms


def _is_live(fact: DialFact, campaign: str) -> bool:
    return fact.ended_at_ms is None and campaign_of_order(fact.commandid) == campaign


async def _orders(context: Context, campaign: CampaignRow) -> list[OrderState]:
    """All of the lane that are not settled."""
    found: list[OrderState] = []
    for _ in count():
        after_no = found[-1].no if found else 0
        lane = (campaign.tenant, campaign.switch, campaign.trunk_group)
        page = await context.dial.read_orders(*lane, after_no, PAGE)
        found += page
        if len(page) < PAGE:
            break
    return found


async def _put(context: Context, made: Sequence[DialOrderRow]) -> int:
    if not made:
        return 0

    def act(connection: Connection) -> int:
        return len(context.dial.put(connection, made))

    put: int = await context.write(run_each, act)
    context.dial.made()
    context.dial_meter.made(CLEAR_CONNECTION, put)
    return put
