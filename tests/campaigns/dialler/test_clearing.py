"""A stop that clears live calls: each is ended by an order, which is put again where the switch did not obey."""

from sqlalchemy import Connection

from campaigns.dialler.actions import CLEAR, FINISH, stop
from campaigns.dialler.clearing import CLEARINGS_MAX, clear_live, to_clear
from campaigns.dialler.orders import Leg, clearing
from campaigns.ledger import attempts
from campaigns.ledger.rows import CampaignRow
from cti.dial.rows import OrderState
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.known import SENT_MS, fact, order
from tests.campaigns.dialler.rows import attempt_row
from tests.scheduler import TENANT
from tests.simulation.dialling_switch import DiallingSwitch, put

WHO = "desk (7)"


async def answered(product: Acting) -> tuple[DiallingSwitch, CampaignRow, str]:
    """A call of the first contact is live."""
    row, (contact, *_) = await product.campaign(1)
    attempt = attempt_row(contact, 1, decided_at_ms=product.now_ms)
    switch = await DiallingSwitch.declared(product.it, {attempt.number: ["reached"]})
    await switch.to(product.it.now_s + 1)

    def act(connection: Connection) -> None:
        attempts.put(connection, [attempt])

    await product.write(act)
    await put(product.it, switch, str(attempt.command), to=attempt.number)
    await switch.to(product.it.now_s + 12)
    assert len(switch.exchange.pbx.calls) == 1
    return switch, row, str(attempt.command)


async def test_a_live_call_is_cleared_once(product: Acting) -> None:
    switch, row, command = await answered(product)
    stopping = await stop(product.context, TENANT, row.id, CLEAR, WHO)
    assert await clear_live(product.context, stopping) == 1
    assert await clear_live(product.context, stopping) == 0
    await switch.to(product.it.now_s + 3)
    assert (await product.order(f"{command}.c1")).result == "done"
    assert not switch.exchange.pbx.calls
    assert await clear_live(product.context, stopping) == 0


async def test_a_stop_that_lets_calls_finish_clears_nothing(product: Acting) -> None:
    switch, row, _ = await answered(product)
    stopping = await stop(product.context, TENANT, row.id, FINISH, WHO)
    assert await clear_live(product.context, stopping) == 0
    assert len(switch.exchange.pbx.calls) == 1


async def test_another_campaign_s_calls_stay(product: Acting) -> None:
    _, row, _ = await answered(product)
    other = row._replace(id="c1", live=CLEAR, state="stopping")
    assert await clear_live(product.context, other) == 0


def cleared(k: int, at_ms: int) -> OrderState:
    return order()._replace(order=clearing(order().order, k, Leg("x", "y"), at_ms), result=None)


def again(*before: OrderState, at_ms: int = SENT_MS + 20_000) -> list[int]:
    live = [fact(None, rang_s=1, answered_s=8)]
    return [k for _, _, k in to_clear(live, [order(result="done"), *before], at_ms)]


def test_a_call_is_cleared_again_where_the_switch_did_not_obey_in_time() -> None:
    assert again() == [1]
    first = cleared(1, SENT_MS + 15_000)
    assert again(first) == []
    assert again(first, at_ms=SENT_MS + 24_999) == []
    assert again(first, at_ms=SENT_MS + 25_000) == [2]
    assert again(first._replace(result="refused")) == [2]
    assert again(first._replace(result="done"), at_ms=SENT_MS + 99_000) == []
    assert again(first._replace(result="refused"), cleared(2, SENT_MS + 16_000)) == []


def test_a_switch_that_does_not_obey_is_not_asked_for_ever() -> None:
    refused = [cleared(k, SENT_MS)._replace(result="refused") for k in range(1, CLEARINGS_MAX + 1)]
    assert again(*refused[:-1]) == [CLEARINGS_MAX]
    assert again(*refused) == []


def test_what_is_not_to_be_seen_is_not_cleared() -> None:
    assert list(to_clear([fact(None)], [], SENT_MS)) == []
