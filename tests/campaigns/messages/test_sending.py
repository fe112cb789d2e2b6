"""A message leaves at most once, whatever happens to it, to its gateway or to the process that sends it."""

import asyncio
import json

import pytest

from campaigns.messages.port import Answer, Message, Verdict
from campaigns.messages.sender import MessageSender
from cti.dial import silence
from cti.dial.rows import MESSAGE_GATEWAY, OrderState, SourceWord
from cti.errors import NoDialStream
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.messages.scripted_gateway import (
    LANE,
    VALID_MS,
    ScriptedGateway,
    begun,
    put,
    sending,
    turned,
)
from tests.scheduler import TENANT

NOT_TAKEN = Answer(Verdict.NOT_TAKEN, "ClientConnectorError", away=True)
UNKNOWN = Answer(Verdict.UNKNOWN, "TimeoutError", away=True)
REFUSED = Answer(Verdict.REFUSED, "http 422")


async def result_of(product: Acting, id_: str) -> tuple[str, str | None, str | None]:
    """(state, result, reason)"""
    order = await product.order(id_)
    return order.state, order.result, order.reason


async def judged(product: Acting, order: OrderState) -> silence.Judged:
    facts = await product.dial.read_facts(TENANT, MESSAGE_GATEWAY, LANE)
    far_ms = order.order.expires_at_ms + 60_000
    return silence.judge(order, [], facts, SourceWord(far_ms, 0, True, far_ms), far_ms - 1)


async def test_a_message_that_was_taken_is_done(product: Acting) -> None:
    gateway = ScriptedGateway()
    sender = await begun(product, gateway)
    await put(product, ["c0-1.1", "c0-2.1"])
    await turned(product, sender)
    await turned(product, sender)
    assert gateway.received == ["c0-1.1", "c0-2.1"]
    assert await result_of(product, "c0-1.1") == ("sent", "done", None)


async def test_a_message_that_was_refused_is_undeliverable(product: Acting) -> None:
    sender = await begun(product, ScriptedGateway(REFUSED))
    await put(product, ["c0-1.1"])
    await turned(product, sender)
    assert await result_of(product, "c0-1.1") == ("sent", "refused", "error")
    [fact] = await product.dial.read_facts(TENANT, MESSAGE_GATEWAY, LANE)
    assert json.loads(fact.record or "") == {"state": "undeliverable", "cause": "http 422"}
    assert isinstance(await judged(product, await product.order("c0-1.1")), silence.CallEnded)
    assert not sender.away, "the next message may be a good one"


async def test_what_was_not_taken_is_given_back_and_nothing_is_ordered_until_the_gateway_is_there(
    product: Acting,
) -> None:
    gateway = ScriptedGateway(NOT_TAKEN)
    sender = await begun(product, gateway)
    await put(product, ["c0-1.1"])
    gateway.there = False
    await turned(product, sender)
    assert await judged(product, await product.order("c0-1.1")) == silence.NeverRang("refused_expired")
    assert sender.away
    with pytest.raises(NoDialStream):
        await put(product, ["c0-1.2"])
    await turned(product, sender, seconds=2)
    with pytest.raises(NoDialStream):
        await put(product, ["c0-1.2"])
    gateway.there = True
    await turned(product, sender, seconds=10)
    await put(product, ["c0-1.2"])
    await turned(product, sender)
    assert gateway.received == ["c0-1.1", "c0-1.2"]
    assert not sender.away


async def test_a_message_whose_outcome_is_unknown_is_never_repeated(product: Acting) -> None:
    gateway = ScriptedGateway(UNKNOWN)
    sender = await begun(product, gateway)
    await put(product, ["c0-1.1"])
    await turned(product, sender)
    for _ in range(4):
        await turned(product, sender, seconds=5)
    other = await begun(product, gateway)
    await turned(product, other, sender)
    assert gateway.received == ["c0-1.1"]
    assert await result_of(product, "c0-1.1") == ("sent", None, None)
    assert await judged(product, await product.order("c0-1.1")) == silence.Unknown(final=False, ask_again=False)


async def test_a_process_that_dies_between_claim_and_first_byte_leaves_the_message_unknown(product: Acting) -> None:
    async def dies(_: Message) -> None:
        raise asyncio.CancelledError

    killed = ScriptedGateway(before=dies)
    sender = await begun(product, killed)
    await put(product, ["c0-1.1"])
    await turned(product, sender)
    order = await product.order("c0-1.1")
    assert (order.state, order.result, killed.received) == ("sent", None, [])
    gateway = ScriptedGateway()
    await begun(product, gateway)
    await begun(product, gateway)
    assert gateway.received == [], "it may have left: it is not sent again"
    assert await judged(product, order) == silence.Unknown(final=False, ask_again=False)


