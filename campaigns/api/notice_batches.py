"""/v1/notice-batches: pending notices are taken, read in full by the printer, acknowledged."""

import secrets
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.api.answering import JSON, json_answer, marked, noted, who
from campaigns.api.codes import refusal
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.notice_letters import PDF, pdf
from campaigns.api.notices import CSV_TYPE, PAGE, csv_of, shown_notice
from campaigns.api.streams import in_turn, streamed
from campaigns.context import Context
from campaigns.ledger import audit, campaigns, notice_batches, outbox
from campaigns.ledger.notices import EXPORTED
from campaigns.ledger.rows import BatchRow, CampaignRow, NoticeRow
from campaigns.letters.content import Glyphs, letter, set_aside, shown_aside
from campaigns.written_notices.batches import (
    Acknowledging,
    NoBatch,
    NotInBatch,
    OtherwiseAcknowledged,
    acknowledged,
    new_batch,
)
from campaigns.written_notices.shown import SET_ASIDE, columns, headers
from cti.web.accept import wanted
from cti.web.body import read_body, read_model
from cti.web.csv_text import CSV, csv_heading
from cti.web.cursors import cursor_of
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.refusal import FAULTS_MAX, Refusal, fault
from cti.web.route import Asked
from schemas.notices import NoticeBatchAsked, NoticesAcknowledged

PIECE = 250  # notices read, written and sent at a time: some 300 KB
WEIGHT = 4_096  # of a batch among the writer's jobs: it is a group of its own
NONE_SUCH = "No such batch"


async def post_batch(context: Context, asked: Asked, limits: Limits) -> web.Response:
    """Take what is pending. Raises Refusal."""
    body = await read_body(asked.request, limits)
    given = await read_model(asked.request, limits, NoticeBatchAsked)
    row = await context.reader.run(campaigns.read, given.campaign, asked.caller.tenant)
    if row is None or not asked.caller.may_switch(row.switch):
        raise Refusal("not_found", f"No such campaign: {given.campaign}")
    name = f"b{secrets.token_hex(8)[1:]}"
    batch = new_batch(name, row.tenant, row.id, context.now_ms(), who(asked.caller))
    return await created(context, asked, body, partial(_take, batch, context.topics is not None))


def _take(batch: BatchRow, published: bool, connection: Connection) -> Reply | Refusal:
    """`published`: to a topic, too."""
    taken = notice_batches.take(connection, batch)
    if published and taken.notices:
        outbox.put_batch(connection, taken)
    details = {"campaign": taken.campaign, "notices": taken.notices}
    audit.note(connection, taken.tenant, taken.made_at_ms, taken.who, "notice_batch_taken", taken.id, details)
    return reply(shown_batch(taken), location=f"/v1/notice-batches/{taken.id}")


async def get_batches(context: Context, asked: Asked) -> web.Response:
    """A page of batches."""
    limit, after = asked.query.get("limit", PAGE), asked.query.get("cursor")
    found = await context.reader.run(notice_batches.page, asked.caller.tenant, asked.caller.switches, after, limit + 1)
    page = found[:limit]
    cursor = cursor_of(page[-1].made_at_ms, page[-1].id) if len(found) > limit else None
    return json_answer({"batches": [shown_batch(row) for row in page], "cursor": cursor})


async def get_batch(context: Context, asked: Asked) -> web.StreamResponse:
    """A batch in full, in pieces: JSON, CSV or, as letters, PDF. Raises Refusal."""
    media = wanted(asked.request.headers.get("Accept"), (JSON, CSV, PDF))
    batch, campaign = await _meant(context, asked)
    content = {"Content-Type": CSV_TYPE if media == CSV else media, **marked(context, asked)}
    if asked.request.method == "HEAD":
        return web.Response(headers=content)
    details = {"campaign": batch.campaign, "media": media, "notices": batch.notices}
    await noted(context, asked, "notice_batch_read", batch.id, **details)
    if media == PDF:
        named = {"Content-Disposition": f'inline; filename="{batch.id}.pdf"'}
        async with pdf(context, batch, campaign) as letters:
            return await streamed(asked, content | named, letters)
    glyphs = await context.printer.glyphs_if_any()
    if media == CSV:
        pieces = _csv(context, batch, campaign, asked.query.get("headers"), glyphs)
    else:
        pieces = _json(context, batch, campaign, glyphs)
    return await streamed(asked, content, in_turn(context.exports, pieces))


