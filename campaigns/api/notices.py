"""GET /v1/notices: what was written, with names and addresses masked unless the key may see them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from campaigns.api.answering import JSON, noted
from campaigns.api.shown import masked_address, masked_name
from campaigns.context import Context
from campaigns.kinds import known_kinds
from campaigns.ledger import campaigns
from campaigns.ledger.notice_batches import noted as read_notices
from campaigns.ledger.rows import NoticeRow
from campaigns.written_notices.shown import columns, csv_rows, headers, notice_json
from cti.web.accept import wanted
from cti.web.csv_text import CSV, csv_heading
from cti.web.csv_text import csv_rows as csv_lines
from cti.web.cursors import cursor_of
from cti.web.route import Asked
from schemas.notices import CAMPAIGN_ID

PAGE = 100
CSV_TYPE = f"{CSV}; charset=utf-8"
CURSOR = "Ringback-Cursor"
_CAMPAIGN = re.compile(CAMPAIGN_ID, re.ASCII)


def campaign_of(text: str) -> str:
    """Raises ValueError for what is no campaign's id."""
    if _CAMPAIGN.fullmatch(text) is None:
        raise ValueError("takes the id of a campaign, like c0123456789abcde")
    return text


async def get_notices(context: Context, asked: Asked) -> web.Response:
    """A page of notices, as JSON or CSV. Raises Refusal."""
    media = wanted(asked.request.headers.get("Accept"), (JSON, CSV))
    tenant, switches, campaign = asked.caller.tenant, asked.caller.switches, asked.query.get("campaign")
    limit = asked.query.get("limit", PAGE)
    found = await context.reader.run(
        read_notices, tenant, switches, campaign, asked.query.get("state"), asked.query.get("cursor"), limit + 1,
        to_recall="to_recall" in asked.query,
    )  # fmt: skip
    page = found[:limit]
    cursor = cursor_of(page[-1].created_at_ms, page[-1].id) if len(found) > limit else None
    if asked.caller.sees_numbers and page:
        await noted(context, asked, "notices_revealed", campaign or "", notices=len(page))
    shown = [shown_notice(row, in_full=asked.caller.sees_numbers) for row in page]
    if media == JSON:
        return web.Response(body=to_json({"notices": shown, "cursor": cursor}), content_type=JSON)
    names = await _columns(context, tenant, campaign)
    body = csv_heading(headers(names, asked.query.get("headers"))) + csv_of(names, page, shown)
    return web.Response(body=body, headers={"Content-Type": CSV_TYPE, CURSOR: cursor or ""})


async def _columns(context: Context, tenant: str, campaign: str | None) -> Sequence[str]:
    """Those of the campaign's kind; without a campaign those of all kinds."""
    row = None if campaign is None else await context.reader.run(campaigns.read, campaign, tenant)
    return columns(known_kinds() if row is None else [row.kind])


def shown_notice(row: NoticeRow, *, in_full: bool) -> dict[str, Any]:
    """A notice as it is answered."""
    shown = notice_json(row)
    if not in_full:
        shown["name"] = masked_name(shown["name"])
        if "address" in shown:
            shown["address"] = masked_address(shown["address"])
    return shown


def csv_of(names: Sequence[str], rows: Sequence[NoticeRow], shown: Sequence[Mapping[str, Any]]) -> bytes:
    """Lines of CSV, one an item."""

    def lines() -> Iterator[Mapping[str, Any]]:
        for row, members in zip(rows, shown, strict=True):
            yield from csv_rows(row, members)

    return csv_lines(names, lines())
