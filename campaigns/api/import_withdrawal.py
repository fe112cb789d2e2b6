"""POST .../imports/{n}/withdraw: the wrong file was started. Asked again, it tells how far that is."""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.refusals import refusing
from campaigns.context import Context
from campaigns.core.reasons import CampaignState
from campaigns.dialler.import_withdrawal import withdraw_import
from campaigns.ledger import audit, campaigns, imports
from campaigns.ledger import import_withdrawing as rows
from campaigns.ledger.import_withdrawing import Counts, ImportRef, ToldRow
from campaigns.ledger.withdrawing import WITHDRAWN
from cti.web.body import read_body
from cti.web.cursors import cursor_of
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.route import Asked

ACCEPTED = 202
PAGE = 100


async def post_withdraw(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """What it has come to, and a page of those who were told. Raises Refusal `not_found`, `wrong_state`."""
    row = await meant(context, asked)
    await read_body(asked.request, limits)  # nothing is asked for; whatever came is taken off the line
    of = ImportRef(row.tenant, row.id, int(asked.request.match_info["n"]))
    by, at_ms = who(asked.caller), context.now_ms()

    def also(connection: Connection) -> None:
        audit.note(connection, row.tenant, at_ms, by, "import_withdrawn", row.id, {"import": of.no})

    with refusing():
        await withdraw_import(context, row.tenant, row.id, of.no, who=by, also=also)
    return json_answer(await _shown(context, of, asked), ACCEPTED)


async def _shown(context: Context, of: ImportRef, asked: Asked) -> dict[str, Any]:
    limit, after = asked.query.get("limit", PAGE), asked.query.get("cursor", (0,))[0]
    acknowledged, counts, accounts = await context.reader.run(_read, of, after, limit + 1)
    return {
        "campaign": of.campaign,
        "n": of.no,
        "acknowledged": acknowledged,
        "cancelled": counts.cancelled,
        "left": counts.left,
        "notices": {"recalled": counts.recalled, "to_recall": counts.to_recall},
        "told": counts.informed,
        "accounts": [_shown_told(account) for account in accounts[:limit]],
        "cursor": cursor_of(accounts[limit - 1].no) if len(accounts) > limit else None,
    }


def _read(connection: Connection, of: ImportRef, after_no: int, limit: int) -> tuple[bool, Counts, list[ToldRow]]:
    made, row = imports.read(connection, of.campaign, of.no), campaigns.read(connection, of.campaign)
    gone = made is not None and made.state == WITHDRAWN
    stopped = row is not None and row.state == CampaignState.STOPPED.value  # which took all of it along
    return gone or stopped, rows.counts(connection, of), rows.told_page(connection, of, after_no, limit)


def _shown_told(row: ToldRow) -> dict[str, Any]:
    return {"account": row.account, "contact": row.contact, "state": row.state, "told_at": rfc3339(row.told_at_ms)}
