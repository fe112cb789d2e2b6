"""POST /v1/settlements: payments, one as JSON or a file of any size as CSV."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from campaigns.api.answering import JSON, noted, who
from campaigns.api.codes import refusal
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.streams import CLOSE, in_turn, pieces_of, streamed
from campaigns.context import Context
from campaigns.dialler.actions import count
from campaigns.imports.errors import CannotImport
from campaigns.imports.rejected import ERROR, heading_csv, in_pieces, rows_csv
from campaigns.ledger.rows import SettlementRow
from campaigns.settlements.asked import note, read_payment
from campaigns.settlements.feed import Fed, Feed
from campaigns.settlements.settling import ReportedPayment, Settled, SettlementOutcome, settle
from cti.web.accept import wanted
from cti.web.body import read_json
from cti.web.csv_text import CSV
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from cti.web.route import Asked

OK = 200
IN_MEMORY_BYTES = 1_048_576  # of rejected rows; more are on disk
COUNTS = ("received", "new", "repeated", "rejected", "paid", "in_part", "withdrawn", "recalled", "to_recall")


async def post_settlements(context: Context, asked: Asked, *, limits: Limits) -> web.StreamResponse:
    """What became of the payment, or of each row of the file. Raises Refusal."""
    media = asked.request.content_type
    if media == CSV:  # whatever its charset: the file tells that itself
        return await _file(context, asked, limits)
    if media != JSON:
        takes = f"{JSON}, {CSV}"
        raise refusal("unsupported_media_type", f"Taken here: {takes}", headers={"Accept-Post": takes, **CLOSE})
    body = await read_json(asked.request, limits)
    reported = read_payment(body, limits, context.now_ms())
    done: list[Settled] = []  # the last is what was committed
    answer = await created(context, asked, body, partial(_settle, context, asked, reported, done))
    for settled in done[-1:]:
        count(context, settled.took)
        context.metrics.settled(settled.each[0].how)
    return answer


def _settle(
    context: Context, asked: Asked, reported: ReportedPayment, settled: list[Settled], connection: Connection
) -> Reply | Refusal:
    tenant, by, now_ms = asked.caller.tenant, who(asked.caller), context.now_ms()
    done = settle(connection, context, tenant, [reported], by, now_ms)
    (kept,) = done.each
    settled.append(done)
    if kept.how is SettlementOutcome.OTHER:
        return refusal("settled_otherwise")
    note(connection, tenant, done.each, by, now_ms)
    return reply(shown_settlement(kept.row), OK)


def shown_settlement(row: SettlementRow) -> dict[str, Any]:
    """A payment, and what it did when it came."""
    return {
        "reference": row.reference,
        "account": row.account,
        "items": from_json(row.items),
        "settled_at": rfc3339(row.settled_at_ms),
        "received_at": rfc3339(row.received_at_ms),
        "paid": row.paid,
        "in_part": row.in_part,
        "withdrawn": row.withdrawn,
        "recalled": row.recalled,
        "to_recall": from_json(row.to_recall),
    }


# -- a file ------------------------------------------------------------------------------------------------------------


async def _file(context: Context, asked: Asked, limits: Limits) -> web.StreamResponse:
    request, by = asked.request, who(asked.caller)
    media = wanted(request.headers.get("Accept"), (JSON, CSV))
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise refusal("unsupported_encoding", headers={"Accept-Encoding": "identity", **CLOSE})
    digest = hashlib.sha256()

    async def pieces() -> AsyncIterator[bytes]:
        size = 0
        async for piece in pieces_of(request, limits):
            digest.update(piece)
            size += len(piece)
            yield piece
        if request.content_length not in (None, size):  # the last row may be half of one
            raise refusal("bad_request", "The body ended before all of it had come", headers=CLOSE)

    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as beside:
        feed = Feed(context, asked.caller.tenant, by, beside)
        try:
            fed = await feed.take(pieces())
        except CannotImport as error:
            raise refusal("bad_request", str(error.detail), headers=CLOSE) from error
        finally:
            counts = {name: getattr(feed.fed, name) for name in COUNTS}
            await noted(context, asked, "settlements_told", digest.hexdigest(), **counts)
        headers = {"Content-Type": f"{CSV}; charset=utf-8" if media == CSV else JSON}
        return await streamed(asked, headers, in_turn(context.exports, _csv(fed) if media == CSV else _json(fed)))


async def _json(fed: Fed) -> AsyncIterator[bytes]:
    counts = {name: getattr(fed, name) for name in COUNTS}
    yield to_json(counts)[:-1] + b',"rows":['
    first = True
    for piece in in_pieces(fed.rows()):
        shown = b",".join(to_json({"cells": cells, ERROR: error}) for cells, error in piece)
        yield shown if first else b"," + shown
        first = False
    yield b"]}"


async def _csv(fed: Fed) -> AsyncIterator[bytes]:
    """The rejected rows, to be mended and sent again."""
    yield heading_csv(fed.header)
    for piece in in_pieces(fed.rows()):
        yield rows_csv(piece, len(fed.header))
