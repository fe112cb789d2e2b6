"""GET .../contacts: those of a campaign; GET .../contacts/{contact}: one, with its decisions and why it waits."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import JSON, json_answer, marked, meant, noted
from campaigns.api.attempt import shown_decision
from campaigns.api.explaining import explained
from campaigns.api.item_rows import item_columns, item_rows
from campaigns.api.shown import masked_address, masked_name, masked_values
from campaigns.api.titles import titles
from campaigns.context import Context
from campaigns.core.reasons import Channel
from campaigns.kinds import Kind, known_kinds
from campaigns.ledger import attempts, contacts, history
from campaigns.ledger.history import Decision
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.ledger.tables import FAR
from campaigns.outages.items import standing
from campaigns.owed_today import settled_of
from campaigns.settlements.items import left
from cti.web.accept import wanted
from cti.web.csv_text import CSV, csv_heading, csv_rows
from cti.web.cursors import cursor_of
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.masking import masked
from cti.web.refusal import Refusal
from cti.web.route import Asked

PAGE = 100
CONTACTS, ITEMS = "contacts", "items"
COLUMNS = (
    "contact", "account", "name", "class", "important", "numbers", "state", "round", "attempts", "counted",
    "disposition", "why", "next_at", "promise_date", "notice_out_by", "fallback_by", "expires_at", "notice_out_at",
)  # fmt: skip
TextItems = Sequence[Mapping[str, str]]


async def get_contacts(context: Context, asked: Asked) -> web.Response:
    """A page in the order of the file, as JSON or CSV."""
    row = await meant(context, asked)
    media = wanted(asked.request.headers.get("Accept"), (JSON, CSV))
    query, in_full = asked.query, asked.caller.sees_numbers
    limit, (after,) = query.get("limit", PAGE), query.get("cursor", (0,))
    now_ms = context.now_ms()
    found = await context.reader.run(_page, row.id, query.get("state"), query.get("account"), after, limit + 1)
    page = found[:limit]
    cursor = cursor_of(page[-1][0].no) if len(found) > limit else None
    if in_full or media == CSV:
        await noted(context, asked, "contacts_shown", row.id, media=media, revealed=in_full, rows=len(page))
    if media == CSV:
        headers = {
            "Ringback-As-Of": rfc3339(now_ms),
            "Ringback-Cursor": cursor or "",
            "Content-Type": f"{CSV}; charset=utf-8",
            **marked(context, asked),
        }
        return web.Response(body=_as_csv(asked, known_kinds()[row.kind], page), headers=headers)
    shown = [shown_contact(contact, tried, in_full=in_full) for contact, tried in page]
    return json_answer({"contacts": shown, "cursor": cursor, "as_of": rfc3339(now_ms)})


def _as_csv(asked: Asked, kind: Kind, page: Sequence[tuple[ContactRow, Sequence[AttemptRow]]]) -> bytes:
    """A row a contact; a row an item where that is asked for."""
    in_full, language = asked.caller.sees_numbers, asked.query.get("headers")
    if asked.query.get("rows") == ITEMS:
        columns: Sequence[str] = item_columns(kind)
        rows: Sequence[Mapping[str, Any]] = [
            line
            for contact, _ in page  # what is cancelled is not imported again
            for line in item_rows(contact, standing(json.loads(contact.items)), in_full=in_full)
        ]
    else:
        columns = COLUMNS
        rows = [shown_contact(contact, tried, in_full=in_full) for contact, tried in page]
    return csv_heading(titles(columns, language, kind)) + csv_rows(columns, rows)


def _page(
    connection: Connection, campaign: str, state: str | None, account: str | None, after: int, limit: int
) -> list[tuple[ContactRow, list[AttemptRow]]]:
    found = history.contact_page(connection, campaign, state, account, after, limit)
    tried = attempts.of_contacts(connection, [row.id for row in found])
    return [(row, tried[row.id]) for row in found]


def shown_contact(row: ContactRow, tried: Sequence[AttemptRow], *, in_full: bool) -> dict[str, Any]:
    """As it is listed. `attempts`, `counted`, `disposition`: of its round."""
    calls = [attempt for attempt in tried if attempt.round == row.round and attempt.channel != Channel.PERSON]
    dialled = [attempt for attempt in calls if attempt.decision == "dialled"]
    said = [attempt.disposition for attempt in tried if attempt.round == row.round and attempt.disposition is not None]
    numbers = [number for number, _ in json.loads(row.phones)]
    return {
        "contact": row.id,
        "campaign": row.campaign,
        "account": row.account,
        "name": row.name if in_full else masked_name(row.name),
        "class": row.customer_class,
        "important": bool(row.important),
        "numbers": numbers if in_full else [masked(number) for number in numbers],
        "state": row.state,
        "round": row.round,
        "attempts": len(dialled),
        "counted": sum(attempt.counted for attempt in dialled),
        "disposition": said[-1] if said else None,
        "why": row.why,
        "next_at": None if row.next_at_ms >= FAR else rfc3339(row.next_at_ms),
        "promise_date": row.promise_date,
        "notice_out_by": optional_rfc3339(row.notice_out_by_ms),
        "fallback_by": optional_rfc3339(row.fallback_by_ms),
        "expires_at": optional_rfc3339(row.expires_at_ms),
        "notice_out_at": optional_rfc3339(row.notice_out_ms),
    }


async def get_contact(context: Context, asked: Asked) -> web.Response:
    """A contact with the ledger of decisions and `explain`. Raises Refusal `not_found`."""
    row, contact = await contact_meant(context, asked)
    in_full = asked.caller.sees_numbers
    tried, decisions = await context.reader.run(_decided, contact.id)
    if in_full:
        await noted(context, asked, "contact_shown", contact.id, revealed=True)
    explain = await explained(context, row, contact, tried)
    return json_answer(whole_contact(row, contact, tried, decisions, in_full=in_full) | {"explain": explain})


def _decided(connection: Connection, contact: str) -> tuple[list[AttemptRow], list[Decision]]:
    tried = attempts.of_contacts(connection, [contact])[contact]
    return tried, history.of_contact(connection, contact, tried)


def whole_contact(
    campaign: CampaignRow, row: ContactRow, tried: Sequence[AttemptRow], decisions: Sequence[Decision], *, in_full: bool
) -> dict[str, Any]:
    """All that is known of a contact, but for `explain`."""
    every: TextItems = json.loads(row.items)  # outages that are cancelled among them
    remaining = left(campaign.kind, every, settled_of(row))
    settled: TextItems = [item for item in every if item not in remaining]
    return {
        **shown_contact(row, tried, in_full=in_full),
        "address": row.address if in_full else masked_address(row.address),
        "items": remaining if in_full else [masked_values(item) for item in remaining],
        "settled": settled if in_full else [masked_values(item) for item in settled],
        "kept": json.loads(row.kept) if in_full else masked_values(json.loads(row.kept)),
        "zones": sorted({zone for _, zones in json.loads(row.phones) for zone in zones}),
        "attempts": [shown_decision(campaign, decision, in_full=in_full) for decision in decisions],
    }


async def contact_meant(context: Context, asked: Asked) -> tuple[CampaignRow, ContactRow]:
    """The campaign and the contact of the path. Raises Refusal `not_found`."""
    row = await meant(context, asked)
    found = await context.reader.run(contacts.read, [asked.request.match_info["contact"]])
    if not found or found[0].campaign != row.id:
        raise Refusal("not_found", "No such contact")
    return row, found[0]
