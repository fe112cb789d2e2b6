"""GET .../contacts/{contact}/evidence: one page of all that is on record of a contact.

Names and numbers are shown to a key that may see them and says what for: without a `purpose` nothing is revealed. The
purpose is on record before the answer begins, and so in the answer.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from campaigns.api.answering import JSON, json_answer, noted, who
from campaigns.api.attempt import shown_decision
from campaigns.api.audit_entry import shown_entry
from campaigns.api.contacts import contact_meant, whole_contact
from campaigns.api.evidence_pdf import evidence_pdf
from campaigns.api.notice_letters import PDF
from campaigns.api.shown import masked_name, shown_campaign
from campaigns.api.streams import streamed
from campaigns.context import Context
from campaigns.core.reasons import WRITTEN
from campaigns.dialler.orders import Callers, said_on
from campaigns.kinds import Text
from campaigns.ledger import contact_record
from campaigns.ledger.contact_record import ContactRecord, Sent
from campaigns.ledger.history import Decision
from campaigns.ledger.rows import AttemptRow, CampaignRow
from campaigns.rendering import Part, Said
from cti.web.accept import wanted
from cti.web.auth import REVEAL
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.refusal import Refusal
from cti.web.route import Asked

OF_THE_CAMPAIGN = (
    "id", "name", "kind", "state", "language", "caller_id", "profile", "zone", "windows", "closed_dates",
)  # fmt: skip
OTHER_WORDS = "other words would be said today: the contact, the templates or who speaks have changed"


async def get_evidence(context: Context, asked: Asked) -> web.StreamResponse:
    """As JSON, or as PDF to be handed on.

    Raises Refusal `not_found`, `scope_missing` for a purpose without the scope that it is for.
    """
    media = wanted(asked.request.headers.get("Accept"), (JSON, PDF))
    row, contact = await contact_meant(context, asked)
    purpose = asked.query.get("purpose")
    if purpose is not None:
        if not asked.caller.sees_numbers:
            raise Refusal("scope_missing", f"To see names and numbers needs the scope {REVEAL}; leave `purpose` out")
        await noted(context, asked, "evidence_shown", contact.id, revealed=True, purpose=purpose)
    found = await context.reader.run(contact_record.read, contact.id)
    if found is None:
        raise Refusal("not_found", "No such contact")
    page = evidence(context, row, found, in_full=purpose is not None)
    if media == JSON:
        return json_answer(page)
    content = {"Content-Type": PDF, "Content-Disposition": f'inline; filename="{contact.id}.pdf"'}
    if asked.request.method == "HEAD":
        return web.Response(headers=content)
    async with evidence_pdf(context, row, page, who(asked.caller)) as pieces:
        return await streamed(asked, content, pieces)


def evidence(context: Context, row: CampaignRow, found: ContactRecord, *, in_full: bool) -> dict[str, Any]:
    """The page as JSON members."""
    campaign = shown_campaign(row, context.rules)
    contact = whole_contact(row, found.contact, found.attempts, found.decisions, in_full=in_full)
    del contact["attempts"]  # they are the decisions
    return {
        "campaign": {name: campaign[name] for name in OF_THE_CAMPAIGN},
        "contact": contact,
        "as_of": rfc3339(context.now_ms()),
        "revealed": in_full,
        "decisions": [_decision(context, row, found, decision, in_full) for decision in found.decisions],
        "notices": [_notice(sent) for sent in found.notices],
        "record": [shown_entry(entry, in_full=in_full) for entry in found.audited],
    }


def _decision(
    context: Context, campaign: CampaignRow, found: ContactRecord, decision: Decision, in_full: bool
) -> dict[str, Any]:
    """An attempt or a refusal with its hours, and what was said."""
    shown = shown_decision(campaign, decision, in_full=in_full)
    ring_until_ms = decision.ring_until_ms if isinstance(decision, AttemptRow) else None
    shown["hours"] = {**shown["hours"], "ring_until": optional_rfc3339(ring_until_ms)}
    if isinstance(decision, AttemptRow) and decision.sha256 is not None:
        shown["words"] = _words(context, campaign, found, decision, in_full)
    return shown


def _words(
    context: Context, campaign: CampaignRow, found: ContactRecord, attempt: AttemptRow, in_full: bool
) -> dict[str, Any]:
    """The words of that day made once more; they are shown only where they are those that were said."""
    settings, contact = context.settings, found.contact
    callers = Callers(Text(settings.caller_zh, settings.caller_en), settings.call_back)
    part = Part.MESSAGE if attempt.channel in WRITTEN else Part.CALL
    at_ms, rules = attempt.decided_at_ms, context.rules
    said = said_on(campaign, contact, at_ms, rules, callers, (part,))
    if isinstance(said, str):
        return {"again": False, "why": said}
    if said.sha256 != attempt.sha256:
        return {"again": False, "why": OTHER_WORDS}
    if not in_full:
        masked = contact._replace(name=masked_name(contact.name))
        said = said_on(campaign, masked, at_ms, rules, callers, (part,))
    return {"again": True, **_parts(said)} if isinstance(said, Said) else {"again": False, "why": said}


def _parts(said: Said) -> Mapping[str, Any]:
    parts = {"on_answer": dict(said.on_answer), "message": dict(said.message)}
    return {name: words for name, words in parts.items() if words}


def _notice(sent: Sent) -> dict[str, Any]:
    """What became of a letter; its text stands in its batch."""
    notice, batch = sent
    members: dict[str, Any] = {"batch": notice.batch, "page": notice.page}
    if batch is not None:
        members |= {
            "exported_at": rfc3339(batch.made_at_ms),
            "exported_by": batch.who,
            "acknowledged_at": optional_rfc3339(batch.acknowledged_at_ms),
            "acknowledged_by": batch.acknowledged_by,
        }
    always = {
        "id": notice.id,
        "round": notice.round,
        "state": notice.state,
        "created_at": rfc3339(notice.created_at_ms),
    }
    return {**always, **{name: value for name, value in members.items() if value is not None}}
