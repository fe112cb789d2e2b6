"""POST and GET /v1/campaigns, GET /v1/campaigns/{id}."""

import secrets
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api import shown_approval
from campaigns.api.answering import json_answer, meant, who
from campaigns.api.codes import invalid
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.new_campaign import FIRST_VERSION, Origin, faults_of, order_fault, row_of
from campaigns.api.outlook import outlook_of
from campaigns.api.pace import carried
from campaigns.api.progress import progress_of, read
from campaigns.api.shown import etag, etag_of, shown_campaign
from campaigns.api.whole_campaign import NOT_LOOKED_AT, whole
from campaigns.context import Context
from campaigns.ledger import audit, campaigns
from campaigns.ledger.rows import CampaignRow
from cti.web.body import model_of, read_json
from cti.web.cursors import cursor_of
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from cti.web.route import Asked
from schemas.campaigns import NewCampaign

PAGE = 50


async def post_campaign(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """A campaign in state `draft`. Raises Refusal."""
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, NewCampaign)
    if not asked.caller.may_switch(given.switch):
        raise Refusal("switch_not_allowed", f"The key is not bound to the switch {given.switch}")

    def create(connection: Connection) -> Reply | Refusal:
        try:  # only now: of a key that was used, the first answer stands, whatever the deadlines would be today
            row = _row(context, asked, given)
        except Refusal as refused:
            return refused
        campaigns.make(connection, row)
        audit.note(connection, row.tenant, row.made_at_ms, row.made_by, "campaign_created", row.id, {"name": row.name})
        return reply(draft_answer(context, connection, row), 201, f"/v1/campaigns/{row.id}")

    answer = await created(context, asked, body, create)
    answer.headers["ETag"] = etag_of(FIRST_VERSION)
    return answer


def _row(context: Context, asked: Asked, given: NewCampaign) -> CampaignRow:
    faults = faults_of(given, context.rules)
    if faults:
        raise invalid(faults)
    made = Origin(f"c{secrets.token_hex(8)[:15]}", asked.caller.tenant, who(asked.caller), context.now_ms())
    row = row_of(given, context.rules, made)
    late = order_fault(row)
    if late is not None:
        raise invalid([late])
    return row


def draft_answer(context: Context, connection: Connection, row: CampaignRow) -> dict[str, Any]:
    """A campaign that was made in this transaction."""
    figures = read(connection, row, row.made_at_ms)
    return {
        **shown_campaign(row, context.rules),
        **shown_approval.shown_decided(shown_approval.read(connection, context, row), row.made_at_ms),
        "progress": progress_of(row, figures, context.rules, carried(row, None), row.made_at_ms),
        "next": outlook_of(row, figures, context.rules, NOT_LOOKED_AT, row.made_at_ms),
    }


async def get_campaigns(context: Context, asked: Asked) -> web.Response:
    """A page, the newest first."""
    query = asked.query
    limit = query.get("limit", PAGE)
    found = await context.reader.run(
        campaigns.page,
        asked.caller.tenant,
        state=query.get("state"),
        switches=asked.caller.switches,
        after=query.get("cursor"),
        limit=limit + 1,
    )
    page = found[:limit]
    cursor = cursor_of(page[-1].made_at_ms, page[-1].id) if len(found) > limit else None
    return json_answer({"campaigns": [await whole(context, row) for row in page], "cursor": cursor})


async def get_campaign(context: Context, asked: Asked) -> web.Response:
    """A campaign with its settings as they hold. Raises Refusal `not_found`."""
    row = await meant(context, asked)
    return json_answer(await whole(context, row), headers={"ETag": etag(row)})
