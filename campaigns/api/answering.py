"""What the routes share: who asks, which campaign is meant, and answers in JSON."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from campaigns.context import Context
from campaigns.ledger import audit, campaigns
from campaigns.ledger.rows import CampaignRow
from cti.web.auth import Caller
from cti.web.instants import rfc3339
from cti.web.refusal import Refusal
from cti.web.route import Asked

JSON = "application/json"
EXPORTED_BY, EXPORTED_AT = "Ringback-Exported-By", "Ringback-Exported-At"
MARKS = {EXPORTED_BY: "Of an export: the id of the key that asked.", EXPORTED_AT: "Of an export: when it was made."}
CAMPAIGN_PATTERN = "c[0-9a-f]{15}"
CONTACT_PATTERN = "c[0-9a-f]{15}-[0-9]{1,9}"
IMPORT_PATTERN = "[1-9][0-9]{0,8}"


def who(caller: Caller) -> str:
    """label (key id)"""
    return f"{caller.label} ({caller.key_id})" if caller.label else f"({caller.key_id})"


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=to_json(body), status=status, content_type=JSON, headers=headers)


def marked(context: Context, asked: Asked) -> dict[str, str]:
    """Headers of what is exported: the id of the key that asked, and when. The audit log has the same."""
    return {EXPORTED_BY: asked.caller.key_id, EXPORTED_AT: rfc3339(context.now_ms())}


async def meant(context: Context, asked: Asked) -> CampaignRow:
    """The campaign of the path. Raises Refusal `not_found`, for one of another tenant or switch too."""
    campaign = asked.request.match_info["campaign"]
    row = await context.reader.run(campaigns.read, campaign, asked.caller.tenant)
    if row is None or not asked.caller.may_switch(row.switch):
        raise Refusal("not_found", "No such campaign")
    return row


async def noted(context: Context, asked: Asked, what: str, about: str, **details: Any) -> None:
    """A line of the audit log, committed before the answer begins."""
    line = (asked.caller.tenant, context.now_ms(), who(asked.caller), what, about, details)
    await context.writer.run(audit.note_all, line)
