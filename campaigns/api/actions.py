"""POST .../start, pause, resume, stop: what a manager orders of a campaign."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.refusals import refusing
from campaigns.api.shown import etag
from campaigns.api.whole_campaign import whole
from campaigns.context import Context
from campaigns.dialler import actions
from campaigns.ledger import audit
from campaigns.ledger.rows import CampaignRow
from cti.web.body import model_of, read_body, read_json
from cti.web.limits import Limits
from cti.web.route import Asked
from schemas.campaigns import Start, Stop

ACCEPTED = 202


async def post_start(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `contacts_changed`, `cannot_dial`."""
    row = await meant(context, asked)
    given = model_of(await read_json(asked.request, limits), limits, Start)
    start = partial(actions.start, contacts_expected=given.contacts)
    return await _acted(context, asked, row, "campaign_started", start, contacts=given.contacts)


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
