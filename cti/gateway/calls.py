"""GET /v1/calls, /v1/calls/{id}: calls as they stand, live ones and ended ones."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from cti.gateway.context import Context
from cti.gateway.pages import page_response
from cti.rows import CallFilter, CallListing
from cti.web.cursors import cursor_of
from cti.web.instants import rfc3339
from cti.web.masking import masked_in
from cti.web.refusal import Refusal
from cti.web.route import Asked

COLUMNS = (
    "call", "source", "subject", "state", "direction", "calling", "called", "queue", "agent", "opened_at", "ended_at",
    "outcome", "wait_s", "answer_s", "talk_s", "hold_s", "transfers", "notices_owed", "notices_played", "breaches",
)  # fmt: skip
"""The members of a listed call, and the columns of its CSV."""


async def get_call(context: Context, asked: Asked) -> web.Response:
    """One call with its timeline, its rules and its commands. Raises Refusal `not_found`."""
    as_of = await context.catching_up.as_of(asked.query.get("min_position"))
    stored = await context.reads.call(asked.caller.tenant, asked.request.match_info["call"])
    if stored is None:
        raise Refusal("not_found", "No such call")
    told = dict(context.standard.describe(stored, context.log.now_ms())) | {"as_of": as_of}
    shown = told if asked.caller.sees_numbers else masked_in(told)
    return web.Response(body=to_json(shown), content_type="application/json")


async def get_calls(context: Context, asked: Asked) -> web.Response:
    """A page of calls, newest first, as JSON or CSV. Raises Refusal."""
    query = asked.query
    limit = query.get("limit", 100)
    after = query.get("cursor")
    as_of = await context.catching_up.as_of(query.get("min_position"))
    found = await context.reads.calls(asked.caller.tenant, _filter(asked), after, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    cursor = cursor_of(page[-1].row.opened_at_ms, page[-1].row.call_id) if more else None
    return page_response(asked, "calls", COLUMNS, list(listed(page)), cursor, as_of)


def _filter(asked: Asked) -> CallFilter:
    query = asked.query
    names = ("state", "source", "subject", "queue", "agent", "outcome", "rule")
    return CallFilter(**{name: query.get(name) for name in names}, from_ms=query.get("from"), to_ms=query.get("to"))


def listed(page: Iterable[CallListing]) -> Iterable[dict[str, Any]]:
    """The calls of a page as JSON members; what only a record knows is null while the call lives."""
    for row, record in page:
        told: dict[str, Any] = dict.fromkeys(COLUMNS)
        told |= {"call": row.call_id, "source": row.source, "subject": row.subject, "direction": row.direction}
        told |= {"state": "live" if record is None else "ended", "opened_at": rfc3339(row.opened_at_ms), "breaches": []}
        if record is not None:
            kept = from_json(record.record)
            told |= {name: kept[name] for name in COLUMNS if name in kept and name not in ("breaches", "transfers")}
            told |= {
                "queue": record.queue,
                "agent": record.agent,
                "outcome": record.outcome,
                "transfers": record.transfers,
            }
            told |= {"ended_at": rfc3339(record.ended_at_ms), "breaches": [each["rule"] for each in kept["breaches"]]}
            told |= {"notices_owed": record.notices_owed, "notices_played": record.notices_played}
        yield told
