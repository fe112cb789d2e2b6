"""The JSON Schemas of what is asked for and answered about payments and the do-not-call list."""

from collections.abc import Mapping
from typing import Any

from campaigns.api.settlements import COUNTS
from campaigns.api.shapes import CURSOR, TEXT, TEXTS, TIME, WHOLE, Schema, each, or_null, shape
from cti.web.openapi import component_schemas
from schemas.settlements import CallAgain, DoNotCall, Settlement

_ENTRY: dict[str, Schema] = {
    "id": TEXT, "number": TEXT, "account": TEXT, "reason": TEXT, "since": TIME, "until": or_null(TIME),
    "created_at": TIME, "by": TEXT,
}  # fmt: skip
_NAMED = ("number", "account")
_SETTLED: dict[str, Schema] = {
    "reference": TEXT, "account": TEXT, "items": TEXTS, "settled_at": TIME, "received_at": TIME,
    "paid": {**WHOLE, "description": "Contacts that are final now."},
    "in_part": {**WHOLE, "description": "Contacts of which something is left."},
    "withdrawn": {**WHOLE, "description": "Orders that were not sent."},
    "recalled": {**WHOLE, "description": "Notices that nobody has yet."},
    "to_recall": {**TEXTS, "description": "Ids of notices that were exported and should not go out any more."},
}  # fmt: skip
PAYMENT_SHAPES: Mapping[str, Any] = {
    **component_schemas([Settlement, DoNotCall, CallAgain]),
    "Settled": shape(_SETTLED),
    "SettlementsTold": shape({**dict.fromkeys(COUNTS, WHOLE), "rows": each(shape({"cells": TEXTS, "error": TEXT}))}),
    "DoNotCallEntered": shape({**_ENTRY, "withdrawn": WHOLE}, _NAMED),
    "DoNotCallEntries": shape({"entries": each(shape(_ENTRY, _NAMED)), "cursor": CURSOR}),
}
