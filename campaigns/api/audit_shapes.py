"""The JSON Schemas of the audit log's head, of a campaign's history and of a contact's evidence."""

from collections.abc import Mapping
from typing import Any

from campaigns.api.shapes import (
    ATTEMPT,
    ATTEMPT_ALWAYS,
    CURSOR,
    HELD,
    TEXT,
    TEXTS,
    TIME,
    WHOLE,
    YES_NO,
    Schema,
    each,
    or_null,
    shape,
    words,
)
from campaigns.ledger.notices import STATES
from cti.web.openapi import ref

_DETAILS: Schema = {"type": "object", "description": "What else is on record of it, by name."}
_ENTRY: Mapping[str, Schema] = {
    "at": TIME, "what": TEXT, "by": {**TEXT, "description": "A key's label and id, or a part of the product."},
    "about": {**TEXT, "description": "A campaign, a contact, a batch, or the tenant."},
    "entry": {**WHOLE, "description": "The number in the tenant's audit log."}, "hash": or_null(TEXT),
    "details": _DETAILS,
}  # fmt: skip
_HAPPENED: Mapping[str, Schema] = {**_ENTRY, "why": TEXT, "rule": TEXT, "until": TIME}
_CAMPAIGN: Mapping[str, Schema] = {
    "id": TEXT, "name": TEXT, "kind": TEXT, "state": TEXT, "language": TEXT, "caller_id": or_null(TEXT),
    "profile": {**TEXT, "description": "Name and version of the operator's hours."}, "zone": TEXT, "windows": TEXTS,
    "closed_dates": TEXTS,
}  # fmt: skip
_CONTACT: Mapping[str, Schema] = {name: schema for name, schema in HELD.items() if name not in ("attempts", "explain")}
_WORDS: Schema = {
    **shape(
        {"again": YES_NO, "on_answer": _DETAILS, "message": _DETAILS, "why": TEXT}, ("on_answer", "message", "why")
    ),
    "description": "The words of that day made once more. `again`: their SHA-256 is that of what was said; else `why`.",
}
_DECIDED: Mapping[str, Schema] = {
    **ATTEMPT, "hours": shape({"zones": TEXTS, "dial_before": or_null(TIME), "ring_until": or_null(TIME)}),
    "words": _WORDS,
}  # fmt: skip
_NOTICE: Mapping[str, Schema] = {
    "id": TEXT, "round": WHOLE, "state": words(STATES), "created_at": TIME, "batch": TEXT, "page": WHOLE,
    "exported_at": TIME, "exported_by": TEXT, "acknowledged_at": TIME, "acknowledged_by": TEXT,
}  # fmt: skip
_EVIDENCE: Mapping[str, Schema] = {
    "campaign": ref("EvidencedCampaign"), "contact": ref("EvidencedContact"), "as_of": TIME,
    "revealed": {**YES_NO, "description": "Names and numbers are in full; that is on record."},
    "decisions": each(ref("EvidencedDecision")), "notices": each(ref("EvidencedNotice")),
    "record": {**each(ref("AuditEntry")), "description": "The newest thousand entries of the audit log about it."},
}  # fmt: skip

AUDIT_SHAPES: Mapping[str, Any] = {
    "AuditHead": shape(
        {
            "no": WHOLE,
            "hash": TEXT,
            "at": or_null(TIME),
            "anchor": {**TEXT, "description": "As `ringback audit verify --anchor` takes it."},
        }
    ),
    "AuditEntry": shape(_ENTRY),
    "CampaignHappening": shape(_HAPPENED, ("entry", "hash", "details", "why", "rule", "until")),
    "CampaignHistory": shape({"history": each(ref("CampaignHappening")), "cursor": CURSOR}),
    "EvidencedCampaign": shape(_CAMPAIGN),
    "EvidencedContact": shape(_CONTACT),
    "EvidencedDecision": shape(_DECIDED, [name for name in _DECIDED if name not in ATTEMPT_ALWAYS]),
    "EvidencedNotice": shape(_NOTICE, [name for name in _NOTICE if name not in ("id", "round", "state", "created_at")]),
    "Evidence": shape(_EVIDENCE),
}
