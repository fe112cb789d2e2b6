"""/v1/do-not-call: numbers and accounts that nobody calls."""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, noted, who
from campaigns.api.codes import invalid, refusal
from campaigns.context import Context
from campaigns.do_not_call import changing
from campaigns.do_not_call.changing import Entered
from campaigns.do_not_call.entries import account_of, entry_id, line_of, number_of
from campaigns.imports.cells import Wrong
from campaigns.ledger import audit, do_not_call
from campaigns.ledger.rows import DoNotCallRow
from cti.web.body import read_model
from cti.web.cursors import cursor_of
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.masking import masked
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.fields import ms_of
from schemas.settlements import CallAgain, DoNotCall

PAGE = 100
OK, CREATED, NO_CONTENT = 200, 201, 204
ONE_OF = "one_of"


async def post_do_not_call(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The entry; the same number or account again has the newer reason and times. Raises Refusal."""
    given = await read_model(asked.request, limits, DoNotCall)
    line = _line(given.number, given.account)
    tenant, by, now_ms = asked.caller.tenant, who(asked.caller), context.now_ms()
    since_ms = now_ms if given.since is None else ms_of(given.since)
    until_ms = None if given.until is None else ms_of(given.until)
    if until_ms is not None and until_ms <= since_ms:
        raise invalid([fault("/until", "range", "It ends after it begins")])
    row = DoNotCallRow(
        tenant=tenant, line=line, id=entry_id(tenant, line, now_ms), reason=given.reason, since_ms=since_ms,
        until_ms=until_ms, made_at_ms=now_ms, who=by,
    )  # fmt: skip

    def also(connection: Connection) -> None:
        made = do_not_call.read(connection, tenant, line)
        about = row.id if made is None else made.id
        details = {"reason": given.reason, "since": rfc3339(since_ms), "until": optional_rfc3339(until_ms)}
        audit.note(connection, tenant, now_ms, by, "do_not_call_entered", about, details)

    entered: Entered = await changing.enter(context, row, also)
    shown = shown_entry(entered.row, in_full=asked.caller.sees_numbers) | {"withdrawn": entered.withdrawn}
    return json_answer(shown, CREATED if entered.is_new else OK)


async def get_do_not_call(context: Context, asked: Asked) -> web.Response:
    """A page, the newest first; numbers are masked unless the key may see them."""
    limit, after, in_full = asked.query.get("limit", PAGE), asked.query.get("cursor"), asked.caller.sees_numbers
    found = await context.reader.run(do_not_call.page, asked.caller.tenant, after, limit + 1)
    page = found[:limit]
    cursor = cursor_of(page[-1].made_at_ms, page[-1].id) if len(found) > limit else None
    if in_full and page:
        await noted(context, asked, "do_not_call_revealed", "", entries=len(page))
    return json_answer({"entries": [shown_entry(row, in_full=in_full) for row in page], "cursor": cursor})


async def delete_do_not_call(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `not_found`."""
    given = await read_model(asked.request, limits, CallAgain)
    tenant, by, now_ms = asked.caller.tenant, who(asked.caller), context.now_ms()
    if given.id is None:
        line = _line(given.number, given.account)
    elif given.number is None and given.account is None:
        row = await context.reader.run(do_not_call.by_id, tenant, given.id)
        if row is None:
            raise refusal("not_found", "No such entry")
        line = row.line
    else:
        raise invalid([fault("", ONE_OF, "Either id, number or account")])

    def also(connection: Connection) -> None:
        about = account_of(line) or masked(line)
        audit.note(connection, tenant, now_ms, by, "do_not_call_removed", about, {})

    if not await changing.remove(context, tenant, line, also):
        raise refusal("not_found", "No such entry")
    return web.Response(status=NO_CONTENT)


def _line(number: str | None, account: str | None) -> str:
    """Raises Refusal `invalid_body`."""
    if (number is None) == (account is None):
        raise invalid([fault("", ONE_OF, "Either a number or an account")])
    try:
        return line_of(number, account)
    except Wrong as wrong:
        raise invalid([fault("/number" if account is None else "/account", wrong.rule, wrong.what)]) from None


def shown_entry(row: DoNotCallRow, *, in_full: bool) -> dict[str, Any]:
    """A number or an account, whichever it is; of an erased person neither."""
    number, account = number_of(row.line), account_of(row.line)
    named = {} if account is None else {"account": account}
    if number is not None:
        named = {"number": number if in_full else masked(number)}
    return {
        "id": row.id,
        **named,
        "reason": row.reason if in_full else masked(row.reason),
        "since": rfc3339(row.since_ms),
        "until": optional_rfc3339(row.until_ms),
        "created_at": rfc3339(row.made_at_ms),
        "by": row.who,
    }
