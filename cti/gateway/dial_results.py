"""What a switch says of a dial order goes straight into the order's row: no event is appended, no call is born."""

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


async def addressed_to(dialling: Dialling, tenant: str, order_id: str) -> tuple[str, str] | None:
    """(switch, command) of a dial order; None: there is no such order. Raises `LedgerAway`."""
    lately = dialling.lately(tenant, order_id)
    if lately is not None:
        return lately
    found = await dialling.streams.order(tenant, order_id)
    return None if found is None else (found.order.switch, found.order.command)


async def keep_result(context: Context, dialling: Dialling, caller: Caller, result: OrderResult) -> str:
    """The token of what the ledger has read: there is no event to wait for.

    Raises Refusal `not_found`, `not_sent`, `already_answered`; `LedgerAway`, `OutcomeUnknown`.
    """
    addressed = await addressed_to(dialling, result.tenant, result.id)
    if addressed is None or not caller.may_switch(addressed[0]):
        raise unknown_command()
    kept = await dialling.streams.set_result(result)
    if kept == "not_found":
        raise unknown_command()
    if kept == "not_sent":
        raise Refusal("not_sent")
    if kept == "contradiction":
        raise already_answered()
    if kept == "kept":
        dialling.meter.result(addressed[1], result.result)
    return token_of(await context.reads.positions())
