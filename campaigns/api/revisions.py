"""POST and GET .../revisions: an outage ends at another time, or is cancelled."""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.codes import invalid
from campaigns.api.idempotent import Claim, Reply, reply, response_of
from campaigns.api.refusals import refusing
from campaigns.context import Context
from campaigns.core.explain import rfc3339
from campaigns.core.zones import local_time
from campaigns.ledger import audit, revisions
from campaigns.ledger.rows import CampaignRow, RevisionRow
from campaigns.outages.items import Change, Outage
from campaigns.outages.revising import acknowledged, revise
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Moment
from schemas.fields import ms_of
from schemas.revisions import OutageRevision

ACCEPTED = 202
RULE = "OUT-1"


async def post_revision(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The revision, and what it has come to so far.

    Raises Refusal `not_found`, `wrong_state`, `no_such_outage`, `already_cancelled`, `invalid_body`.
    """
    row = await meant(context, asked)
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, OutageRevision)
    by, at_ms = who(asked.caller), context.now_ms()
    claim = Claim(context, asked)
    before = await claim.take(body)
    if before is not None:
        return response_of(before)
    made: list[Reply] = []

    def also(connection: Connection) -> None:
        last = revisions.of_campaign(connection, row.id)[-1]
        under_way = revisions.any_under_way(connection, row.id)
        is_over = last.state == revisions.APPLIED and not under_way
        made[:] = [reply(shown_revision(last, acknowledged=is_over), ACCEPTED)]
        details = {"area": last.area, "starts_at": rfc3339(last.starts_at_ms), **_set(last)}
        audit.note(connection, row.tenant, at_ms, by, "outage_revised", row.id, details)
        claim.keep(connection, made[0])

    async with claim:
        change = _change(given, row, context.now_ms())
        with refusing():
            await revise(context, row.tenant, row.id, change, by, also)
    return response_of(made[0])


async def get_revisions(context: Context, asked: Asked) -> web.Response:
    """All of the campaign, the first first, and how far each is. Raises Refusal `not_found`."""
    row = await meant(context, asked)
    found: list[RevisionRow] = await context.reader.run(revisions.of_campaign, row.id)
    shown = [shown_revision(revision, acknowledged=await acknowledged(context, row, revision)) for revision in found]
    return json_answer({"revisions": shown})


def shown_revision(row: RevisionRow, *, acknowledged: bool) -> dict[str, Any]:
    """`acknowledged`: nobody is told the old word any more."""
    return {
        "campaign": row.campaign,
        "n": row.no,
        "where": {"area": row.area, "starts_at": rfc3339(row.starts_at_ms)},
        "set": _set(row),
        "at": rfc3339(row.at_ms),
        "by": row.who,
        "state": row.state,
        "acknowledged": acknowledged,
        "contacts": row.contacts,
        "told_again": row.told_again,
        "cancelled": row.cancelled,
        "withdrawn": row.withdrawn,
        "notices": {"recalled": row.recalled, "rewritten": row.rewritten, "to_recall": row.to_recall},
    }


def _set(row: RevisionRow) -> dict[str, Any]:
    return {"cancelled": True} if row.restores_at is None else {"restores_at": row.restores_at}


def _change(given: OutageRevision, row: CampaignRow, now_ms: int) -> Change:
    """Raises Refusal."""
    starts_ms = _ms(given.where.starts_at)
    outage = Outage(given.where.area.strip(), starts_ms)
    restores_at, cancelled = given.set.restores_at, given.set.cancelled
    if (restores_at is None) is (cancelled is None):
        raise invalid([fault("/set", RULE, "Either restores_at or cancelled")])
    if restores_at is None:
        return Change(outage, None)
    restores_ms = _ms(restores_at)
    if restores_ms <= starts_ms:
        raise invalid([fault("/set/restores_at", RULE, "Not after starts_at")])
    if restores_ms <= now_ms:
        raise invalid([fault("/set/restores_at", RULE, "It is past: there is nothing to be told")])
    return Change(outage, local_time(restores_ms, row.zone).isoformat(timespec="seconds"))


def _ms(moment: Moment) -> int:
    """To the second, as items have it."""
    return ms_of(moment) // 1000 * 1000
