"""The JSON Schemas of what is asked for and answered about notices, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from campaigns.api.shapes import CURSOR, TEXT, TIME, WHOLE, YES_NO, Schema, each, shape, words
from campaigns.ledger.notices import ACKNOWLEDGED, EXPORTED, STATES
from campaigns.letters.content import GLYPH, LENGTH
from campaigns.settlements.items import IN_PART
from cti.web.openapi import component_schemas, ref
from schemas.notices import NoticeBatchAsked, NoticesAcknowledged

_ITEM: Schema = {
    "type": "object",
    "additionalProperties": TEXT,
    "description": "A row of the account. Sums that grow are those of the day `as_of`, where they could be computed.",
}
_ATTEMPT: Mapping[str, Schema] = {
    "n": WHOLE, "channel": TEXT, "decided_at": TIME, "sent_at": TIME, "answered_at": TIME, "ended_at": TIME,
    "disposition": TEXT, "counted": YES_NO,
}  # fmt: skip
_NOTICE: Mapping[str, Schema] = {
    "id": TEXT, "campaign": TEXT, "account": TEXT, "name": TEXT, "address": TEXT, "kind": TEXT, "items": each(_ITEM),
    "attempts": each(ref("NoticeAttempt")), "created_at": TIME, "state": words(STATES), "batch": TEXT,
    "to_recall": {**YES_NO, "description": "It was exported, and is owed no more: keep the letter back."},
}  # fmt: skip
_ASIDE: Mapping[str, Schema] = {
    "field": TEXT, "rule": words((GLYPH, LENGTH, IN_PART)),
    "characters": {**each(TEXT), "description": "Those that no font has, as U+20BB7."},
    "paid": {**each(TEXT), "description": "Of an item of several months: those that are paid."},
}  # fmt: skip
_SET_ASIDE: Schema = {
    **each(ref("SetAside")),
    "description": "No letter is printed of it: a person writes to this customer. Absent: one is, or the service has "
    "no fonts and prints none.",
}
_BATCH: Mapping[str, Schema] = {
    "id": TEXT, "campaign": TEXT, "created_at": TIME, "by": {**TEXT, "description": "The key that made it."},
    "count": {**WHOLE, "description": "Its notices."}, "state": words((EXPORTED, ACKNOWLEDGED)),
    "acknowledged_at": TIME, "acknowledged_by": TEXT,
    "failed": {**WHOLE, "description": "How many could not be delivered."},
}  # fmt: skip
_ACKNOWLEDGED = ("acknowledged_at", "acknowledged_by", "failed")

NOTICE_SHAPES: Mapping[str, Any] = {
    **component_schemas([NoticeBatchAsked, NoticesAcknowledged]),
    "NoticeAttempt": shape(_ATTEMPT, ("sent_at", "answered_at", "ended_at")),
    "Notice": shape(_NOTICE, ("address", "batch", "to_recall")),
    "SetAside": shape(_ASIDE, ("characters", "paid")),
    "NoticeInFull": shape({**_NOTICE, "set_aside": _SET_ASIDE}, ("address", "batch", "to_recall", "set_aside")),
    "Notices": shape({"notices": each(ref("Notice")), "cursor": CURSOR}),
    "NoticeBatch": shape(_BATCH, _ACKNOWLEDGED),
    "NoticeBatchInFull": shape({**_BATCH, "notices": each(ref("NoticeInFull"))}, _ACKNOWLEDGED),
    "NoticeBatches": shape({"batches": each(ref("NoticeBatch")), "cursor": CURSOR}),
}
