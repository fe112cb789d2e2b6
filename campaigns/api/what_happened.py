"""GET .../history: who did what with a campaign, and what the product did by itself."""

from typing import Any

from aiohttp import web

from campaigns.api.answering import json_answer, meant
from campaigns.api.audit_entry import shown_entry
from campaigns.context import Context
from campaigns.ledger import happened
from campaigns.ledger.happened import Happening, Key, key_of
from campaigns.ledger.rows import AuditRow, HistoryRow, ImportRow
from cti.web.cursors import cursor_of
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.route import Asked

PAGE = 100


async def get_history(context: Context, asked: Asked) -> web.Response:
    """A page, the oldest first. Raises Refusal `not_found`."""
    row = await meant(context, asked)
    limit, after = asked.query.get("limit", PAGE), asked.query.get("cursor")
    found = await context.reader.run(happened.page, row, None if after is None else Key(*after), limit + 1)
    page = found[:limit]
    cursor = cursor_of(*key_of(page[-1])) if len(found) > limit else None
    shown = [shown_happening(happening, in_full=asked.caller.sees_numbers) for happening in page]
    return json_answer({"history": shown, "cursor": cursor})


def shown_happening(happening: Happening, *, in_full: bool) -> dict[str, Any]:
    """As JSON members; what there is not is left out."""
    if isinstance(happening, AuditRow):
        return shown_entry(happening, in_full=in_full)
    return _of_history(happening) if isinstance(happening, HistoryRow) else _of_import(happening)


def _of_history(row: HistoryRow) -> dict[str, Any]:
    more = {"why": row.why, "rule": row.rule, "until": optional_rfc3339(row.until_ms)}
    known = {name: value for name, value in more.items() if value is not None}
    return {"at": rfc3339(row.at_ms), "what": row.what, "by": row.who, "about": row.campaign, **known}


def _of_import(row: ImportRow) -> dict[str, Any]:
    counts = ("received", "accepted", "rejected", "merged", "contacts")
    return {
        "at": rfc3339(row.ended_at_ms or 0),
        "what": f"import_{row.state}",
        "by": row.who,
        "about": row.campaign,
        "details": {"import": row.no, **{name: getattr(row, name) for name in counts}},
    }
