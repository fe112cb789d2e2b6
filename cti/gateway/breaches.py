"""GET /v1/breaches: what broke the standard, newest first."""

from typing import Any

from aiohttp import web

from cti.gateway.context import Context
from cti.gateway.pages import page_response
from cti.rows import BreachFilter, BreachRow
from cti.web.cursors import cursor_of
from cti.web.instants import rfc3339
from cti.web.route import Asked

COLUMNS = ("call", "rule", "at", "limit_s", "actual_s", "agent", "queue", "source")


async def get_breaches(context: Context, asked: Asked) -> web.Response:
    """A page of breaches, as JSON or CSV. Raises Refusal."""
    query = asked.query
    limit = query.get("limit", 100)
    after = query.get("cursor")
    as_of = await context.catching_up.as_of(query.get("min_position"))
    names = ("rule", "agent", "queue", "source")
    asked_for = BreachFilter(
        **{name: query.get(name) for name in names},
        from_ms=query.get("from"),
        to_ms=query.get("to"),
        sources=await context.bindings.sources(asked.caller),
    )
    found = await context.reads.breaches(asked.caller.tenant, asked_for, after, limit + 1)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    cursor = None if last is None else cursor_of(last.at_ms, last.call_id, last.n)
    return page_response(asked, "breaches", COLUMNS, [listed(row) for row in page], cursor, as_of)


def listed(row: BreachRow) -> dict[str, Any]:
    """A breach as JSON members."""
    return {
        "call": row.call_id,
        "rule": row.rule,
        "at": rfc3339(row.at_ms),
        "limit_s": row.limit_s,
        "actual_s": row.actual_s,
        "agent": row.agent,
        "queue": row.queue,
        "source": row.source,
    }
