"""POST .../test-call: somebody's own number hears what the contacts of a campaign would hear.

A test is a campaign of one contact with the settings of the other, and goes the way of every call: hours, the
do-not-call list, the day's cap, pace and freeze hold for it. It needs no approval, for it is what whoever approves
wants to hear first; so few may be open at once, and not many are made in a day: whoever may not call contacts does not
call them one by one so. An exception to the quiet hours is one for the contacts that it was approved for: a test has no
part in it. It has the items of a contact without the contact: the name is masked, meter and address are left out. One
attempt, no letter; it is over after an hour.
"""

import json
import secrets
from collections.abc import Mapping, Sequence

from aiohttp import web
from sqlalchemy import Connection, func, select

from campaigns.api.answering import meant, who
from campaigns.api.campaigns import draft_answer
from campaigns.api.codes import invalid, refusal
from campaigns.api.idempotent import Reply, created, reply
from campaigns.api.refusals import refusing
from campaigns.api.shown import etag, masked_name
from campaigns.context import Context
from campaigns.core.campaign import delays
from campaigns.core.contact import Contact, Phone
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.reasons import CampaignState, CampaignStep, Channel, FallbackKind, State
from campaigns.core.zones import DAY_MS
from campaigns.dialler.ability import check
from campaigns.errors import Stale
from campaigns.imports.numbers import Mistake, Number, normalised
from campaigns.kinds import known_kinds
from campaigns.ledger import audit, campaigns, compiled, contacts, history, imported, lanes
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import UNDER_WAY, imports
from campaigns.ledger.tables import campaigns as table
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked
from schemas.campaigns import TestCall

LASTS_MS = 60 * MINUTE_MS
OPEN_MAX = 3  # of a tenant
A_DAY_MAX = 50  # of a tenant, in any 24 hours
CALLS = frozenset({Channel.AUTO, Channel.AGENT})
IMPORT = 1
FILE, NO_FILE = "test call", ""  # of its import, and its SHA-256: by both a test is known
WORDS_ONLY = frozenset({"meter"})
"""Items of a contact that say who it is."""


