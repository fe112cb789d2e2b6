"""POST .../imports: a file of contacts, of any size; GET .../imports/{n} and its rejected rows."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, marked, meant, noted, who
from campaigns.api.codes import refusal
from campaigns.api.idempotent import RETRY_AFTER_S, Claim, Reply, reply, response_of
from campaigns.api.refusals import wrong_state
from campaigns.api.shown import masked_name
from campaigns.api.streams import CLOSE, in_turn, pieces_of, streamed
from campaigns.context import Context
from campaigns.core.campaign import TAKES_CONTACTS
from campaigns.dialler.orders import Callers, said_on
from campaigns.errors import Stale
from campaigns.imports import errors
from campaigns.imports.header import KEEP_MAX
from campaigns.imports.receiving import BYTES_MAX, Sent, receive
from campaigns.imports.rejected import rejected_csv
from campaigns.imports.taking import Form, taken_of
from campaigns.kinds import Text
from campaigns.ledger import audit, history, imports
from campaigns.ledger.rows import CampaignRow, ContactRow, ImportRow
from campaigns.ledger.withdrawing import WITHDRAWING, WITHDRAWN
from cti.web.csv_text import CSV
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked

ACCEPTED = 202
TAKEN_BACK = (WITHDRAWING, WITHDRAWN)
SHOWN_AS = {imports.RECEIVING: imports.RUNNING, **dict.fromkeys(TAKEN_BACK, imports.DONE)}
AGAIN = {"Retry-After": str(RETRY_AFTER_S), **CLOSE}
TAKES = tuple(sorted(TAKES_CONTACTS))
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
        raise refusal("idempotency_in_flight", headers=AGAIN)
    if found is not None:
        return response_of(claim.before(found, await _sha256(pieces_of(request, limits))))
    async with claim:
        return response_of(await _received(context, asked, limits, row, claim))


async def _received(context: Context, asked: Asked, limits: Limits, row: CampaignRow, claim: Claim) -> Reply:
    request, by = asked.request, who(asked.caller)
    keep = _keep(asked)
    announced = request.content_length

    def is_whole(size: int) -> bool:
        return announced is None or size == announced

    def keep_answer(connection: Connection, made: ImportRow) -> None:
        answers[:] = [reply(shown_import(made), ACCEPTED, f"/v1/campaigns/{row.id}/imports/{made.no}")]
        details = {"import": made.no, "file": made.file, "bytes": made.bytes, "sha256": made.sha256}
        audit.note(connection, row.tenant, made.made_at_ms, by, "import_received", row.id, details)
        claim.keep(connection, answers[0], made.sha256)

    answers: list[Reply] = []
    form, sheet = Form(request.content_type), asked.query.get("sheet")
    sent = Sent(asked.query.get("file", ""), keep, by, form, sheet, is_whole)
    try:
        await receive(context, row, pieces_of(request, limits), sent, keep_answer)
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
    except Stale as error:  # it came so slowly that another request has taken its key
        raise refusal("idempotency_in_flight", headers=AGAIN) from error
    return answers[0]


def _keep(asked: Asked) -> Sequence[str]:
    """Which other columns are to be kept. Raises Refusal."""
    names = [name.strip() for text in asked.query.get("keep", ()) for name in text.split(",")]
    keep = list(dict.fromkeys(filter(None, names)))
    if len(keep) > KEEP_MAX:
        detail = f"names {len(keep)} columns, {KEEP_MAX} at most"
        raise refusal("bad_parameter", "In the query: keep", [fault("keep", "value", detail)], CLOSE)
    return keep


async def _sha256(pieces: AsyncIterator[bytes]) -> str:
    """The SHA-256 of a body that is not kept. Raises Refusal."""
    digest, size = hashlib.sha256(), 0
    async for piece in pieces:
        digest.update(piece)
        size += len(piece)
        if size > BYTES_MAX:
            raise refusal("too_large", f"more than {BYTES_MAX} bytes", headers=CLOSE)
    return digest.hexdigest()


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
    headers = {"Content-Type": f"{CSV}; charset=utf-8", **marked(context, asked)}
    if asked.request.method == "HEAD":
        return web.Response(headers=headers)
    return await streamed(asked, headers, in_turn(context.exports, rejected_csv(context, row.id, made.no)))


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
        "state": SHOWN_AS.get(row.state, row.state),
        "withdrawal": row.state if row.state in TAKEN_BACK else None,
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
