"""The routes of the audit log, of a campaign's history and of a contact's evidence, as data."""

from collections.abc import Sequence

from campaigns.api import audit_head, contact_evidence, what_happened
from campaigns.api.answering import CAMPAIGN_PATTERN, CONTACT_PATTERN, JSON
from campaigns.api.notice_letters import PDF
from cti.web.cursors import NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import text, whole
from cti.web.route import Answer, Route

READ = "campaigns:read"
CAMPAIGN = {"campaign": CAMPAIGN_PATTERN}
EVIDENCE = {JSON: ref("Evidence"), PDF: {"type": "string", "format": "binary"}}
KEY = (NUMBER, NUMBER, NUMBER)  # at, source, number


def audit_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/campaigns/{campaign}"
    cursor = page_cursor(KEY)
    limit = whole("limit", f"So many at most; {what_happened.PAGE} where absent.", 1, limits.page_items)
    purpose = text("purpose", "Why names and numbers are looked at, for the record: shows them, to a key that may.")
    return [
        Route("GET", "/v1/audit/head", "get_audit_head", "The newest hash of the audit log: an anchor to keep.",
              audit_head.get_audit_head, READ, {200: Answer("As it is now.", {JSON: ref("AuditHead")})},
              ("ledger_away",), head=True),
        Route("GET", f"{path}/history", "get_history", "Who did what with a campaign, the oldest first.",
              what_happened.get_history, READ, {200: Answer("A page of it.", {JSON: ref("CampaignHistory")})},
              ("not_found", "ledger_away"), (limit, cursor), path_parts=CAMPAIGN, head=True),
        Route("GET", f"{path}/contacts/{{contact}}/evidence", "get_evidence", "All that is on record of one contact.",
              contact_evidence.get_evidence, READ,
              {200: Answer("Its decisions, words, notices and who looked at it.", EVIDENCE)},
              ("not_found", "not_acceptable", "letters_unavailable", "letters_busy", "letters_failed", "ledger_away"),
              (purpose,), path_parts={**CAMPAIGN, "contact": CONTACT_PATTERN}, head=True),
    ]  # fmt: skip
