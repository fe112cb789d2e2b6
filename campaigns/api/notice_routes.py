"""The routes of written notices, as data."""

from collections.abc import Mapping, Sequence
from functools import partial

from campaigns.api import idempotent, notice_batches, notices
from campaigns.api.answering import JSON, MARKS
from campaigns.api.codes import BODY_CODES
from campaigns.api.notice_letters import PDF
from campaigns.api.shapes import Schema
from campaigns.ledger.notices import STATES
from cti.web.csv_text import CSV
from cti.web.cursors import ID, NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import choice, parsed, whole
from cti.web.route import Answer, Route
from schemas.notices import BATCH_ID, CAMPAIGN_ID

EXPORT = "notices:export"
LETTER_CODES = ("letters_unavailable", "letters_busy", "letters_failed")
KEY = (NUMBER, ID)  # made at, id
BATCH = {"batch": BATCH_ID}
LANGUAGES = ("en", "zh")


def notice_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    cursor = page_cursor(KEY)
    limit = whole("limit", f"So many at most; {notices.PAGE} where absent.", 1, limits.page_items)
    headers = choice("headers", "The language of the CSV's headers; English where absent.", LANGUAGES)
    campaign = parsed("campaign", "Of this campaign.", f"^{CAMPAIGN_ID}$", notices.campaign_of)
    state = choice("state", "In this state.", STATES)
    recalled = choice("to_recall", "Those that were exported and are owed no more.", ("true",))
    path, batch_path = "/v1/notice-batches", "/v1/notice-batches/{batch}"
    letters: Schema = {"type": "string", "format": "binary", "description": "Its letters, in the campaign's language."}
    whole_batch: Mapping[str, Schema] = {JSON: ref("NoticeBatchInFull"), CSV: {"type": "string"}, PDF: letters}
    return [
        Route("GET", "/v1/notices", "get_notices", "Written notices, the oldest first.", notices.get_notices, EXPORT,
              {200: Answer("A page of notices.", {JSON: ref("Notices"), CSV: {"type": "string"}})},
              ("not_acceptable", "ledger_away"), (campaign, state, recalled, headers, limit, cursor), head=True),
        Route("POST", path, "post_notice_batch", "Takes every pending notice of a campaign, once.",
              partial(notice_batches.post_batch, limits=limits), EXPORT,
              {201: Answer("The batch; its `count` may be 0.", {JSON: ref("NoticeBatch")},
                           {"Location": "Where it is."})},
              (*BODY_CODES, *idempotent.CODES, "not_found", "ledger_away"), body={JSON: ref("NoticeBatchAsked")},
              headers=(idempotent.HEADER,)),
        Route("GET", path, "get_notice_batches", "Batches of notices, the newest first.", notice_batches.get_batches,
              EXPORT, {200: Answer("A page of batches.", {JSON: ref("NoticeBatches")})}, ("ledger_away",),
              (limit, cursor), head=True),
        Route("GET", batch_path, "get_notice_batch", "A batch with its notices; names and addresses in full.",
              notice_batches.get_batch, EXPORT, {200: Answer("The batch, of any size.", whole_batch, MARKS)},
              ("not_found", "not_acceptable", "ledger_away", *LETTER_CODES), (headers,), path_parts=BATCH, head=True),
        Route("POST", f"{batch_path}/acknowledge", "acknowledge_notice_batch", "The letters have gone out.",
              partial(notice_batches.post_acknowledge, limits=limits), EXPORT,
              {200: Answer("The batch; the same again gives the same.", {JSON: ref("NoticeBatch")})},
              (*BODY_CODES, "not_found", "acknowledged_otherwise", "unknown_accounts", "ledger_away"),
              body={JSON: ref("NoticesAcknowledged")}, path_parts=BATCH),
    ]  # fmt: skip
