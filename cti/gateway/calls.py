"""GET /v1/calls, /v1/calls/{id}: calls as they stand, live ones and ended ones."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from cti.gateway.context import Context, Kept
from cti.gateway.pages import page_response
from cti.rows import CallFilter, CallListing, Sources, TimelineRow
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
BEFORE_ALL = (-1, 0)
NEWER_MAX = 500  # events since a call was described; with more of them it is described again as a whole


async def get_call(context: Context, asked: Asked) -> web.Response:
    """One call with its rules, its commands and a page of its timeline; with `timeline_cursor` a further page alone.

    A call may have thousands of events: what takes long is done in a thread. Raises Refusal `not_found`.
    """
    as_of = await context.catching_up.as_of(asked.query.get("min_position"))
    limit = asked.query.get("timeline_limit", context.limits.timeline_items)
    after = asked.query.get("timeline_cursor")
    async with context.describing:
        if after is None:
            body = await _first(context, asked, as_of, limit)
        else:
            body = await _page(context, asked, as_of, after, limit)
    return web.Response(body=body, content_type="application/json")


async def _first(context: Context, asked: Asked, as_of: str, limit: int) -> bytes:
    kept = context.standard.describe.kept(asked.request.match_info["call"])
    body = None if kept is None else await _since(context, asked, as_of, limit, kept)
    return body or await _whole(context, asked, as_of, limit)


async def _since(context: Context, asked: Asked, as_of: str, limit: int, kept: Kept) -> bytes | None:
    """Describe a call from its cached fold and the events since; None: the whole timeline is needed."""
    tenant, call_id = asked.caller.tenant, asked.request.match_info["call"]
    found = await context.reads.call_since(tenant, call_id, kept.after, NEWER_MAX)
    sources = await context.bindings.sources(asked.caller)
    if found is None or (sources is not None and found[0].row.source not in sources):
        raise _no_such_call()
    first = await context.reads.timeline_page(tenant, call_id, BEFORE_ALL, limit + 1)
    now_ms = context.log.now_ms()

    def written() -> bytes | None:
        described = context.standard.describe.since(kept, *found, now_ms)
        if described is None or first is None:
            return None
        return _written(asked, dict(described) | {"as_of": as_of} | _timeline(first[1], limit))

    return await asyncio.to_thread(written)


async def _whole(context: Context, asked: Asked, as_of: str, limit: int) -> bytes:
    stored = await context.reads.call(asked.caller.tenant, asked.request.match_info["call"])
    sources = await context.bindings.sources(asked.caller)
    if stored is None or (sources is not None and stored.row.source not in sources):
        raise _no_such_call()
    now_ms = context.log.now_ms()

    def written() -> bytes:
        page = _timeline(sorted(stored.timeline, key=lambda event: event.log_position), limit)
        return _written(asked, dict(context.standard.describe.whole(stored, now_ms)) | {"as_of": as_of} | page)

    return await asyncio.to_thread(written)


async def _page(context: Context, asked: Asked, as_of: str, after: tuple[int, int], limit: int) -> bytes:
    call_id = asked.request.match_info["call"]
    found = await context.reads.timeline_page(asked.caller.tenant, call_id, after, limit + 1)
    sources = await context.bindings.sources(asked.caller)
    if found is None or (sources is not None and found[0].source not in sources):
        raise _no_such_call()
    row, events = found
    head = {"call": row.call_id, "source": row.source, "subject": row.subject, "incarnation": row.incarnation}
    return await asyncio.to_thread(lambda: _written(asked, head | {"as_of": as_of} | _timeline(events, limit)))


def _no_such_call() -> Refusal:
    return Refusal("not_found", "No such call")


def _written(asked: Asked, answer: dict[str, Any]) -> bytes:
    return to_json(answer if asked.caller.sees_numbers else masked_in(answer))


def _timeline(events: Sequence[TimelineRow], limit: int) -> dict[str, Any]:
    """The first events, and where the next page begins."""
    page = events[:limit]
    more = len(events) > limit
    return {
        "timeline": [_event(event) for event in page],
        "timeline_next": cursor_of(page[-1].position, page[-1].n) if more else None,
    }


def _event(row: TimelineRow) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "kind": row.kind,
        "time": rfc3339(row.at_ms),
        "appended_at": rfc3339(row.appended_at_ms),
        "position": f"{row.partition}:{row.position}",
        "sequence": row.sequence,
        "derived": row.n > 0,
        "data": from_json(row.data),
    }


async def get_calls(context: Context, asked: Asked) -> web.Response:
    """A page of calls, newest first, as JSON or CSV. Raises Refusal."""
    query = asked.query
    limit = query.get("limit", 100)
    after = query.get("cursor")
    as_of = await context.catching_up.as_of(query.get("min_position"))
    sources = await context.bindings.sources(asked.caller)
    found = await context.reads.calls(asked.caller.tenant, _filter(asked, sources), after, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    cursor = cursor_of(page[-1].row.opened_at_ms, page[-1].row.call_id) if more else None
    return page_response(asked, "calls", COLUMNS, list(listed(page)), cursor, as_of)


def _filter(asked: Asked, sources: Sources) -> CallFilter:
    query = asked.query
    names = ("state", "source", "subject", "queue", "agent", "outcome", "rule")
    return CallFilter(
        **{name: query.get(name) for name in names},
        from_ms=query.get("from"),
        to_ms=query.get("to"),
        sources=sources,
    )


def listed(page: Iterable[CallListing]) -> Iterable[dict[str, Any]]:
    """The calls of a page as JSON members; members that come from the record are null while the call lives."""
    for row, record in page:
        members: dict[str, Any] = dict.fromkeys(COLUMNS)
        members |= {"call": row.call_id, "source": row.source, "subject": row.subject, "direction": row.direction}
        members |= {
            "state": "live" if record is None else "ended",
            "opened_at": rfc3339(row.opened_at_ms),
            "breaches": [],
        }
        if record is not None:
            kept = from_json(record.record)
            members |= {name: kept[name] for name in COLUMNS if name in kept and name not in ("breaches", "transfers")}
            members |= {
                "queue": record.queue,
                "agent": record.agent,
                "outcome": record.outcome,
                "transfers": record.transfers,
            }
            members |= {
                "ended_at": rfc3339(record.ended_at_ms),
                "breaches": [each["rule"] for each in kept["breaches"]],
            }
            members |= {"notices_owed": record.notices_owed, "notices_played": record.notices_played}
        yield members