async def test_two_processes_never_send_one_message_twice(product: Acting) -> None:
    """Both believe to have the tenant, and look at the same instant, again and again."""
    gateway = ScriptedGateway()
    one = await begun(product, gateway, messages_per_second=50, at_once=50)
    two = await begun(product, gateway, messages_per_second=50, at_once=50)
    ids = [f"c0-{no}.1" for no in range(1, 41)]
    for at in range(0, 40, 10):
        await put(product, ids[at : at + 10])
        await asyncio.gather(one.turn(), two.turn(), one.turn(), two.turn())
        await one.landed()
        await two.landed()
        await product.wait(6)  # the one that was superseded comes back, and takes the tenant over
        await asyncio.gather(one.turn(), two.turn())
        await one.landed()
        await two.landed()
    assert len(gateway.received) == len(set(gateway.received))
    sent = {id_ for id_ in ids if (await product.order(id_)).sent_at_ms is not None}
    assert sent == set(gateway.received)
    assert len(sent) >= 10


async def test_a_message_that_expires_on_its_way_to_the_first_byte_is_given_back(product: Acting) -> None:
    async def takes_long(_: Message) -> None:
        product.it.clock.move_to(product.it.clock.now_ms() + VALID_MS)

    gateway = ScriptedGateway(before=takes_long)
    sender = await begun(product, gateway)
    await put(product, ["c0-1.1"])
    await turned(product, sender)
    assert gateway.received == []
    assert await judged(product, await product.order("c0-1.1")) == silence.NeverRang("refused_expired")


async def test_what_has_expired_or_was_withdrawn_is_not_claimed(product: Acting) -> None:
    gateway = ScriptedGateway()
    sender = await begun(product, gateway)
    await put(product, ["c0-1.1", "c0-2.1"])
    await product.write(lambda connection: product.dial.withdraw(connection, TENANT, ["c0-2.1"]))
    await turned(product, sender, seconds=VALID_MS / 1000)
    assert gateway.received == []


async def test_no_second_has_more_messages_than_the_gateway_takes(product: Acting) -> None:
    gateway = ScriptedGateway()
    sender = await begun(product, gateway, messages_per_second=3, at_once=20)
    await put(product, ["c0-0.1"])
    await turned(product, sender)  # proven
    await put(product, [f"c0-{no}.1" for no in range(1, 10)])
    counts = []
    for _ in range(30):
        before = len(gateway.received)
        await turned(product, sender, seconds=0.1)
        counts.append(len(gateway.received) - before)
    assert max(sum(counts[at : at + 10]) for at in range(20)) == 3
    assert sum(counts) >= 8


async def test_after_a_fault_one_goes_alone_until_one_was_taken(product: Acting) -> None:
    gateway = ScriptedGateway(UNKNOWN, UNKNOWN)
    sender = await begun(product, gateway, messages_per_second=50)
    await put(product, [f"c0-{no}.1" for no in range(1, 6)])
    await turned(product, sender)
    assert len(gateway.received) == 1
    await turned(product, sender, seconds=1)
    assert len(gateway.received) == 2
    await turned(product, sender, seconds=2)
    assert len(gateway.received) == 3
    await turned(product, sender, seconds=0.5)
    assert len(gateway.received) == 5


@pytest.mark.parametrize(("wait_s", "again_s"), [(30.0, 30), (None, 1)])
async def test_a_gateway_that_asks_for_a_pause_gets_it(product: Acting, wait_s: float | None, again_s: int) -> None:
    answer = Answer(Verdict.NOT_TAKEN, "http 429", away=True, wait_s=wait_s)
    sender = await begun(product, ScriptedGateway(answer))
    await put(product, ["c0-1.1"])
    await turned(product, sender)
    await turned(product, sender, seconds=again_s - 0.5)
    assert sender.away
    await turned(product, sender, seconds=0.5)
    assert not sender.away


async def test_a_new_owner_sends_nothing_in_its_first_second(product: Acting) -> None:
    gateway = ScriptedGateway()
    sender = sending(product, gateway)
    await sender.turn()
    await put(product, ["c0-1.1"])
    await turned(product, sender, seconds=0.9)
    assert gateway.received == []
    await turned(product, sender, seconds=0.1)
    assert gateway.received == ["c0-1.1"]


async def test_one_that_stops_leaves_no_stream(product: Acting) -> None:
    sender = await begun(product, ScriptedGateway())
    await sender.close()
    with pytest.raises(NoDialStream):
        await put(product, ["c0-1.1"])


async def test_of_two_diallers_one_has_the_gateway_and_the_other_takes_it_over(product: Acting) -> None:
    gateway = ScriptedGateway()
    host = product.it.host
    context = sending(product, gateway)._context
    one, two = (MessageSender(context, host, product.dial, lambda _tenant, _of: gateway) for _ in range(2))
    await one.start()
    await two.start()
    for _ in range(8):
        await product.wait(1)
        await one.step()
        await two.step()
    assert sum(bool(each.tenants) for each in (one, two)) >= 1
    await put(product, ["c0-1.1", "c0-2.1"])
    for _ in range(3):
        await product.wait(1)
        await one.step()
        await two.step()
    assert sorted(gateway.received) == ["c0-1.1", "c0-2.1"]
    first, last = (one, two) if one.tenants and not two.tenants else (two, one)
    await first.stop()
    for _ in range(12):
        await product.wait(1)
        await last.step()
    await put(product, ["c0-3.1"])
    await product.wait(1)
    await last.step()
    assert sorted(gateway.received) == ["c0-1.1", "c0-2.1", "c0-3.1"]
    await last.stop()
