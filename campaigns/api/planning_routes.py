"""The routes of what is asked before a campaign begins, and done after it has ended, as data."""

from collections.abc import Sequence
from functools import partial

from campaigns.api import idempotent, rehearsal, rerun, test_call
from campaigns.api.answering import CAMPAIGN_PATTERN, JSON
from campaigns.api.codes import BODY_CODES
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.route import Answer, Route

READ, WRITE = "campaigns:read", "campaigns:write"
CAMPAIGN = {"campaign": CAMPAIGN_PATTERN}
MADE = {"Location": "Where it is.", "ETag": "Of its settings and state."}


def planning_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/campaigns/{campaign}"
    always = (*BODY_CODES, "not_found", "wrong_state", "ledger_away")
    return [
        Route("POST", f"{path}/rehearse", "post_rehearse", "How it would go. Nobody is called.",
              partial(rehearsal.post_rehearse, limits=limits), READ,
              {200: Answer("An estimate, the same for the same question.", {JSON: ref("Rehearsal")})}, always,
              body={JSON: ref("Rehearse")}, path_parts=CAMPAIGN),
        Route("POST", f"{path}/rerun", "post_rerun", "Those whom nobody reached, as a draft of their own.",
              partial(rerun.post_rerun, limits=limits), WRITE,
              {201: Answer("It is made; its import 1 is being read.", {JSON: ref("Campaign")}, MADE)},
              (*always, *idempotent.CODES, "no_contacts"), body={JSON: ref("Rerun")}, path_parts=CAMPAIGN,
              headers=(idempotent.HEADER,)),
        Route("POST", f"{path}/test-call", "post_test_call", "One's own number hears what contacts would hear.",
              partial(test_call.post_test_call, limits=limits), WRITE,
              {201: Answer("The campaign of the test; it runs.", {JSON: ref("Campaign")}, MADE)},
              (*BODY_CODES, *idempotent.CODES, "not_found", "no_contacts", "cannot_dial", "test_calls_open",
               "ledger_away"),
              body={JSON: ref("TestCall")}, path_parts=CAMPAIGN, headers=(idempotent.HEADER,)),
    ]  # fmt: skip
