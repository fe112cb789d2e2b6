"""GET /v1/records: the latest record of every call, in call-id order, one JSON object a line."""

from aiohttp import web
from pydantic_core import from_json, to_json

from cti.gateway.context import Context
from cti.gateway.reading import NDJSON
from cti.web.accept import wanted
from cti.web.masking import masked_in
from cti.web.route import Asked


async def get_records(context: Context, asked: Asked) -> web.Response:
    """A page after the call id `after`; fewer lines than `limit`: it was the last. Raises Refusal."""
    wanted(asked.request.headers.get("Accept"), (NDJSON,))
    as_of = await context.catching_up.as_of(asked.query.get("min_position"))
    limit = asked.query.get("limit", context.limits.page_items)
    sources = await context.bindings.sources(asked.caller)
    records = await context.reads.records(asked.caller.tenant, asked.query.get("after", ""), limit, sources)
    if asked.caller.sees_numbers:
        lines = [record.encode() for record in records]
    else:
        lines = [to_json(masked_in(from_json(record))) for record in records]
    body = b"".join(line + b"\n" for line in lines)
    return web.Response(body=body, headers={"Content-Type": NDJSON, "Ringback-As-Of": as_of})
