"""What a second key reads and decides: approval of a campaign, and of an exception to its quiet hours."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.codes import invalid
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.refusals import refusing
from campaigns.api.shown import etag
from campaigns.api.shown_approval import shown_emergency
from campaigns.api.whole_campaign import whole
from campaigns.approvals.approving import Seen, approve
from campaigns.context import Context
from campaigns.dialler import emergencies
from campaigns.ledger import audit
from campaigns.ledger.rows import CampaignRow, EmergencyRow
from cti.web.body import model_of, read_body, read_json
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Approve, ApproveEmergency, AskEmergency
from schemas.fields import ms_of

CREATED, ACCEPTED = 201, 202


async def post_approve(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `second_key_needed`, `approval_mismatch`."""
    row = await meant(context, asked)
    given = model_of(await read_json(asked.request, limits), limits, Approve)
    by, at_ms = who(asked.caller), context.now_ms()

    def also(connection: Connection) -> None:
        audit.note(connection, row.tenant, at_ms, by, "campaign_approved", row.id, {"digest": given.digest})

    seen = Seen(given.digest, None if given.parts is None else given.parts.model_dump())
    with refusing():
        after = await approve(context, row.tenant, row.id, seen, by, also)
    return await _answered(context, after)


async def post_emergency(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Ask for one. Raises Refusal `wrong_state`, `no_emergency`, `invalid_body`."""
    row = await meant(context, asked)
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, AskEmergency)
    until_ms, now_ms, by = ms_of(given.until), context.now_ms(), who(asked.caller)
    if not now_ms < until_ms <= now_ms + emergencies.LAST_MS:
        raise invalid([fault("/until", "range", "Lies in the future, and within a day from now")])

    def create(connection: Connection) -> Reply:
        made = emergencies.ask(connection, row, given.reason, until_ms, now_ms, by)
        details = {"emergency": made.no, "reason": made.reason, "until": rfc3339(made.until_ms)}
        audit.note(connection, row.tenant, now_ms, by, "emergency_asked", row.id, details)
        return reply(shown_emergency(made, now_ms, in_full=asked.caller.sees_numbers), CREATED)

    with refusing():
        return await created(context, asked, body, create)


async def post_emergency_approve(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `second_key_needed`, `no_emergency`."""
    row = await meant(context, asked)
    given = model_of(await read_json(asked.request, limits), limits, ApproveEmergency)
    by = who(asked.caller)
    noted = _noted(context, row, by, "emergency_approved", {"emergency": given.n})
    with refusing():
        after = await emergencies.approve(context, row.tenant, row.id, given.n, by, noted)
    return await _answered(context, after)


async def post_emergency_end(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Before its time; asked again, nothing is done. Raises Refusal `no_emergency`."""
    row = await meant(context, asked)
    await read_body(asked.request, limits)
    by = who(asked.caller)
    with refusing():
        after = await emergencies.end(context, row.tenant, row.id, by, _noted(context, row, by, "emergency_ended", {}))
    return await _answered(context, after)


def _noted(context: Context, row: CampaignRow, by: str, what: str, details: Mapping[str, Any]) -> emergencies.Note:
    at_ms = context.now_ms()

    def note(connection: Connection, made: EmergencyRow) -> None:
        audit.note(connection, row.tenant, at_ms, by, what, row.id, {"emergency": made.no, **details})

    return note


async def _answered(context: Context, row: CampaignRow) -> web.Response:
    return json_answer(await whole(context, row), ACCEPTED, {"ETag": etag(row)})
