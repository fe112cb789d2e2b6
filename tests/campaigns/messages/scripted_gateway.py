"""A message gateway whose answers a test says beforehand, and an order for it."""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from campaigns.context import Context
from campaigns.dialler.message_ways import gateway_lane
from campaigns.ledger.lanes import Lane
from campaigns.messages.configured import Gateway
from campaigns.messages.port import Answer, Message, Verdict
from campaigns.messages.sending import Sending
from cti.dial.rows import MESSAGE_GATEWAY, SEND_MESSAGE, DialOrderRow
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.messages.gateway_server import SECRET
from tests.scheduler import TENANT

LANE = gateway_lane(Lane(TENANT, "s1", "main"))
VALID_MS = 10_000
WHSEC = "whsec_" + base64.b64encode(SECRET).decode()
TAKEN = Answer(Verdict.TAKEN, "http 202")
Before = Callable[[Message], Awaitable[object]]


class ScriptedGateway:
    """`answers`: message by message; then it takes all. `before`: what happens as a message is about to leave."""

    def __init__(self, *answers: Answer, before: Before | None = None) -> None:
        self.answers, self.before = list(answers), before
        self.received: list[str] = []
        self.there = True

    async def send(self, message: Message) -> Answer:
        if self.before is not None:
            await self.before(message)
        if message.left_ms() <= 0:
            return Answer(Verdict.NOT_TAKEN, "expired")
        self.received.append(message.id)
        return self.answers.pop(0) if self.answers else TAKEN

    async def is_there(self) -> bool:
        return self.there

    async def close(self) -> None:
        """Nothing is open."""


def sending(product: Acting, gateway: ScriptedGateway, **changed: int) -> Sending:
    """Another process's: it knows nothing of the others."""
    of = Gateway(url="https://sms.example.com/", secrets=[WHSEC], channels=["sms", "fax"], **changed)
    return Sending(with_gateway(product.context, of), product.dial, TENANT, of, gateway)


def with_gateway(context: Context, of: Gateway) -> Context:
    return replace(context, gateways={TENANT: of})


async def turned(product: Acting, *senders: Sending, seconds: float = 1.0) -> None:
    """The time moves on, each turns, and what is on its way lands."""
    await product.wait(seconds)
    for sender in senders:
        await sender.turn()
        await sender.landed()


async def begun(product: Acting, gateway: ScriptedGateway, **changed: int) -> Sending:
    """One that may send: the second is over in which its predecessor may have sent."""
    sender = sending(product, gateway, **changed)
    await turned(product, sender, seconds=0.0)
    await turned(product, sender)
    return sender


def message_row(id_: str, now_ms: int, **changed: object) -> DialOrderRow:
    body = {"id": id_, "command": SEND_MESSAGE, "channel": "sms", "to": "+8613800000001", "reference": id_}
    row = DialOrderRow(
        id_, TENANT, MESSAGE_GATEWAY, MESSAGE_GATEWAY, LANE, SEND_MESSAGE, None, json.dumps(body), now_ms,
        now_ms + VALID_MS,
    )  # fmt: skip
    return row._replace(**changed)


async def put(product: Acting, ids: Sequence[str]) -> None:
    """Orders for the gateway, as a turn of the dialler makes them."""
    rows = [message_row(id_, product.now_ms) for id_ in ids]
    (made,) = await product.write(lambda connection: product.dial.put(connection, rows))
    assert made == set(ids)
