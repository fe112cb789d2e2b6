"""The JSON Schemas of what is asked for and answered, for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from campaigns.approvals.standing import CONTACTS, KIND
from campaigns.approvals.voiding import IMPORT, SETTINGS, WITHDRAWAL
from campaigns.core.dispositions import MINUTE_MS, NO_AGENT_MAX_MINUTES
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import CampaignState, Disposition, State, Why
from campaigns.core.zones import zone_names
from campaigns.ledger.notices import STATES
from cti.web.openapi import component_schemas, ref
from schemas.campaigns import (
    MINUTES_MAX,
    RING_TIMEOUT_MAX_S,
    Approve,
    ApproveEmergency,
    AskEmergency,
    Change,
    Channel,
    Fallback,
    Freeze,
    HoursAsked,
    Kind,
    Language,
    NewCampaign,
    Outcome,
    Retried,
    Start,
    Stop,
)
from schemas.message_receipts import MessageReceipt

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
YES_NO: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": TEXT}
CURSOR: Schema = {"type": ["string", "null"], "description": "Of the next page; null: there is none."}
ZONE_PATTERN = "^[A-Za-z0-9_+/-]{1,64}$"


def shape(members: Mapping[str, Schema], optional: Sequence[str] = ()) -> dict[str, Any]:
    """An object; the optional members are absent where there is nothing to say."""
    return {
        "type": "object",
        "required": [name for name in members if name not in optional],
        "properties": {name: dict(schema) for name, schema in members.items()},
        "additionalProperties": False,
    }


def words(values: Sequence[str]) -> Schema:
    """One of a closed list."""
    return {"type": "string", "enum": list(values)}


def or_null(schema: Schema) -> Schema:
    """The same or null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def each(schema: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": dict(schema)}


def counts(what: str) -> Schema:
    """How many, by name."""
    return {"type": "object", "additionalProperties": WHOLE, "description": what}


BOTH: Schema = shape({"zh": TEXT, "en": TEXT})
WHY: Schema = words([why.value for why in Why])
_CAMPAIGN: dict[str, Schema] = {
    "id": TEXT, "name": TEXT, "kind": words(get_args(Kind)), "state": words([state.value for state in CampaignState]),
    "switch": TEXT, "trunk_group": TEXT, "caller_id": or_null(TEXT), "queue": or_null(TEXT),
    "language": words(get_args(Language)), "windows": TEXTS, "closed_dates": TEXTS, "zone": TEXT,
    "pacing": shape({"calls_per_second": WHOLE, "calls_at_once": WHOLE}), "ring_timeout_s": WHOLE,
    "attempts_max": WHOLE, "retry": counts("Minutes to the next attempt, by disposition."),
    "channels": each(words(get_args(Channel))), "fallback": words(get_args(Fallback)),
    "received_at": TIME, "notice_out_by": or_null(TIME), "fallback_by": or_null(TIME), "expires_at": or_null(TIME),
    "provisional": {**YES_NO, "description": "A deadline counts days of a year that nobody has announced."},
    "priority": WHOLE, "profile": TEXT, "paused_why": or_null(TEXT), "live": or_null(words(("finish", "clear"))),
    "created_at": TIME, "created_by": TEXT, "started_at": or_null(TIME), "ended_at": or_null(TIME),
    "start_at": {**or_null(TIME), "description": "When it starts by itself."},
    "draining": {**YES_NO, "description": "Nobody new is called."},
    "approval": ref("CampaignApproval"), "emergency": or_null(ref("Emergency")),
    "emergency_until": {**or_null(TIME), "description": "Until when the quiet hours do not hold now."},
    "progress": ref("CampaignProgress"), "next": ref("CampaignNext"),
}  # fmt: skip
SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_APPROVAL: dict[str, Schema] = {
    "needed": {**each(words((KIND, CONTACTS))), "description": "Why a second key must approve; empty: it need not."},
    "digest": {**SHA256, "description": "Of what is to be approved: of the hashes of its parts."},
    "parts": shape({"settings": SHA256, "files": SHA256, "words": SHA256}),
    "files": each(shape({"n": WHOLE, "file": TEXT, "sha256": SHA256, "accepted": WHOLE, "contacts": WHOLE})),
    "in_force": {**YES_NO, "description": "Exactly this is approved."},
    "approved": or_null(shape({"at": TIME, "by": TEXT, "digest": SHA256, "void_at": or_null(TIME),
                               "void_why": or_null(words((IMPORT, WITHDRAWAL, SETTINGS)))})),
}  # fmt: skip
_EMERGENCY: dict[str, Schema] = {
    "n": WHOLE, "reason": TEXT, "until": TIME, "asked_at": TIME, "asked_by": TEXT, "approved_at": or_null(TIME),
    "approved_by": or_null(TEXT), "ended_at": or_null(TIME), "ended_by": or_null(TEXT),
    "in_force": {**YES_NO, "description": "By this one the quiet hours do not hold now."},
}  # fmt: skip
_PROGRESS: dict[str, Schema] = {
    "as_of": TIME, "contacts": WHOLE, **{state.value: WHOLE for state in State}, "attempts": WHOLE, "counted": WHOLE,
    "live": WHOLE,
    "dispositions": counts("Attempts, by what they came to."), "refused": counts("Refusals, by why."),
    "deadlines": shape({"met": WHOLE, "at_risk": WHOLE, "missed": WHOLE}), "eta": or_null(TIME),
    "notices": shape(dict.fromkeys(STATES, WHOLE)),
}  # fmt: skip
_EXPLANATION: dict[str, Schema] = {
    "may_dial": YES_NO, "at": TIME, "until": TIME, "dial_before": TIME, "rule": TEXT, "why": WHY, "text": BOTH,
    "zones": TEXTS, "local": each(shape({"zone": TEXT, "time": TIME, "open": YES_NO})),
}  # fmt: skip
ATTEMPT: dict[str, Schema] = {
    "n": WHOLE, "round": WHOLE, "contact": TEXT, "channel": TEXT, "number": TEXT, "decided_at": TIME,
    "decision": words(("dialled", "refused", "withdrawn", "not_dialled")), "why": TEXT, "rule": TEXT, "command": TEXT,
    "call": TEXT, "sent_at": TIME, "rang_at": TIME, "answered_at": TIME, "ended_at": TIME, "until": TIME,
    "disposition": words([disposition.value for disposition in Disposition]), "counted": YES_NO, "q850": WHOLE,
    "tone": TEXT, "machine": TEXT, "digits": TEXT, "amount_spoken": TEXT,
    "said": shape({"template": TEXT, "sha256": TEXT}),
    "caller_id": or_null(TEXT), "profile": TEXT, "hours": shape({"zones": TEXTS, "dial_before": or_null(TIME)}),
    "note": TEXT, "revised": YES_NO,
}  # fmt: skip
ATTEMPT_ALWAYS = ("n", "round", "contact", "decided_at", "decision", "counted", "caller_id", "profile", "hours")
_CONTACT: dict[str, Schema] = {
    "contact": TEXT, "campaign": TEXT, "account": TEXT, "name": TEXT, "class": TEXT, "important": YES_NO,
    "numbers": TEXTS, "state": words([state.value for state in State]), "round": WHOLE, "attempts": WHOLE,
    "counted": WHOLE, "disposition": or_null(TEXT), "why": or_null(TEXT), "next_at": or_null(TIME),
    "promise_date": or_null(TEXT), "notice_out_by": or_null(TIME), "fallback_by": or_null(TIME),
    "expires_at": or_null(TIME), "notice_out_at": or_null(TIME),
}  # fmt: skip
_SAMPLE: Schema = {
    "type": "object",
    "description": "What one contact would hear today: `on_answer`, `message` as ordered, in the campaign's language.",
    "required": ["contact"],
    "properties": {"contact": TEXT, "on_answer": {"type": "object"}, "message": {"type": "object"}, "cannot_say": TEXT},
}
_IMPORT: dict[str, Schema] = {
    "campaign": TEXT, "n": WHOLE, "file": TEXT, "keep": TEXTS,
    "dropped": {**TEXTS, "description": "Columns with numbers of identity cards or bank cards: none is kept."},
    "sheet": {**or_null(TEXT), "description": "Of a workbook: the one that was read."},
    "hidden_sheets": {**TEXTS, "description": "Of a workbook: not read unless `sheet` names one."},
    "sha256": or_null(TEXT), "bytes": WHOLE,
    "state": words(("running", "done", "failed")), "withdrawal": {
        **or_null(words(("withdrawing", "withdrawn"))),
        "description": "Of one that is taken back; `withdrawn`: nothing of it reaches anybody any more.",
    }, "error": or_null(TEXT), "received": WHOLE, "accepted": WHOLE,
    "rejected": WHOLE, "merged": WHOLE, "contacts": WHOLE, "created_at": TIME, "ended_at": or_null(TIME), "by": TEXT,
    "sample": _SAMPLE,
}  # fmt: skip
_WITHDRAWAL: dict[str, Schema] = {
    "campaign": TEXT, "n": WHOLE,
    "acknowledged": {**YES_NO, "description": "Nothing of the import reaches anybody any more."},
    "cancelled": {**WHOLE, "description": "Contacts that are not called any more."},
    "left": {**WHOLE, "description": "Contacts that are still to be cancelled, or whose call still ends."},
    "notices": shape({"recalled": WHOLE, "to_recall": WHOLE}),
    "told": {**WHOLE, "description": "Contacts that answered, or were reached in another way."},
    "accounts": each(shape({"account": TEXT, "contact": TEXT, "state": words([state.value for state in State]),
                            "told_at": TIME})),
    "cursor": CURSOR,
}  # fmt: skip
_OUTBOUND: dict[str, Schema] = {
    "frozen": YES_NO, "reason": or_null(TEXT), "by": or_null(TEXT), "at": or_null(TIME),
    "acknowledged": {**YES_NO, "description": "Of a freeze: nothing more is sent."},
}  # fmt: skip
HELD: dict[str, Schema] = {**_CONTACT, "attempts": each(ref("Attempt")), "address": TEXT, "zones": TEXTS,
                           "items": each({"type": "object", "additionalProperties": TEXT}),
                           "settled": each({"type": "object", "additionalProperties": TEXT}),
                           "kept": {"type": "object", "additionalProperties": TEXT},
                           "explain": ref("Explanation")}  # fmt: skip


def shapes(rules: OperatorRules) -> dict[str, Any]:
    """The components, with the limits of an operator's rules in what is asked for."""
    return {
        **_asked(rules),
        "Campaign": shape(_CAMPAIGN),
        "Campaigns": shape({"campaigns": each(ref("Campaign")), "cursor": CURSOR}),
        "CampaignProgress": shape(_PROGRESS),
        "CampaignApproval": shape(_APPROVAL),
        "Emergency": shape(_EMERGENCY),
        "CampaignNext": shape({"text": BOTH, "until": or_null(TIME), "why": or_null(TEXT), "rule": or_null(TEXT)}),
        "Import": shape(_IMPORT, ("sample",)),
        "ImportWithdrawal": shape(_WITHDRAWAL),
        "ContactListed": shape(_CONTACT),
        "Contacts": shape({"contacts": each(ref("ContactListed")), "cursor": CURSOR, "as_of": TIME}),
        "Contact": shape(HELD),
        "Attempt": shape(ATTEMPT, [name for name in ATTEMPT if name not in ATTEMPT_ALWAYS]),
        "Explanation": shape(_EXPLANATION, ("until", "dial_before", "rule", "why")),
        "Outbound": shape(_OUTBOUND),
        "MessageReceiptTaken": shape({"taken": YES_NO}),
    }


def _asked(rules: OperatorRules) -> dict[str, Any]:
    asked = component_schemas(
        [
            NewCampaign,
            Change,
            Start,
            Approve,
            AskEmergency,
            ApproveEmergency,
            Stop,
            Outcome,
            Freeze,
            HoursAsked,
            MessageReceipt,
        ]
    )
    campaign = asked["NewCampaign"]["properties"]
    floor_s = rules.ring_timeout_floor_ms // 1000
    campaign["ring_timeout_s"] = or_null({"type": "integer", "minimum": floor_s, "maximum": RING_TIMEOUT_MAX_S})
    least = {kind: rules.retry_ms[kind] for kind in get_args(Kind)}
    campaign["retry"] = or_null(
        {
            "type": "object",
            "description": "Minutes to the next attempt, by disposition; only longer than the profile's.",
            "properties": {
                name: {
                    "type": "integer",
                    "minimum": max(delays[name] for delays in least.values()) // MINUTE_MS,
                    "maximum": NO_AGENT_MAX_MINUTES if name == Disposition.NO_AGENT else MINUTES_MAX,
                }
                for name in get_args(Retried)
            },
            "additionalProperties": False,
        }
    )
    return {**_zones_named(asked), "TimeZone": words(zone_names())}


def _zones_named(schema: Any) -> Any:
    """The same with a list of the zones there are in the place of their form."""
    if isinstance(schema, list):
        return [_zones_named(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("pattern") == ZONE_PATTERN:
        return ref("TimeZone")
    return {name: _zones_named(part) for name, part in schema.items()}
