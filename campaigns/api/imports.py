"""POST .../imports: a file of contacts, of any size; GET .../imports/{n} and its rejected rows."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, noted, who
from campaigns.api.codes import refusal
from campaigns.api.idempotent import Claim, Reply, reply, response_of
from campaigns.api.refusals import wrong_state
from campaigns.api.shown import masked_name
from campaigns.api.streams import streamed
from campaigns.context import Context
from campaigns.dialler.orders import Callers, said_on
from campaigns.imports import errors
from campaigns.imports.receiving import Sent, receive
from campaigns.imports.rejected import rejected_csv
from campaigns.imports.taking import Form, taken_of
from campaigns.kinds import Text
from campaigns.ledger import audit, history, imports
from campaigns.ledger.rows import CampaignRow, ContactRow, ImportRow
from cti.web.csv_text import CSV
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from cti.web.route import Asked

ACCEPTED = 202
PIECE_BYTES = 262_144
IN_TRANSIT = "running"  # what is told of an import whose file still comes
CLOSE = {"Connection": "close"}
TAKES = ("draft", "running", "paused")
FORMS = tuple(form.value for form in Form)
TAKEN = ", ".join(FORMS)


async def post_import(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Takes the file whole; its contacts are callable once the import is `done`. Raises Refusal."""
    row = await meant(context, asked)
    request = asked.request
    if request.content_type not in FORMS:  # whatever its charset: the file tells that itself
        raise refusal("unsupported_media_type", f"Taken here: {TAKEN}", headers={"Accept-Post": TAKEN, **CLOSE})
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise refusal("unsupported_encoding", headers={"Accept-Encoding": "identity", **CLOSE})
    claim = Claim(context, asked)
    found = await claim.take_unread()
    if found is not None and found.status is None:
        raise refusal("idempotency_in_flight", headers={"Retry-After": "2", **CLOSE})
    if found is not None:
        digest = hashlib.sha256()
        async for piece in _pieces(request, limits):
            digest.update(piece)
        return response_of(claim.before(found, digest.hexdigest()))
    async with claim:
        return response_of(await _received(context, asked, limits, row, claim))


async def _received(context: Context, asked: Asked, limits: Limits, row: CampaignRow, claim: Claim) -> Reply:
    request, by = asked.request, who(asked.caller)
    keep = [name.strip() for text in asked.query.get("keep", ()) for name in text.split(",") if name.strip()]
    announced = request.content_length

    def is_whole(size: int) -> bool:
        return announced is None or size == announced

    form, sheet = Form(request.content_type), asked.query.get("sheet")
    sent = Sent(asked.query.get("file", ""), keep, by, form, sheet, is_whole)
    try:
        made = await receive(context, row, _pieces(request, limits), sent)
    except errors.SameFile as error:
        detail = f"Import {error.no} brought the same file"
        raise refusal("same_file", detail, members={"import": error.no}) from error
    except errors.WrongState as error:
        raise wrong_state(error.state, "import", TAKES) from error
    except errors.Truncated as error:
        detail = "The body ended before all of it had come; nothing is kept"
        raise refusal("bad_request", detail, headers=CLOSE) from error
    except errors.TooLarge as error:
        raise refusal("too_large", error.detail, headers=CLOSE) from error
    except errors.UnreadableFile as error:
        raise refusal("unreadable_file", error.detail, headers=CLOSE) from error
    answer = reply(shown_import(made), ACCEPTED, f"/v1/campaigns/{row.id}/imports/{made.no}")

    def keep_answer(connection: Connection) -> None:
        details = {"import": made.no, "file": made.file, "bytes": made.bytes, "sha256": made.sha256}
        audit.note(connection, row.tenant, made.made_at_ms, by, "import_received", row.id, details)
        claim.keep(connection, answer, made.sha256)

    await context.writer.run(_run_each, keep_answer)
    return answer


def _run_each(connection: Connection, given: Any) -> list[None]:
    for work in given:
        work(connection)
    return [None] * len(given)


async def _pieces(request: web.Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes; something of it every `body_s`. Raises Refusal."""
    while True:
        try:
            async with asyncio.timeout(limits.body_s):
                piece = await request.content.read(PIECE_BYTES)
        except TimeoutError:
            detail = f"Nothing came for {limits.body_s:g} s"
            raise refusal("body_too_slow", detail, headers=CLOSE) from None
        except web.RequestPayloadError as error:
            raise refusal("bad_request", str(error), headers=CLOSE) from None
        if not piece:
            return
        yield piece


async def get_import(context: Context, asked: Asked) -> web.Response:
    """An import and its counts. Raises Refusal `not_found`."""
    row, made = await _meant(context, asked)
    shown = shown_import(made)
    if made.state == imports.DONE:
        first = await context.reader.run(history.contact_page, row.id, None, None, 0, 1)
        shown |= _sample(context, row, first[0]) if first else {}
    return json_answer(shown)


def _sample(context: Context, row: CampaignRow, contact: ContactRow) -> dict[str, Any]:
    """What the first contact of the campaign would hear today, its name masked."""
    settings = context.settings
    callers = Callers(Text(settings.caller_zh, settings.caller_en), settings.call_back)
    masked = contact._replace(name=masked_name(contact.name))
    said = said_on(row, masked, context.now_ms(), context.rules, callers)
    if isinstance(said, str):
        return {"sample": {"contact": contact.id, "cannot_say": said}}
    return {"sample": {"contact": contact.id, "on_answer": dict(said.on_answer), "message": dict(said.message)}}


async def get_rejected(context: Context, asked: Asked) -> web.StreamResponse:
    """The rejected rows as they came, with what is wrong: an export, on record."""
    row, made = await _meant(context, asked)
    await noted(context, asked, "rejected_exported", row.id, **{"import": made.no})
    headers = {"Content-Type": f"{CSV}; charset=utf-8"}
    if asked.request.method == "HEAD":
        return web.Response(headers=headers)
    return await streamed(asked, headers, rejected_csv(context, row.id, made.no))


async def _meant(context: Context, asked: Asked) -> tuple[CampaignRow, ImportRow]:
    row = await meant(context, asked)
    made = await context.reader.run(imports.read, row.id, int(asked.request.match_info["n"]))
    if made is None:
        raise Refusal("not_found", "No such import")
    return row, made


def shown_import(row: ImportRow) -> dict[str, Any]:
    """received = accepted + rejected + merged, always. `dropped`: columns of cards' numbers: none is kept."""
    taken = taken_of(row.header)
    return {
        "campaign": row.campaign,
        "n": row.no,
        "file": row.file,
        "keep": json.loads(row.keep),
        "dropped": [] if taken is None else list(taken.dropped),
        "sheet": None if taken is None else taken.sheet,
        "hidden_sheets": [] if taken is None else list(taken.hidden_sheets),
        "sha256": row.sha256 or None,
        "bytes": row.bytes,
        "state": IN_TRANSIT if row.state == imports.RECEIVING else row.state,
        "error": row.error,
        "received": row.received,
        "accepted": row.accepted,
        "rejected": row.rejected,
        "merged": row.merged,
        "contacts": row.contacts,
        "created_at": rfc3339(row.made_at_ms),
        "ended_at": optional_rfc3339(row.ended_at_ms),
        "by": row.who,
    }
