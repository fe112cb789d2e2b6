"""POST .../start, pause, resume, drain, stop: what a manager orders of a campaign."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.codes import invalid
from campaigns.api.refusals import refusing
from campaigns.api.shown import etag
from campaigns.api.whole_campaign import whole
from campaigns.context import Context
from campaigns.core.zones import DAY_MS
from campaigns.dialler import actions, starting
from campaigns.dialler.draining import drain
from campaigns.ledger import audit
from campaigns.ledger.rows import CampaignRow
from cti.web.body import model_of, read_body, read_json
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Start, Stop
from schemas.fields import ms_of

ACCEPTED = 202
START_WITHIN_MS = 366 * DAY_MS


async def post_start(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `contacts_changed`, `approval_needed`, `overlaps`, `cannot_dial`."""
    row = await meant(context, asked)
    given = model_of(await read_json(asked.request, limits), limits, Start)
    at_ms = None if given.start_at is None else _start_at(row, ms_of(given.start_at), context.now_ms())
    start = partial(starting.start, wish=starting.StartRequest(given.contacts, at_ms, given.allow_overlap))
    details: dict[str, Any] = {"contacts": given.contacts, **({"allow_overlap": True} if given.allow_overlap else {})}
    if at_ms is None:
        return await _acted(context, asked, row, "campaign_started", start, **details)
    return await _acted(context, asked, row, "campaign_scheduled", start, start_at=rfc3339(at_ms), **details)


def _start_at(row: CampaignRow, at_ms: int, now_ms: int) -> int:
    """Raises Refusal `invalid_body`."""
    last_ms = now_ms + START_WITHIN_MS if row.expires_at_ms is None else row.expires_at_ms
    if now_ms < at_ms < min(last_ms, now_ms + START_WITHIN_MS):
        return at_ms
    raise invalid([fault("/start_at", "range", "Lies in the future, within a year, and before `expires_at`")])


async def post_pause(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`."""
    row = await meant(context, asked)
    await read_body(asked.request, limits)  # nothing is asked for; whatever came is taken off the line
    return await _acted(context, asked, row, "campaign_paused", actions.pause)


async def post_resume(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `cannot_dial`."""
    row = await meant(context, asked)
    await read_body(asked.request, limits)
    return await _acted(context, asked, row, "campaign_resumed", actions.resume)


async def post_drain(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`."""
    row = await meant(context, asked)
    await read_body(asked.request, limits)
    return await _acted(context, asked, row, "campaign_drained", drain)


async def post_stop(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Without a body live calls finish. Raises Refusal `wrong_state`."""
    row = await meant(context, asked)
    given = Stop()
    if asked.request.body_exists:
        given = model_of(await read_json(asked.request, limits), limits, Stop)
    stop = partial(actions.stop, live=given.live)
    return await _acted(context, asked, row, "campaign_stopped", stop, live=given.live)


Act = Callable[..., Awaitable[CampaignRow]]


async def _acted(context: Context, asked: Asked, row: CampaignRow, what: str, act: Act, **details: Any) -> web.Response:
    """The campaign as it is then; the line of the audit log is of the same transaction."""
    by, at_ms = who(asked.caller), context.now_ms()

    def also(connection: Connection) -> None:
        audit.note(connection, row.tenant, at_ms, by, what, row.id, details)

    with refusing():
        after = await act(context, row.tenant, row.id, who=by, also=also)
    return json_answer(await whole(context, after), ACCEPTED, {"ETag": etag(after)})
