"""POST .../rerun: the contacts of an ended campaign that nobody reached become a draft of their own.

They go the way of a file: as rows, through the same checks, as import 1 of the new campaign, whose deadlines are
counted from today. Payments that came meanwhile, and the do-not-call list, hold for them as for any other file.
"""

import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web
from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.api.answering import meant, who
from campaigns.api.campaigns import draft_answer
from campaigns.api.codes import invalid, refusal
from campaigns.api.idempotent import RETRY_AFTER_S, Claim, Reply, reply, response_of
from campaigns.api.item_rows import item_rows
from campaigns.api.new_campaign import Origin, faults_of, order_fault, row_of, window_text
from campaigns.api.refusals import wrong_state
from campaigns.api.shown import etag
from campaigns.context import Context
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.penalty import NoFormula
from campaigns.core.reasons import CampaignState, State, Why
from campaigns.core.zones import local_day
from campaigns.errors import Stale
from campaigns.imports.receiving import Sent, receive
from campaigns.imports.taking import Form
from campaigns.ledger import audit, campaigns, history, imported, withdrawing
from campaigns.ledger.compiled import import_no
from campaigns.ledger.rows import CampaignRow, ContactRow, ImportRow
from campaigns.outages.items import Item, standing
from campaigns.owed_today import SUMS, items_on, settled_of
from campaigns.settlements.items import is_in_part
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.route import Asked
from schemas.campaigns import NewCampaign, Pacing, Rerun

ENDED = (CampaignState.STOPPED, CampaignState.DONE, CampaignState.EXPIRED)
UNREACHED = (State.FALLBACK.value, State.EXPIRED.value, State.CANCELLED.value)
TAKEN_OUT = frozenset(
    why.value for why in (Why.IMPORT_WITHDRAWN, Why.PERSON_ERASED, Why.NOT_SAMPLED, Why.OUTAGE_CANCELLED, Why.SETTLED)
)
PAGE = 500


