"""The routes of changed outages, as data."""

from collections.abc import Sequence
from functools import partial

from campaigns.api import idempotent, revisions
from campaigns.api.answering import CAMPAIGN_PATTERN, JSON
from campaigns.api.codes import BODY_CODES
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.route import Answer, Route

READ, WRITE = "campaigns:read", "campaigns:write"
CAMPAIGN = {"campaign": CAMPAIGN_PATTERN}


def revision_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/campaigns/{campaign}/revisions"
    return [
        Route("POST", path, "post_revision",
              "An outage ends at another time, or is cancelled: those who were told are told again.",
              partial(revisions.post_revision, limits=limits), WRITE,
              {202: Answer("What it has come to so far.", {JSON: ref("RevisionMade")})},
              (*BODY_CODES, *idempotent.CODES, "not_found", "wrong_state", "no_such_outage", "already_cancelled",
               "ledger_away"),
              body={JSON: ref("OutageRevision")}, path_parts=CAMPAIGN, headers=(idempotent.HEADER,)),
        Route("GET", path, "get_revisions", "The changed outages of a campaign, and how far each is.",
              revisions.get_revisions, READ, {200: Answer("All of them, the first first.", {JSON: ref("Revisions")})},
              ("not_found", "ledger_away"), path_parts=CAMPAIGN, head=True),
    ]  # fmt: skip
