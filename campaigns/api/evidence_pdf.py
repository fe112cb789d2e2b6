"""A contact's page of evidence as PDF, marked with who asked for it and when."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.api.notice_letters import pressing
from campaigns.context import Context
from campaigns.kinds import known_kinds
from campaigns.ledger.rows import CampaignRow
from campaigns.letters.content import Glyphs
from campaigns.letters.evidence_content import Sheet, evidence_sheet, seen
from campaigns.letters.printer import Batch, Pressing
from campaigns.letters.templates import EVIDENCE


@asynccontextmanager
async def evidence_pdf(
    context: Context, campaign: CampaignRow, page: Mapping[str, Any], by: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of the PDF of a `page` as it is answered in JSON. Raises Refusal."""
    settings, zone = context.settings, ZoneInfo(campaign.zone)
    at = datetime.fromtimestamp(context.now_ms() / 1000, UTC).astimezone(zone)
    glyphs = await context.printer.glyphs_if_any()
    common = Batch(
        batch=page["contact"]["contact"],
        kind=campaign.kind,
        language=campaign.language,
        made=at.replace(microsecond=0).isoformat(),
        day=f"{at:%Y-%m-%d %H:%M:%S %z}",
        caller=settings.caller_zh if campaign.language == "zh" else settings.caller_en,
        call_back=by if glyphs is None else seen(by, glyphs),
        frame=EVIDENCE,
    )
    headers = {field.name: field.headers[0] for field in known_kinds()[campaign.kind].fields if field.headers}
    async with pressing(context, common) as (press, shown):
        yield _pieces(press, page, campaign.language, zone, headers, shown)


async def _pieces(
    press: Pressing, page: Mapping[str, Any], language: str, zone: ZoneInfo, headers: Mapping[str, str], glyphs: Glyphs
) -> AsyncIterator[bytes]:
    yield await press.letters([evidence_sheet(page, Sheet(language, zone, glyphs, headers))])
    yield await press.end([], 0)