async def post_rerun(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The new campaign; its import is under way. Raises Refusal `wrong_state`, `no_contacts`."""
    old = await meant(context, asked)
    body = await read_json(asked.request, limits) if asked.request.body_exists else b"{}"
    given = model_of(body, limits, Rerun)
    claim = Claim(context, asked)
    before = await claim.take(body)
    if before is not None:
        return response_of(before)
    async with claim:
        if CampaignState(old.state) not in ENDED:
            raise wrong_state(old.state, "rerun", tuple(state.value for state in ENDED))
        states: Sequence[str] = given.states or UNREACHED
        if not [some async for some in _pages(context, old, states)]:
            raise refusal("no_contacts", f"No contact of it is in {', '.join(states)}")
        return response_of(await _made(context, asked, old, _row(context, asked, old, given), states, claim))


async def _made(
    context: Context, asked: Asked, old: CampaignRow, new: CampaignRow, states: Sequence[str], claim: Claim
) -> Reply:
    answers: list[Reply] = []

    def also(connection: Connection, made: ImportRow) -> None:
        details = {"of": old.id, "import": made.no, "sha256": made.sha256}
        audit.note(connection, new.tenant, new.made_at_ms, new.made_by, "campaign_rerun", new.id, details)
        answers[:] = [reply(draft_answer(context, connection, new), 201, f"/v1/campaigns/{new.id}")]
        claim.keep(connection, answers[0])

    await context.write(_make, new)
    keep = await context.reader.run(imported.kept_columns, old.id)
    sent = Sent(f"rerun of {old.id}", keep, who(asked.caller), Form.NDJSON)
    try:
        await receive(context, new, _lines(context, old, states), sent, also)
    except Stale as error:
        raise refusal("idempotency_in_flight", headers={"Retry-After": str(RETRY_AFTER_S)}) from error
    made = answers[0]
    return made._replace(headers={**made.headers, "ETag": etag(new)})


def _make(connection: Connection, given: Sequence[CampaignRow]) -> Sequence[None]:
    for row in given:
        campaigns.make(connection, row)
    return [None] * len(given)


def _row(context: Context, asked: Asked, old: CampaignRow, given: Rerun) -> CampaignRow:
    """The settings of the old one; deadlines are counted anew. Raises Refusal where the profile allows less now."""
    settings = settings_of(old, given.name or old.name)
    if faults := faults_of(settings, context.rules):
        raise invalid(faults)
    made = Origin(f"c{secrets.token_hex(8)[:15]}", old.tenant, who(asked.caller), context.now_ms())
    row = row_of(settings, context.rules, made)
    if (late := order_fault(row)) is not None:
        raise invalid([late])
    return row


def settings_of(row: CampaignRow, name: str) -> NewCampaign:
    """As they were asked for, without deadlines."""
    return NewCampaign.model_validate(
        {
            "name": name,
            "kind": row.kind,
            "switch": row.switch,
            "trunk_group": row.trunk_group,
            "caller_id": row.caller_id,
            "queue": row.queue,
            "language": row.language,
            "windows": [window_text(window) for window in json.loads(row.windows)] or None,
            "closed_dates": json.loads(row.closed_dates) or None,
            "zone": row.zone,
            "pacing": Pacing(calls_per_second=row.calls_per_second, calls_at_once=row.calls_at_once),
            "ring_timeout_s": row.ring_timeout_s,
            "attempts_max": row.attempts_max,
            "retry": json.loads(row.retry) or None,
            "channels": json.loads(row.channels),
            "fallback": row.fallback,
            "priority": row.priority,
        }
    )


async def _lines(context: Context, old: CampaignRow, states: Sequence[str]) -> AsyncIterator[bytes]:
    """NDJSON: a line an item of each contact, in the order of the files."""
    day = local_day(context.now_ms(), old.zone)
    async for page in _pages(context, old, states):
        yield b"".join(
            to_json(row) + b"\n" for contact in page for row in rows_on(old.kind, contact, day, context.rules)
        )


async def _pages(context: Context, old: CampaignRow, states: Sequence[str]) -> AsyncIterator[list[ContactRow]]:
    """Contacts in these states, but for those who were taken out of the campaign: they do not come back."""
    gone = await context.reader.run(withdrawing.taken_back, old.id)
    for state in states:
        after = 0
        while page := await context.reader.run(history.contact_page, old.id, state, None, after, PAGE):
            after = page[-1].no
            some = [
                contact
                for contact in page
                if contact.why not in TAKEN_OUT and import_no(contact.hours_class) not in gone
            ]
            if some := [contact for contact in some if _items(old.kind, contact)]:
                yield some


def _items(kind: str, contact: ContactRow) -> list[Item]:
    """Those that are not cancelled, and of which nothing is paid: what is left of one that is paid in part nobody
    knows. Payments are remembered for a while, a campaign that has ended for longer.
    """
    settled = settled_of(contact)
    return [item for item in standing(json.loads(contact.items)) if not (settled and is_in_part(kind, item, settled))]


def rows_on(kind: str, contact: ContactRow, day: date, rules: OperatorRules) -> Iterator[Mapping[str, Any]]:
    """The rows of a contact, with what is owed on that day: totals of another day would be refused (ARR-1)."""
    kept: Mapping[str, Any] = json.loads(contact.kept) if contact.kept else {}
    items = _items(kind, contact)
    for row, item in zip(item_rows(contact, items, in_full=True), items, strict=True):
        dated = items_on(kind, [item], contact.customer_class, day, rules.penalties)
        yield {**kept, **row, **({} if isinstance(dated, NoFormula) or dated[0] is item else _sums(dated[0], day))}


def _sums(item: Mapping[str, str], day: date) -> dict[str, str]:
    return {**{name: item[name] for name in SUMS}, "as_of": day.isoformat()}