async def post_test_call(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The campaign of the test, running.

    Raises Refusal `no_contacts`, `cannot_dial`, `test_calls_open`, `invalid_body`.
    """
    of = await meant(context, asked)
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, TestCall)
    read = normalised(given.number)
    if isinstance(read, Mistake):
        raise invalid([fault("/number", read.rule, read.what)])
    if not read.zones:  # in doubt nobody is called
        raise invalid([fault("/number", "ZONE", "Nobody knows the time zone of this number: it has no hours")])
    if (why := _without_words(of)) is not None:
        raise refusal("no_contacts", why)
    if given.contact is not None and not given.contact.startswith(f"{of.id}-"):
        raise refusal("not_found", "No such contact")
    with refusing():
        await check(context, of)
    example = await context.reader.run(_example, of.id, given.contact)
    if example is None:
        raise refusal("no_contacts", "The campaign has no contact whose words could be said")
    row = _campaign(of, who(asked.caller), context.now_ms())
    contact = _contact(context, row, example, read)

    def create(connection: Connection) -> Reply | Refusal:
        if (many := _too_many(connection, row)) is not None:
            return refusal("test_calls_open", many)
        started = _make(connection, row, contact)
        details = {"of": of.id, "contact": example.id, "number": read.e164[-4:].rjust(len(read.e164), "*")}
        audit.note(connection, row.tenant, row.made_at_ms, row.made_by, "test_call", row.id, details)
        return reply(draft_answer(context, connection, started), 201, f"/v1/campaigns/{row.id}")

    answer = await created(context, asked, body, create)
    answer.headers["ETag"] = etag(row._replace(version=row.version + 1))
    return answer


def _example(connection: Connection, campaign: str, contact: str | None) -> ContactRow | None:
    """The contact that was asked for, else the first of the file that has not ended."""
    if contact is not None:
        found = contacts.read(connection, [contact])
        return found[0] if found else None
    for state in (State.WAITING.value, None):
        page = history.contact_page(connection, campaign, state, None, 0, 1)
        if page:
            return page[0]
    return None


def _without_words(of: CampaignRow) -> str | None:
    """Why nobody of the campaign hears what could be tried; None: somebody does."""
    if known_kinds()[of.kind].stands:
        return "Each of its calls was asked for by itself: ask for one to your own number, with /v1/callbacks"
    return None if CALLS.intersection(json.loads(of.channels)) else "The campaign calls nobody: it only writes"


def _too_many(connection: Connection, row: CampaignRow) -> str | None:
    """Which of the two bounds is reached."""
    mine = (table.c.tenant == row.tenant, imports.c.no == IMPORT, imports.c.file == FILE, imports.c.sha256 == NO_FILE)
    query = select(func.count()).select_from(table).join(imports, table.c.id == imports.c.campaign).where(*mine)
    if (connection.scalar(query.where(UNDER_WAY)) or 0) >= OPEN_MAX:
        return f"{OPEN_MAX} at once: they are over after an hour, or when they were heard"
    if (connection.scalar(query.where(table.c.made_at_ms > row.made_at_ms - DAY_MS)) or 0) >= A_DAY_MAX:
        return f"{A_DAY_MAX} in 24 hours"
    return None


NEVER_AGAIN = json.dumps({disposition.value: LASTS_MS // MINUTE_MS for disposition in delays({})}, sort_keys=True)
"""Whatever became of the call, the next would be due once the test is over: what does not count has rung, too."""


def _campaign(of: CampaignRow, by: str, now_ms: int) -> CampaignRow:
    """The settings of the other, for calls alone, once."""
    channels = [channel for channel in json.loads(of.channels) if channel in CALLS]
    return of._replace(
        id=f"c{secrets.token_hex(8)[:15]}", name=f"test of {of.name}"[:128], channels=json.dumps(channels),
        attempts_max=1, retry=NEVER_AGAIN, fallback=FallbackKind.PERSON.value, priority=0, received_at_ms=now_ms,
        notice_out_by_ms=None, fallback_by_ms=None, expires_at_ms=now_ms + LASTS_MS, deadlines_given=1, provisional=0,
        state=CampaignState.DRAFT.value, paused_why=None, live=None, version=1, made_at_ms=now_ms, started_at_ms=None,
        resumed_at_ms=None, ended_at_ms=None, made_by=by, start_at_ms=None, start_contacts=None, start_overlap=None,
        draining=0, emergency_from_ms=None, emergency_until_ms=None,
    )  # fmt: skip


def _contact(context: Context, row: CampaignRow, example: ContactRow, read: Number) -> ContactRow:
    account = f"test {row.id}"
    core = compiled.campaign_of(row, context.rules)
    pure = Contact(account, example.customer_class, (Phone(read.e164, read.zones),))
    return example._replace(
        id=f"{row.id}-1", campaign=row.id, no=1, account=account, name=masked_name(example.name), address="",
        important=0, phones=json.dumps([[read.e164, list(read.zones)]]), items=_items(example), kept="{}",
        state=State.WAITING.value, round=1, decided_upto=0, handed_over=0, promise_date=None,
        hours_class=compiled.hours_class(IMPORT, pure, core), next_at_ms=row.made_at_ms,
        deadline_at_ms=row.expires_at_ms or 0, notice_out_by_ms=None, fallback_by_ms=None,
        expires_at_ms=row.expires_at_ms, notice_out_ms=None, notice_missed=0, waits_for=None, why=None, version=1,
        settled=None, outdated_upto=None, call_at_ms=None, keep_by_ms=None, agreed_at_ms=None, promise=None,
    )  # fmt: skip


def _items(example: ContactRow) -> str:
    items: Sequence[Mapping[str, str]] = json.loads(example.items)
    return json.dumps([{n: v for n, v in item.items() if n not in WORDS_ONLY} for item in items], ensure_ascii=False)


def _make(connection: Connection, row: CampaignRow, contact: ContactRow) -> CampaignRow:
    """The campaign, which runs, with its one contact. Raises Stale."""
    campaigns.make(connection, row)
    imported.make_own(connection, row, FILE, 1, row.made_by, row.made_at_ms)
    contacts.put(connection, [contact])
    contacts.put_classes(connection, [compiled.class_row(contact)])
    lanes.put(connection, [Lane(row.tenant, row.switch, row.trunk_group)])
    started = campaigns.set_state(connection, row, CampaignStep.START, row.made_by, row.made_at_ms)
    if started is None:
        raise Stale("campaigns")
    return started
