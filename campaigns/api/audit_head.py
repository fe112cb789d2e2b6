"""GET /v1/audit/head: where the tenant's audit log ends."""

from aiohttp import web

from campaigns.api.answering import json_answer
from campaigns.context import Context
from campaigns.ledger import audit
from cti.web.instants import rfc3339
from cti.web.route import Asked


async def get_audit_head(context: Context, asked: Asked) -> web.Response:
    """Number 0 and no time: there is no entry yet."""
    head = await context.reader.run(audit.head, asked.caller.tenant)
    at = rfc3339(head.at_ms) if head.no else None
    return json_answer({"no": head.no, "hash": head.hash, "at": at, "anchor": f"{head.no}:{head.hash}"})
