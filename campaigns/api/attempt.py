"""An attempt, or a refusal, as it is shown: the keys of the contract; what is not known is left out."""

import json
from collections.abc import Mapping
from typing import Any

from campaigns.core.dispositions import BY_MACHINE
from campaigns.core.reasons import WRITTEN, Channel
from campaigns.kinds import known_kinds
from campaigns.ledger.history import Decision
from campaigns.ledger.rows import AttemptRow, CampaignRow
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.masking import masked, masked_keys

COLUMNS = (
    "contact", "n", "round", "channel", "number", "decided_at", "decision", "why", "rule", "until", "command", "call",
    "sent_at", "rang_at", "answered_at", "ended_at", "disposition", "counted", "q850", "tone", "machine", "digits",
    "amount_spoken", "template", "sha256", "caller_id", "profile", "zones", "dial_before", "note", "revised",
)  # fmt: skip


def shown_decision(campaign: CampaignRow, row: Decision, *, in_full: bool) -> dict[str, Any]:
    """As JSON members. `in_full`: numbers, keys and notes are not masked."""
    if isinstance(row, AttemptRow):
        spoken = row.amount_spoken if _was_told(campaign.kind, row) else None
        return _attempt(row._replace(amount_spoken=spoken), in_full=in_full)
    members = {
        "n": row.n,
        "round": row.round,
        "contact": row.contact,
        "decided_at": rfc3339(row.at_ms),
        "decision": "refused",
        "why": row.why,
        "rule": row.rule or None,
        "until": optional_rfc3339(row.until_ms),
    }
    always: dict[str, Any] = {
        "counted": False,
        "caller_id": campaign.caller_id,
        "profile": campaign.profile,
        "hours": {"zones": [], "dial_before": None},
    }
    return {**_known(members), **always}


def flat(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a row of a CSV."""
    return {**shown, **shown.get("said", {}), **shown["hours"]}


def _attempt(row: AttemptRow, *, in_full: bool) -> dict[str, Any]:
    members: dict[str, Any] = {
        "n": row.n,
        "round": row.round,
        "contact": row.contact,
        "channel": row.channel,
        "number": row.number if in_full else masked(row.number),
        "decided_at": rfc3339(row.decided_at_ms),
        "decision": row.decision,
        "why": row.why,
        "rule": row.rule,
        "command": row.command,
        "call": row.call,
        "sent_at": optional_rfc3339(row.sent_at_ms),
        "rang_at": optional_rfc3339(row.rang_at_ms),
        "answered_at": optional_rfc3339(row.answered_at_ms),
        "ended_at": optional_rfc3339(row.ended_at_ms),
        "disposition": row.disposition,
        "q850": row.q850,
        "tone": row.tone,
        "machine": row.machine,
        "digits": row.digits if in_full or row.digits is None else masked_keys(row.digits),
        "amount_spoken": row.amount_spoken,
        "note": row.note if in_full or row.note is None else masked(row.note),
    }
    if row.template is not None and row.sha256 is not None:
        members["said"] = {"template": row.template, "sha256": row.sha256}
    always = {
        "counted": bool(row.counted),
        "caller_id": row.caller_id,
        "profile": row.profile,
        "hours": {"zones": json.loads(row.zones), "dial_before": optional_rfc3339(row.dial_before_ms)},
    }
    return {**_known(members), **always, **({"revised": True} if row.revised else {})}


def _was_told(kind: str, row: AttemptRow) -> bool:
    """Whether somebody heard or read it, as far as is known: behind a gate only once its key was pressed."""
    if row.channel in WRITTEN:
        return row.sent_at_ms is not None
    if row.answered_at_ms is None or row.machine in BY_MACHINE:
        return False
    gate = None if row.channel == Channel.AGENT else known_kinds()[kind].gate
    return gate is None or gate.key in (row.digits or "")


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
