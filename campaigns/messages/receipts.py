"""What a message gateway says of a message: it becomes the fact that a switch's `messageReport` becomes, so that one
place judges both (`campaigns.dialler.outcomes`).

A receipt is taken once: its webhook's id is kept for as long as an `Idempotency-Key`, in the transaction that writes
the fact, and a signature holds for five minutes. Several about one message are taken each; the last stands.
"""

import hashlib
from typing import NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import run_each
from campaigns.ledger import idempotency
from campaigns.ledger.idempotency import KeyRow
from cti.dial.rows import MESSAGE_GATEWAY, SEND_MESSAGE, DialFact, OrderState
from cti.web.instants import rfc3339
from schemas.message_receipts import MessageReceipt

NO_CALL = ""
KEY = "message receipt "  # before the webhook's id: no Idempotency-Key of a client's has a space


class Receipt(NamedTuple):
    """`id`: of the webhook. `digest`: of its body."""

    tenant: str
    id: str
    digest: str
    said: MessageReceipt


def digest_of(body: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


async def order_of(context: Context, tenant: str, reference: str) -> OrderState | None:
    """The message's order; None: this tenant's gateway was sent no such message. Raises LedgerAway."""
    order = await context.dial.order(tenant, reference)
    if order is None or order.sent_at_ms is None:
        return None
    ours = (order.order.switch, order.order.command) == (MESSAGE_GATEWAY, SEND_MESSAGE)
    return order if ours else None


async def take(context: Context, order: OrderState, receipt: Receipt) -> str:
    """taken | repeated | otherwise (the id came with another body). Raises LedgerAway, OutcomeUnknown."""

    def act(connection: Connection) -> str:
        at_ms = context.now_ms()
        row = KeyRow(receipt.tenant, KEY + receipt.id, receipt.digest, at_ms, 200)
        before = idempotency.take(connection, row)
        if before is not None:
            return "repeated" if before.digest == receipt.digest else "otherwise"
        context.dial.report(connection, [fact_of(order, receipt.said, context.dial.now_ms(connection))])
        return "taken"

    found: str = await context.write(run_each, act)
    return found


async def report(context: Context, order: OrderState, said: MessageReceipt) -> None:
    """What is known without a receipt. Raises LedgerAway, OutcomeUnknown."""

    def act(connection: Connection) -> None:
        context.dial.report(connection, [fact_of(order, said, context.dial.now_ms(connection))])

    await context.write(run_each, act)


def receipt_now(context: Context, reference: str, status: str, code: str | None = None) -> MessageReceipt:
    """What this process knows of a message itself, without a receipt."""
    said = {"reference": reference, "status": status, "at": rfc3339(context.now_ms()), "code": code}
    return MessageReceipt.model_validate(said)


def fact_of(order: OrderState, said: MessageReceipt, ledger_ms: int) -> DialFact:
    """The fact, with the members of a `messageReport` in the place of a record."""
    record = {"state": said.status} | ({} if said.code is None else {"cause": said.code})
    return DialFact(
        tenant=order.order.tenant,
        source=order.order.source,
        commandid=order.order.id,
        call_id=NO_CALL,
        incarnation=0,
        revision=ledger_ms,
        opened_at_ms=said.at_ms,
        rang_at_ms=None,
        answered_at_ms=None,
        ended_at_ms=said.at_ms,
        record=to_json(record).decode(),
        appended_at_ms=ledger_ms,
    )
