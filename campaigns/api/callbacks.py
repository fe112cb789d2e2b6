"""/v1/callbacks: calls that were promised to callers (CB-1, CB-2)."""

import json
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, noted, who
from campaigns.api.codes import invalid, refusal
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.refusals import refusing
from campaigns.callbacks import cancelling, standing
from campaigns.callbacks.asked import AlreadyThere, CallbackAsked, NeverOpens, TooMany, read_number
from campaigns.callbacks.putting import put
from campaigns.context import Context
from campaigns.core.zones import DAY_MS, zone_named
from campaigns.dialler.ability import check
from campaigns.imports.cells import Wrong
from campaigns.ledger import audit, callbacks
from campaigns.ledger.callbacks import Found
from campaigns.ledger.rows import CallbackRow, CampaignRow, ContactRow
from cti.web.body import model_of, read_json
from cti.web.cursors import cursor_of
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.masking import masked
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked
from schemas.callbacks import NewCallback
from schemas.fields import ms_of

PAGE = 50
CREATED = 201
AHEAD_MS = 60 * DAY_MS  # beyond it the hours are not known
LATE_MS = 300_000  # a time that is past by less is taken: clocks differ


async def post_callback(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The callback, masked whoever asks: the answer is kept. Raises Refusal."""
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, NewCallback)
    if not asked.caller.may_switch(given.switch):
        raise Refusal("switch_not_allowed", f"The key is not bound to the switch {given.switch}")
    now_ms, by = context.now_ms(), who(asked.caller)
    wanted = _wanted(given, asked.caller.tenant, now_ms)
    with refusing():
        await check(context, standing.prototype(wanted, context.rules, now_ms))

    def create(connection: Connection) -> Reply | Refusal:
        late = _late(given, now_ms)  # only now: of a key that was used the first answer stands
        if late:
            return invalid(late)
        try:
            made = put(connection, wanted, context.rules, now_ms, by)
        except NeverOpens:
            return invalid([fault("/due_at", "CB-1", "No hours are known in which this number may be called")])
        except AlreadyThere as there:
            detail = f"{there.callback} is open for this number: cancel it first, or leave it"
            return refusal("callback_there", detail, members={"callback": there.callback})
        except TooMany as many:
            return refusal("callbacks_full", f"{many.most} callbacks of this queue are open")
        return reply(shown(made.callback, made.contact, made.campaign, in_full=False), CREATED, _path(made.callback))

    with refusing():
        return await created(context, asked, body, create)


def _wanted(given: NewCallback, tenant: str, now_ms: int) -> CallbackAsked:
    """Raises Refusal `invalid_body`."""
    faults = []
    if (given.agreed_at is None) != (given.agreed_by is None):
        missing = "agreed_at" if given.agreed_at is None else "agreed_by"
        faults.append(fault(f"/{missing}", "missing", "An agreed time, and who agreed on it, go together"))
    if given.zone is not None and zone_named(given.zone) is None:
        faults.append(fault("/zone", "zone", f"No time zone is called {given.zone}"))
    channel = given.channel or "agent"
    if channel == "agent" and given.queue is None:
        faults.append(fault("/queue", "missing", "The channel `agent` needs a queue whose agents call"))
    if faults:
        raise invalid(faults)
    try:
        number, zones = read_number(given.number, given.zone)
    except Wrong as wrong:
        raise invalid([fault("/number", wrong.rule, wrong.what)]) from None
    return CallbackAsked(
        tenant=tenant, number=number, zones=zones, switch=given.switch, trunk_group=given.trunk_group,
        queue=given.queue, channel=channel, asked_ms=now_ms, due_ms=ms_of(given.due_at),
        customer_class=given.customer_class, agreed_ms=None if given.agreed_at is None else ms_of(given.agreed_at),
        agreed_by=given.agreed_by, reason=given.reason, result=given.result, note=given.note, reference=given.reference,
    )  # fmt: skip


def _late(given: NewCallback, now_ms: int) -> list[dict[str, str]]:
    faults = []
    for name, at in (("due_at", given.due_at), ("agreed_at", given.agreed_at)):
        if at is not None and not now_ms - LATE_MS <= ms_of(at) <= now_ms + AHEAD_MS:
            faults.append(fault(f"/{name}", "range", "From now on, 60 days ahead at most"))
    return faults


async def get_callbacks(context: Context, asked: Asked) -> web.Response:
    """A page, in the order of the time that was asked for."""
    query, in_full = asked.query, asked.caller.sees_numbers
    limit = query.get("limit", PAGE)
    switches = asked.caller.switches
    found = await context.reader.run(
        callbacks.page,
        asked.caller.tenant,
        promise=query.get("promise"),
        switches=None if switches is None else frozenset(switches),
        after=query.get("cursor"),
        limit=limit + 1,
    )
    page = found[:limit]
    cursor = cursor_of(page[-1].callback.due_at_ms, page[-1].callback.id) if len(found) > limit else None
    if in_full and page:
        await noted(context, asked, "callbacks_revealed", "", callbacks=len(page))
    return json_answer({"callbacks": [shown(*row, in_full=in_full) for row in page], "cursor": cursor})


async def get_callback(context: Context, asked: Asked) -> web.Response:
    """Raises Refusal `not_found`."""
    found = await _meant(context, asked)
    if asked.caller.sees_numbers:
        await noted(context, asked, "callback_shown", found.callback.id, revealed=True)
    return json_answer(shown(*found, in_full=asked.caller.sees_numbers))


async def delete_callback(context: Context, asked: Asked) -> web.Response:
    """The callback as it is then. Raises Refusal `not_found`, `wrong_state`."""
    found = await _meant(context, asked)
    tenant, by, now_ms, id_ = asked.caller.tenant, who(asked.caller), context.now_ms(), found.callback.id

    def also(connection: Connection) -> None:
        audit.note(connection, tenant, now_ms, by, "callback_cancelled", id_, {"campaign": found.campaign.id})

    with refusing():
        after = await cancelling.cancel(context, tenant, id_, also)
    return json_answer(shown(*after, in_full=asked.caller.sees_numbers))


async def _meant(context: Context, asked: Asked) -> Found:
    found = await context.reader.run(callbacks.found, asked.caller.tenant, asked.request.match_info["callback"])
    if found is None or not asked.caller.may_switch(found.campaign.switch):
        raise refusal("not_found", "No such callback")
    return found


def _path(row: CallbackRow) -> str:
    return f"/v1/callbacks/{row.id}"


def shown(row: CallbackRow, contact: ContactRow, campaign: CampaignRow, *, in_full: bool) -> dict[str, Any]:
    """A callback; the decisions about it are those of its contact."""
    item: dict[str, str] = next(iter(json.loads(contact.items)), {})  # of an erased person there is none
    zones = [zone for _, zones in json.loads(contact.phones) for zone in zones]
    return {
        "id": row.id,
        "state": contact.state,
        "promise": contact.promise,
        "number": row.number if in_full else masked(row.number),
        "class": contact.customer_class,
        "zones": zones,
        "due_at": rfc3339(row.due_at_ms),
        "call_at": optional_rfc3339(contact.call_at_ms),
        "keep_by": optional_rfc3339(contact.keep_by_ms),
        "moved": bool(row.moved),
        "agreed_at": optional_rfc3339(contact.agreed_at_ms),
        "agreed_by": _text(row.agreed_by, in_full),
        "switch": campaign.switch,
        "trunk_group": campaign.trunk_group,
        "queue": campaign.queue,
        "channel": json.loads(campaign.channels)[0],
        "reason": _text(item.get("reason"), in_full),
        "result": _text(item.get("result"), in_full),
        "note": _text(row.note, in_full),
        "reference": row.reference,
        "origin": row.origin,
        "agent": row.agent,
        "call": row.call,
        "campaign": row.campaign,
        "contact": row.contact,
        "asked_at": rfc3339(row.asked_at_ms),
        "created_at": rfc3339(row.made_at_ms),
        "by": row.who,
    }


def _text(text: str | None, in_full: bool) -> str | None:
    return text if in_full or text is None else masked(text)
