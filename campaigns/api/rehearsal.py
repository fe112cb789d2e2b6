"""POST .../rehearse: how the campaign would go from an instant on, at a pace. Nothing is written, nobody is called."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from campaigns.api.answering import json_answer, meant
from campaigns.api.codes import invalid
from campaigns.api.pace import carried
from campaigns.api.refusals import wrong_state
from campaigns.context import Context
from campaigns.core.campaign import Campaign
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.reasons import CampaignState, Disposition, State
from campaigns.core.rehearsal import HORIZON_MS, Call, Plan, Rehearsal, Rehearsed, Walked
from campaigns.ledger import rehearsing
from campaigns.ledger.compiled import campaign_for, campaign_of, contact_of
from campaigns.ledger.rehearsing import Sample
from campaigns.ledger.rows import CampaignRow
from campaigns.rehearsing import DELIVERED, calls_by
from cti.web.body import model_of, read_json
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Rehearse
from schemas.fields import ms_of

ENDED = frozenset({CampaignState.STOPPING, CampaignState.STOPPED, CampaignState.DONE, CampaignState.EXPIRED})
HOUR_MS = 60 * MINUTE_MS


async def post_rehearse(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `wrong_state`, `invalid_body` for a start that is too late."""
    row = await meant(context, asked)
    given = Rehearse()
    if asked.request.body_exists:
        given = model_of(await read_json(asked.request, limits), limits, Rehearse)
    if CampaignState(row.state) in ENDED:
        allowed = tuple(state.value for state in CampaignState if state not in ENDED)
        raise wrong_state(row.state, "rehearse", allowed)
    now_ms = context.now_ms()
    start_ms = now_ms if given.start_at is None else max(now_ms, ms_of(given.start_at))
    if start_ms > now_ms + HORIZON_MS:
        days = HORIZON_MS // (24 * HOUR_MS)
        raise invalid([fault("/start_at", "range", f"At most {days} days from now")])
    found = await context.reader.run(rehearsing.sample, row)
    learnt = await context.reader.run(rehearsing.experience, row.tenant, row.kind)
    calls, known = calls_by(learnt)
    pace = carried(row, await context.declared(row.tenant, row.switch), given.pacing)
    plan = Plan(start_ms, *pace, calls, max(1.0, found.open / max(1, len(found.contacts))), delivered=DELIVERED)
    made = await _rehearsed(walked(context, row, found), plan)
    return json_answer(shown(row, found, plan, made, known, now_ms))


def walked(context: Context, row: CampaignRow, found: Sample) -> list[Walked]:
    """The contacts as they stand, the campaign as if it ran."""
    campaign: Campaign = replace(campaign_of(row, context.rules), state=CampaignState.RUNNING)
    return [
        Walked(contact_of(contact, tried), campaign_for(campaign, contact), contact.notice_out_by_ms)
        for contact, tried in found.contacts
    ]


async def _rehearsed(contacts: list[Walked], plan: Plan) -> Rehearsed:
    rehearsal = Rehearsal(contacts, plan)
    while not rehearsal.over:
        rehearsal.go_on()
        await asyncio.sleep(0)
    return rehearsal.made()


def shown(row: CampaignRow, found: Sample, plan: Plan, made: Rehearsed, known: int, now_ms: int) -> dict[str, Any]:
    """As it is answered; counts are rounded."""
    by_why = {why or "attempts_used": round(count) for why, count in made.handed_over.items()}
    return {
        "campaign": row.id,
        "as_of": rfc3339(now_ms),
        "start_at": rfc3339(plan.start_ms),
        "contacts": found.open,
        "sample": len(found.contacts),
        "pacing": {"calls_per_second": plan.per_second, "calls_at_once": plan.at_once},
        "calls": round(made.calls),
        "messages": round(made.messages),
        "first_dial_at": optional_rfc3339(made.first_dial_ms),
        "last_dial_at": optional_rfc3339(made.last_dial_ms),
        "finish_at": optional_rfc3339(made.finish_ms),
        "peak_lines": made.peak_lines,
        "outcomes": {state.value: round(made.outcomes[state]) for state in State if state in made.outcomes},
        "open": round(made.open),
        "fallbacks": dict(sorted(by_why.items())),
        "deadlines": {
            "notice_out_by": {
                "at": optional_rfc3339(row.notice_out_by_ms), "met": round(made.out_met),
                "missed": round(made.out_missed),
            },
            "fallback_by": {
                "at": optional_rfc3339(row.fallback_by_ms), "missed": by_why.get("deadline_past", 0),
            },
        },
        "by_hour": [{"from": rfc3339(hour * HOUR_MS), "calls": round(calls)} for hour, calls in made.by_hour.items()],
        "assumed": {"of_calls": known, "dispositions": _shares(plan.calls), "delivered": plan.delivered},
    }  # fmt: skip


def _shares(calls: Mapping[Disposition, Call]) -> dict[str, Any]:
    return {
        disposition.value: {"share": round(call.share, 4), "lasts_s": round(call.lasts_ms / 1000, 1)}
        for disposition, call in calls.items()
    }
