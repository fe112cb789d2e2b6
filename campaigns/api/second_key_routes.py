"""The routes by which a campaign is changed, approved and drained, and of its exception to the quiet hours, as data."""

from collections.abc import Sequence
from functools import partial

from campaigns.api import actions, changes, idempotent, second_key
from campaigns.api.answering import CAMPAIGN_PATTERN, JSON
from campaigns.api.codes import BODY_CODES
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.route import Answer, Route

WRITE, APPROVE = "campaigns:write", "campaigns:approve"
NOTHING = ("unsupported_encoding", "body_too_slow", "too_large")
ETAG = {"ETag": "Of its settings and state."}


def second_key_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/campaigns/{campaign}"
    then = Answer("The campaign as it is then.", {JSON: ref("Campaign")}, ETAG)
    always = ("not_found", "wrong_state", "ledger_away")
    route = partial(Route, "POST", path_parts={"campaign": CAMPAIGN_PATTERN}, answers={202: then})
    return [
        Route("PATCH", path, "patch_campaign", "Other pace, windows or priority, while it runs too.",
              partial(changes.patch_campaign, limits=limits), WRITE, {200: then},
              (*BODY_CODES, *always, "precondition_required", "changed_meanwhile"),
              body={JSON: ref("Change")}, path_parts={"campaign": CAMPAIGN_PATTERN}, headers=(changes.HEADER,)),
        route(f"{path}/approve", "post_approve", "A second key approves what it has read of a campaign.",
              partial(second_key.post_approve, limits=limits), scope=APPROVE,
              codes=(*BODY_CODES, *always, "second_key_needed", "approval_mismatch"), body={JSON: ref("Approve")}),
        route(f"{path}/drain", "post_drain", "Nobody new is called; what has begun goes on to its end.",
              partial(actions.post_drain, limits=limits), scope=WRITE, codes=(*NOTHING, *always)),
        Route("POST", f"{path}/emergency", "post_emergency", "Ask for an exception to the quiet hours of an outage.",
              partial(second_key.post_emergency, limits=limits), WRITE,
              {201: Answer("It waits for a second key.", {JSON: ref("Emergency")})},
              (*BODY_CODES, *idempotent.CODES, *always, "no_emergency"), body={JSON: ref("AskEmergency")},
              path_parts={"campaign": CAMPAIGN_PATTERN}, headers=(idempotent.HEADER,)),
        route(f"{path}/emergency/approve", "post_emergency_approve", "A second key approves it: it holds from now on.",
              partial(second_key.post_emergency_approve, limits=limits), scope=APPROVE,
              codes=(*BODY_CODES, *always, "second_key_needed", "no_emergency"), body={JSON: ref("ApproveEmergency")}),
        route(f"{path}/emergency/end", "post_emergency_end", "The quiet hours hold again before its time is over.",
              partial(second_key.post_emergency_end, limits=limits), scope=WRITE,
              codes=(*NOTHING, "not_found", "ledger_away", "no_emergency")),
    ]  # fmt: skip