async def _meant(context: Context, asked: Asked) -> tuple[BatchRow, CampaignRow]:
    """The batch of the path, and its campaign."""
    tenant = asked.caller.tenant
    batch = await context.reader.run(notice_batches.read, tenant, asked.request.match_info["batch"])
    row = None if batch is None else await context.reader.run(campaigns.read, batch.campaign, tenant)
    if batch is None or row is None or not asked.caller.may_switch(row.switch):
        raise Refusal("not_found", NONE_SUCH)
    return batch, row


async def _csv(
    context: Context, batch: BatchRow, campaign: CampaignRow, language: str | None, glyphs: Glyphs | None
) -> AsyncIterator[bytes]:
    names = (*columns([campaign.kind]), SET_ASIDE)
    yield csv_heading(headers(names, language))
    for first in range(0, batch.notices, PIECE):
        yield await context.reader.run(_csv_piece, batch.id, first, names, campaign, glyphs)


def _csv_piece(
    connection: Connection, batch: str, after: int, names: Sequence[str], campaign: CampaignRow, glyphs: Glyphs | None
) -> bytes:
    rows = notice_batches.of_batch(connection, batch, after, PIECE)
    return csv_of(names, rows, [_in_full(row, campaign, glyphs) for row in rows])


async def _json(
    context: Context, batch: BatchRow, campaign: CampaignRow, glyphs: Glyphs | None
) -> AsyncIterator[bytes]:
    yield to_json(shown_batch(batch))[:-1] + b',"notices":['
    for first in range(0, batch.notices, PIECE):
        piece = await context.reader.run(_json_piece, batch.id, first, campaign, glyphs)
        yield (b"," if first else b"") + piece
    yield b"]}"


def _json_piece(connection: Connection, batch: str, after: int, campaign: CampaignRow, glyphs: Glyphs | None) -> bytes:
    rows = notice_batches.of_batch(connection, batch, after, PIECE)
    return b",".join(to_json(_in_full(row, campaign, glyphs)) for row in rows)


def _in_full(row: NoticeRow, campaign: CampaignRow, glyphs: Glyphs | None) -> dict[str, Any]:
    """A notice, and why no letter is printed of it."""
    shown = shown_notice(row, in_full=True)
    said = letter(row, campaign.language, ZoneInfo(campaign.zone))
    why = set_aside(said, glyphs)
    return shown | ({SET_ASIDE: shown_aside(why)} if why else {})


async def post_acknowledge(context: Context, asked: Asked, limits: Limits) -> web.Response:
    """Acknowledge a batch, once. Raises Refusal."""
    given = await read_model(asked.request, limits, NoticesAcknowledged)
    batch, _ = await _meant(context, asked)
    asking = Acknowledging(batch.tenant, batch.id, frozenset(given.failed), context.now_ms(), who(asked.caller))
    try:
        done = await context.write(_acknowledge_all, asking, WEIGHT)
    except NoBatch:
        raise Refusal("not_found", NONE_SUCH) from None
    except NotInBatch as unknown:
        raise _unknown(given.failed, unknown.accounts) from None
    except OtherwiseAcknowledged:
        raise refusal("acknowledged_otherwise") from None
    return json_answer(shown_batch(done))


def _acknowledge_all(connection: Connection, given: Sequence[Acknowledging]) -> Sequence[BatchRow]:
    return [_acknowledge(connection, asking) for asking in given]


def _acknowledge(connection: Connection, asking: Acknowledging) -> BatchRow:
    done, new = acknowledged(connection, asking)
    if new:
        details = {"campaign": done.campaign, "notices": done.notices, "failed": done.failed}
        audit.note(connection, done.tenant, asking.at_ms, asking.who, "notice_batch_acknowledged", done.id, details)
    return done


def _unknown(given: Sequence[str], unknown: Sequence[str]) -> Refusal:
    """Each by name, with its place in the body."""
    places = {account: index for index, account in reversed(list(enumerate(given)))}
    faults = [
        fault(f"/failed/{places[account]}", "unknown_account", f"The batch has no notice of the account {account}")
        for account in sorted(unknown, key=places.__getitem__)[:FAULTS_MAX]
    ]
    return refusal("unknown_accounts", f"{len(unknown)} of the accounts are not in the batch", faults)


def shown_batch(row: BatchRow) -> dict[str, Any]:
    """A batch without its notices."""
    shown: dict[str, Any] = {
        "id": row.id,
        "campaign": row.campaign,
        "created_at": rfc3339(row.made_at_ms),
        "by": row.who,
        "count": row.notices,
        "state": row.state,
    }
    if row.state != EXPORTED and row.acknowledged_at_ms is not None:
        shown |= {"acknowledged_at": rfc3339(row.acknowledged_at_ms), "acknowledged_by": row.acknowledged_by}
        shown["failed"] = row.failed
    return shown
