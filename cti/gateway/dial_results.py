"""What a switch says of a dial order goes straight into the order's row: no event is appended, no call is born."""

from typing import Any

from cti.dial.rows import OrderResult
from cti.gateway.context import Context
from cti.gateway.dialling import Dialling
from cti.gateway.positions import token_of
from cti.gateway.results_given import already_answered
from cti.web.auth import Caller
from cti.web.refusal import Refusal


def unknown_command() -> Refusal:
    """The refusal of a result for what is not there, or belongs to others."""
    return Refusal("not_found", "No such command of a switch of this key")


async def switch_of(dialling: Dialling, tenant: str, order_id: str) -> str | None:
    """The switch of a dial order; None: there is no such order. Raises `LedgerAway`."""
    switch = dialling.lately(tenant, order_id)
    if switch is None and (found := await dialling.streams.order(tenant, order_id)) is not None:
        switch = found.order.switch
    return switch


async def keep_result(context: Context, dialling: Dialling, caller: Caller, result: OrderResult) -> str:
    """The token of what the ledger has read: there is no event to wait for.

    Raises Refusal `not_found`, `not_sent`, `already_answered`; `LedgerAway`, `OutcomeUnknown`.
    """
    switch = await switch_of(dialling, result.tenant, result.id)
    if switch is None or not caller.may_switch(switch):
        raise unknown_command()
    kept = await dialling.streams.set_result(result)
    if kept == "not_found":
        raise unknown_command()
    if kept == "not_sent":
        raise Refusal("not_sent")
    if kept == "contradiction":
        raise already_answered()
    if kept == "kept":
        dialling.meter.result(result)
    return token_of(await context.reads.positions())
