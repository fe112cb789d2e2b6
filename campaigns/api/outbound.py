"""The freeze of a tenant: POST /v1/outbound/freeze and thaw, GET /v1/outbound."""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, who
from campaigns.api.refusals import refusing
from campaigns.context import Context
from campaigns.dialler import actions
from campaigns.ledger import audit, outbound
from campaigns.ledger.rows import OutboundRow
from cti.web.body import read_body, read_model
from cti.web.instants import optional_rfc3339
from cti.web.limits import Limits
from cti.web.masking import masked
from cti.web.route import Asked
from schemas.campaigns import Freeze

ACCEPTED = 202


async def post_freeze(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Nothing more is sent once `acknowledged`, which GET tells too."""
    given = await read_model(asked.request, limits, Freeze)
    tenant, by, at_ms = asked.caller.tenant, who(asked.caller), context.now_ms()

    def also(connection: Connection) -> None:
        audit.note(connection, tenant, at_ms, by, "outbound_frozen", tenant, {"reason": given.reason})

    with refusing():
        row = await actions.freeze(context, tenant, given.reason, by, also)
    return json_answer(await _shown(context, asked, row), ACCEPTED)


async def post_thaw(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Campaigns go on as they stand."""
    await read_body(asked.request, limits)
    tenant, by, at_ms = asked.caller.tenant, who(asked.caller), context.now_ms()

    def also(connection: Connection) -> None:
        audit.note(connection, tenant, at_ms, by, "outbound_thawed", tenant, {})

    with refusing():
        row = await actions.thaw(context, tenant, by, also)
    return json_answer(await _shown(context, asked, row), ACCEPTED)


async def get_outbound(context: Context, asked: Asked) -> web.Response:
    """Whether the tenant's outbound side is frozen."""
    row: OutboundRow = await context.reader.run(outbound.read, asked.caller.tenant)
    return json_answer(await _shown(context, asked, row))


async def _shown(context: Context, asked: Asked, row: OutboundRow) -> dict[str, Any]:
    frozen = bool(row.frozen)
    reason = row.reason if row.reason is None or asked.caller.sees_numbers else masked(row.reason)
    return {
        "frozen": frozen,
        "reason": reason,
        "by": row.who,
        "at": optional_rfc3339(row.at_ms),
        "acknowledged": frozen and await actions.freeze_acknowledged(context, row.tenant),
    }
