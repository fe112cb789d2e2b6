"""POST /v1/message-receipts: what a message gateway says of a message, signed instead of sent with a key.

The secret says whose gateway it is. Nothing of the body is read before its signature holds.
"""

from aiohttp import web

from campaigns.api.answering import JSON
from campaigns.api.codes import refusal
from campaigns.context import Context
from campaigns.messages import receipts, signing
from campaigns.messages.receipts import Receipt
from campaigns.messages.signing import NotSigned, Signed
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from cti.web.route import Asked
from cti.web.server import Conversation
from schemas.message_receipts import MessageReceipt

BODY_BYTES_MAX = 16_384
MS = 1000
CHALLENGE = {"WWW-Authenticate": 'Webhook realm="ringback"'}  # RFC 9110, 15.5.2: a 401 has one


async def post_receipt(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """`{"taken": bool}`; false: it was taken before. Raises Refusal `not_signed`, `not_found`, `idempotency_mismatch`,
    and those of a body.
    """
    request = asked.request
    given = Signed(*(request.headers.get(name, "") for name in (signing.ID, signing.TIMESTAMP, signing.SIGNATURE)))
    try:
        signing.check_form(given, context.now_ms() / MS)
        if request.content_length is None:
            raise refusal("bad_request", "Send a Content-Length")
        body = await read_json(request, limits.model_copy(update={"body_bytes": BODY_BYTES_MAX}))
        tenant = _whose(context, given, body)
    except NotSigned as why:
        context.metrics.receipt("not_signed")
        raise refusal("not_signed", str(why), headers=CHALLENGE) from None
    if isinstance(request.protocol, Conversation):
        request.protocol.has_key()
    said = model_of(body, limits, MessageReceipt)
    order = await receipts.order_of(context, tenant, said.reference)
    if order is None:
        context.metrics.receipt("unknown")
        raise Refusal("not_found", "No such message of this gateway")
    outcome = await receipts.take(context, order, Receipt(tenant, given.id, receipts.digest_of(body), said))
    context.metrics.receipt(outcome)
    if outcome == "otherwise":
        raise refusal("idempotency_mismatch", f"This {signing.ID} came with another body")
    return web.json_response({"taken": outcome == "taken"}, content_type=JSON)


def _whose(context: Context, given: Signed, body: bytes) -> str:
    """The tenant whose gateway signed it. Raises NotSigned."""
    found = [tenant for tenant, gateway in context.gateways.items() if signing.is_signed(gateway.keys, given, body)]
    if not found:
        raise NotSigned(f"{signing.SIGNATURE} is by no secret of a message gateway")
    return found[0]
