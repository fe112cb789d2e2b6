"""POST and GET /v1/erasures: a person is erased, and what went is shown as proof, without the person."""

import json
import secrets
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, who
from campaigns.api.codes import invalid
from campaigns.api.idempotent import Reply, created, reply
from campaigns.context import Context
from campaigns.do_not_call.entries import account_of, line_of
from campaigns.erasing.person import Person
from campaigns.erasing.task import subject_of
from campaigns.imports.cells import Wrong
from campaigns.ledger import audit, erasing
from campaigns.ledger.rows import ErasureRow
from cti.web.body import model_of, read_json
from cti.web.cursors import cursor_of
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked
from schemas.erasures import Erasure

ACCEPTED = 202
PAGE = 50
ERASURE_PATTERN = "e[0-9a-f]{15}"


async def post_erasure(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """It is under way; `ended_at` says when nothing of the person was left. Raises Refusal."""
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, Erasure)
    person = _person(given)
    id_, now_ms, tenant, by = f"e{secrets.token_hex(8)[:15]}", context.now_ms(), asked.caller.tenant, who(asked.caller)
    row = ErasureRow(
        id=id_,
        tenant=tenant,
        at_ms=now_ms,
        who=by,
        digest=person.digest(id_),
        subject=subject_of(person),
        counts="{}",
        left_over=0,
        next_at_ms=now_ms,
        ended_at_ms=None,
    )

    def create(connection: Connection) -> Reply | Refusal:
        erasing.put(connection, row)
        audit.note(connection, tenant, now_ms, by, "erasure_asked", id_, {"reason": given.reason, "digest": row.digest})
        return reply(shown_erasure(row), ACCEPTED, f"/v1/erasures/{id_}")

    return await created(context, asked, body, create)


def _person(given: Erasure) -> Person:
    """Raises Refusal `invalid_body`."""
    if given.account is None and not given.numbers:
        raise invalid([fault("", "person", "An account, numbers, or both")])
    numbers: set[str] = set()
    for at, number in enumerate(given.numbers or ()):
        try:
            numbers.add(line_of(number, None))
        except Wrong as wrong:
            raise invalid([fault(f"/numbers/{at}", wrong.rule, wrong.what)]) from None
    try:
        account = None if given.account is None else account_of(line_of(None, given.account))
    except Wrong as wrong:
        raise invalid([fault("/account", wrong.rule, wrong.what)]) from None
    return Person(account, frozenset(numbers), frozenset(numbers))


async def get_erasure(context: Context, asked: Asked) -> web.Response:
    """Raises Refusal `not_found`."""
    row = await context.reader.run(erasing.read, asked.caller.tenant, asked.request.match_info["erasure"])
    if row is None:
        raise Refusal("not_found", "No such erasure")
    return json_answer(shown_erasure(row))


async def get_erasures(context: Context, asked: Asked) -> web.Response:
    """A page, the newest first."""
    limit, after = asked.query.get("limit", PAGE), asked.query.get("cursor")
    found = await context.reader.run(erasing.page, asked.caller.tenant, after, limit + 1)
    page = found[:limit]
    cursor = cursor_of(page[-1].at_ms, page[-1].id) if len(found) > limit else None
    return json_answer({"erasures": [shown_erasure(row) for row in page], "cursor": cursor})


def shown_erasure(row: ErasureRow) -> dict[str, Any]:
    """Whom it was about stands nowhere; whoever knows can tell by the digest."""
    return {
        "id": row.id,
        "state": "running" if row.ended_at_ms is None else "done",
        "asked_at": rfc3339(row.at_ms),
        "by": row.who,
        "digest": row.digest,
        "rows": json.loads(row.counts),
        "left": row.left_over,
        "ended_at": optional_rfc3339(row.ended_at_ms),
    }
