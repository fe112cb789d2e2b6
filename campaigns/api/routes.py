"""The routes of campaigns, as data: the router and the OpenAPI document are both made from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from campaigns.api import (
    actions,
    attempts,
    calling_hours,
    campaigns,
    contacts,
    idempotent,
    import_withdrawal,
    imports,
    message_receipts,
    outbound,
    outcome,
    titles,
)
from campaigns.api.answering import CAMPAIGN_PATTERN, CONTACT_PATTERN, IMPORT_PATTERN, JSON, MARKS
from campaigns.api.audit_routes import audit_routes
from campaigns.api.callback_routes import callback_routes
from campaigns.api.codes import BODY_CODES
from campaigns.api.erasure_routes import erasure_routes
from campaigns.api.notice_routes import notice_routes
from campaigns.api.payment_routes import payment_routes
from campaigns.api.planning_routes import planning_routes
from campaigns.api.revision_routes import revision_routes
from campaigns.api.second_key_routes import second_key_routes
from campaigns.core.reasons import CampaignState, State
from campaigns.imports.header import KEEP_MAX
from campaigns.imports.taking import Form
from campaigns.messages import signing
from cti.web.csv_text import CSV
from cti.web.cursors import ID, NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import NO_CONTROLS, TEXT_CHARS_MAX, Parameter, choice, parsed, text, whole
from cti.web.route import Answer, Route
from schemas.campaigns import MOMENT_PATTERN, RING_TIMEOUT_MAX_S, ZONES_MAX, Channel, CustomerClass, HoursKind
from schemas.fields import ms_of, read_time

READ, WRITE = "campaigns:read", "campaigns:write"
CAMPAIGN = {"campaign": CAMPAIGN_PATTERN}
CAMPAIGN_KEY = (NUMBER, ID)  # made_at_ms, id
ETAG = {"ETag": "Of its settings and state."}
FILES = {
    form.value: {"type": "string", **({"format": "binary"} if form is Form.XLSX else {})} for form in Form
}  # fmt: skip
PLACE = {"Location": "Where it is."}


def routes(limits: Limits) -> Sequence[Route]:
    """Every route of campaigns; the handlers take the context and what was asked."""
    return [
        *_campaigns(limits),
        *_imports(limits),
        *_actions(limits),
        *_contacts(limits),
        *_outbound(limits),
        *_hours(limits),
        *notice_routes(limits),
        *payment_routes(limits),
        *planning_routes(limits),
        *revision_routes(limits),
        *callback_routes(limits),
        *erasure_routes(limits),
        _receipts(limits),
        *audit_routes(limits),
        *second_key_routes(limits),
    ]


def paging(limits: Limits, default: int) -> Parameter:
    """How long a page is."""
    return whole("limit", f"So many at most; {default} where absent.", 1, limits.page_items)


def answer(about: str, name: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(about, {JSON: ref(name)}, headers or {})


def bounded(handler: Callable[..., Any], limits: Limits) -> Callable[..., Any]:
    """A handler that reads a body."""
    return partial(handler, limits=limits)


def _campaigns(limits: Limits) -> list[Route]:
    path = "/v1/campaigns"
    states = choice("state", "In this state.", [state.value for state in CampaignState])
    return [
        Route("POST", path, "post_campaign", "A campaign, in state `draft`.", bounded(campaigns.post_campaign, limits),
              WRITE, {201: answer("It is made.", "Campaign", {**ETAG, **PLACE})},
              (*BODY_CODES, *idempotent.CODES, "switch_not_allowed", "ledger_away"),
              body={JSON: ref("NewCampaign")}, headers=(idempotent.HEADER,)),
        Route("GET", path, "get_campaigns", "Campaigns, the newest first.", campaigns.get_campaigns, READ,
              {200: answer("A page of campaigns.", "Campaigns")}, ("ledger_away",),
              (states, paging(limits, campaigns.PAGE), page_cursor(CAMPAIGN_KEY)), head=True),
        Route("GET", f"{path}/{{campaign}}", "get_campaign", "A campaign: settings, progress, what comes next.",
              campaigns.get_campaign, READ, {200: answer("The campaign.", "Campaign", ETAG)},
              ("not_found", "ledger_away"), path_parts=CAMPAIGN, head=True),
    ]  # fmt: skip


def _imports(limits: Limits) -> list[Route]:
    path = "/v1/campaigns/{campaign}/imports"
    import_parts = {**CAMPAIGN, "n": IMPORT_PATTERN}
    withdrawal = answer("How far it is, and a page of those who were told.", "ImportWithdrawal")
    keep = Parameter(
        "keep", "Another column of the file to keep; may be repeated, or several with commas between them.",
        {"type": "array", "maxItems": KEEP_MAX,
         "items": {"type": "string", "maxLength": TEXT_CHARS_MAX, **NO_CONTROLS}},
        text("keep", "", 0).read, many=True,
    )  # fmt: skip
    sheet = text("sheet", "The sheet of a workbook; the first that is not hidden where absent.")
    return [
        Route("POST", path, "post_import", "A file of contacts, of any size.", bounded(imports.post_import, limits),
              WRITE, {202: answer("It is here whole, and is being read.", "Import", PLACE)},
              ("not_found", "same_file", "wrong_state", "bad_request", "body_too_slow", "too_large", "unreadable_file",
               "unsupported_media_type", "unsupported_encoding", *idempotent.CODES, "ledger_away"),
              (text("file", "The name of the file.", 0), keep, sheet), body=FILES, path_parts=CAMPAIGN,
              headers=(idempotent.HEADER,)),
        Route("GET", f"{path}/{{n}}", "get_import", "An import and its counts.", imports.get_import, WRITE,
              {200: answer("The import.", "Import")}, ("not_found", "ledger_away"), path_parts=import_parts, head=True),
        Route("GET", f"{path}/{{n}}/rejected", "get_rejected", "The rows that were rejected, as they came.",
              imports.get_rejected, WRITE,
              {200: Answer("With a last column `error`.", {CSV: {"type": "string"}}, MARKS)},
              ("not_found", "ledger_away"), path_parts=import_parts, head=True),
        Route("POST", f"{path}/{{n}}/withdraw", "post_withdraw",
              "The wrong file: nobody of it is called any more. Asked again, how far that is.",
              bounded(import_withdrawal.post_withdraw, limits), WRITE, {202: withdrawal},
              ("unsupported_encoding", "body_too_slow", "too_large", "not_found", "wrong_state", "ledger_away"),
              (paging(limits, import_withdrawal.PAGE), page_cursor((NUMBER,))), path_parts=import_parts),
    ]  # fmt: skip


def _actions(limits: Limits) -> list[Route]:
    path = "/v1/campaigns/{campaign}"
    done = {202: answer("The campaign as it is then.", "Campaign", ETAG)}
    nothing = ("unsupported_encoding", "body_too_slow", "too_large")
    route = partial(Route, "POST", scope=WRITE, answers=done, path_parts=CAMPAIGN)
    always = ("not_found", "wrong_state", "ledger_away")
    return [
        route(f"{path}/start", "post_start", "Start: with the number of contacts that its manager has seen.",
              bounded(actions.post_start, limits), codes=(*BODY_CODES, *always, "contacts_changed", "cannot_dial",
                     "settlements_silent", "approval_needed", "overlaps"),
              body={JSON: ref("Start")}),
        route(f"{path}/pause", "post_pause", "Nothing more is dialled; deadlines run.",
              bounded(actions.post_pause, limits), codes=(*nothing, *always)),
        route(f"{path}/resume", "post_resume", "It goes on.", bounded(actions.post_resume, limits),
              codes=(*nothing, *always, "cannot_dial", "approval_needed")),
        route(f"{path}/stop", "post_stop", "Stop for good; live calls finish, or are cleared.",
              bounded(actions.post_stop, limits), codes=(*BODY_CODES, *always), body={JSON: ref("Stop")}),
    ]  # fmt: skip


def _outbound(limits: Limits) -> list[Route]:
    path = "/v1/outbound"
    nothing = ("unsupported_encoding", "body_too_slow", "too_large", "ledger_away")
    done = {202: answer("As it stands; `acknowledged` once nothing more is sent.", "Outbound")}
    return [
        Route("GET", path, "get_outbound", "Whether all dialling is frozen.", outbound.get_outbound, READ,
              {200: answer("As it stands.", "Outbound")}, ("ledger_away",), head=True),
        Route("POST", f"{path}/freeze", "post_freeze", "Freeze all dialling: nothing more is sent.",
              bounded(outbound.post_freeze, limits), WRITE, done, (*BODY_CODES, "ledger_away"),
              body={JSON: ref("Freeze")}),
        Route("POST", f"{path}/thaw", "post_thaw", "Campaigns go on as they stand.",
              bounded(outbound.post_thaw, limits), WRITE, done, nothing),
    ]  # fmt: skip


def _contacts(limits: Limits) -> list[Route]:
    path = "/v1/campaigns/{campaign}"
    pages = {"Ringback-Cursor": "Of a CSV: the cursor of the next page; empty: there is none.", **MARKS}
    listed = Answer("A page of contacts.", {JSON: ref("Contacts"), CSV: {"type": "string"}}, pages)
    ledger = Answer("One decision a line.", {attempts.NDJSON: {"type": "string"}, CSV: {"type": "string"}}, pages)
    states = choice("state", "In this state.", [state.value for state in State])
    rows = choice("rows", "Of a CSV: a row a contact, or an item: that can be imported again.",
                  (contacts.CONTACTS, contacts.ITEMS))  # fmt: skip
    after = parsed("cursor", "The cursor of the page before.", f"^{attempts.KEY}$", attempts.key_from)
    return [
        Route("GET", f"{path}/contacts", "get_contacts", "Contacts, in the order of the file.", contacts.get_contacts,
              READ, {200: listed}, ("not_found", "not_acceptable", "ledger_away"),
              (states, text("account", "Of this account."), titles.parameter(), rows, paging(limits, contacts.PAGE),
               page_cursor((NUMBER,))),
              path_parts=CAMPAIGN, head=True),
        Route("GET", f"{path}/contacts/{{contact}}", "get_contact", "A contact: its decisions, and why it waits.",
              contacts.get_contact, READ, {200: answer("The contact.", "Contact")}, ("not_found", "ledger_away"),
              path_parts={**CAMPAIGN, "contact": CONTACT_PATTERN}, head=True),
        Route("POST", f"{path}/contacts/{{contact}}/outcome", "post_outcome", "A person's word on what became of it.",
              bounded(outcome.post_outcome, limits), WRITE, {200: answer("The contact.", "ContactListed")},
              (*BODY_CODES, *idempotent.CODES, "not_found", "wrong_state", "ledger_away"), body={JSON: ref("Outcome")},
              path_parts={**CAMPAIGN, "contact": CONTACT_PATTERN}, headers=(idempotent.HEADER,)),
        Route("GET", f"{path}/attempts", "get_attempts", "What was decided, in order of time, refusals included.",
              attempts.get_attempts, READ, {200: ledger}, ("not_found", "not_acceptable", "ledger_away"),
              (titles.parameter(), whole("limit", "A page of so many; all where absent.", 1, limits.page_items), after),
              path_parts=CAMPAIGN, head=True),
    ]  # fmt: skip


def _hours(limits: Limits) -> list[Route]:
    path = "/v1/calling-hours"
    explained = {200: answer("Whether, and if not, why and until when.", "Explanation")}
    zone = Parameter(
        "zone", "A candidate zone; may be repeated. The profile's where absent.",
        {"type": "array", "items": ref("TimeZone"), "maxItems": ZONES_MAX}, str, many=True,
    )  # fmt: skip
    asked = (
        parsed("at", "RFC 3339; now where absent.", MOMENT_PATTERN, lambda text: ms_of(read_time(text))),
        replace(choice("kind", "The kind of campaign.", get_args(HoursKind)), required=True),
        choice("class", "Of the customer; resident where absent.", get_args(CustomerClass)), zone,
        whole("ring_timeout_s", "How long it would ring.", 1, RING_TIMEOUT_MAX_S),
        choice("channel", "A call where absent.", get_args(Channel)),
    )  # fmt: skip
    return [
        Route("GET", path, "get_calling_hours", "May somebody be called, by the hours alone.",
              calling_hours.get_calling_hours, READ, explained, (), asked, head=True),
        Route("POST", path, "post_calling_hours", "The same, for a number too.",
              bounded(calling_hours.post_calling_hours, limits), READ, explained, BODY_CODES,
              body={JSON: ref("HoursAsked")}),
    ]  # fmt: skip


def _receipts(limits: Limits) -> Route:
    """Open to whoever has a gateway's secret: the signature stands in the place of a key."""
    header = {"type": "string", "minLength": 1, "maxLength": 2_048}
    signed = (
        Parameter(signing.ID, "Of this receipt: the same again is taken once.", header, str, required=True),
        Parameter(signing.TIMESTAMP, "Seconds since 1970, within five minutes of now.", header, str, required=True),
        Parameter(signing.SIGNATURE, "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.", header, str,
                  required=True),
    )  # fmt: skip
    return Route("POST", "/v1/message-receipts", "post_message_receipt",
                 "What became of a message, signed by the message gateway (Standard Webhooks 1.0).",
                 bounded(message_receipts.post_receipt, limits), None,
                 {200: answer("It is kept; `taken` is false where it was before.", "MessageReceiptTaken")},
                 (*BODY_CODES, "bad_request", "not_signed", "not_found", "idempotency_mismatch", "ledger_away"),
                 body={JSON: ref("MessageReceipt")}, headers=signed)  # fmt: skip
